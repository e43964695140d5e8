"""Activations against identity convolutions, planted patches, and receptive fields measured pixel by pixel."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import keras_xai as kx
from keras_xai.engine import engine_for
from keras_xai.explainers.activations import Look, crop, drivers, highest
from keras_xai.queries import Queries, activations_at


def identity_convolution(channels, **arguments):
    """1×1, channel k is input channel k."""
    layer = layers.Conv2D(channels, 1, use_bias=False, **arguments)
    layer.build((None, None, None, channels))
    layer.set_weights([np.eye(channels, dtype=np.float32)[None, None]])
    return layer


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).normal(size=(5, 8, 6, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def identity():
    return keras.Sequential(
        [
            keras.Input((8, 6, 3)),
            identity_convolution(3, name="once"),
            identity_convolution(3, name="twice"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2),
        ]
    )


class TestFeatureMaps:
    def test_an_identity_convolution_shows_the_input(self, identity, images):
        found = kx.Activations(channels=3)(identity, images)
        assert found.details["layer"] == ["once", "twice"]
        for path in found.details["layer"]:
            np.testing.assert_allclose(found.details["feature_maps"][path], images, atol=1e-6)
            assert found.details["channels"][path] == [0, 1, 2]

    def test_the_map_is_the_mean_square_over_all_channels_of_the_deepest_layer(self, identity, images):
        found = kx.Activations(channels=1)(identity, images)
        np.testing.assert_allclose(found.maps, (images**2).mean(axis=-1), rtol=1e-5, atol=1e-6)

    def test_named_layers_and_channels(self, identity, images):
        found = kx.Activations(layers=["twice"], channels=[2, 0])(identity, images)
        np.testing.assert_allclose(found.details["feature_maps"]["twice"], images[..., [2, 0]], atol=1e-6)
        assert found.details["channels"] == {"twice": [2, 0]}

    def test_channels_do_not_depend_on_the_weights(self, images):
        def network(seed):
            keras.utils.set_random_seed(seed)
            return keras.Sequential(
                [
                    keras.Input((8, 6, 3)),
                    layers.Conv2D(40, 3, name="wide"),
                    layers.GlobalAveragePooling2D(),
                    layers.Dense(2),
                ]
            )

        chosen = [kx.Activations(channels=5)(network(seed), images).details["channels"]["wide"] for seed in (0, 1)]
        # Evenly over 0 to 39, both ends included: 0, 9.75, 19.5, 29.25, 39.
        assert chosen == [[0, 10, 20, 29, 39]] * 2

    @pytest.mark.parametrize(
        ("how_many", "width", "expected"), [(1, 8, [0]), (2, 8, [0, 7]), (8, 8, list(range(8))), (9, 4, [0, 1, 2, 3])]
    )
    def test_channels_are_spread_over_the_width(self, how_many, width, expected):
        assert Look(how_many).chosen(width) == expected

    def test_layers_are_spread_over_the_depth(self, images):
        model = keras.Sequential(
            [
                keras.Input((8, 6, 3)),
                *(layers.Conv2D(3, 3, padding="same", name=f"conv{i}") for i in range(7)),
                layers.GlobalAveragePooling2D(),
                layers.Dense(2),
            ]
        )
        for depth, expected in [(1, [6]), (2, [0, 6]), (3, [0, 3, 6]), (4, [0, 2, 4, 6]), (20, range(7))]:
            found = kx.Activations(depth=depth)(model, images)
            assert found.details["layer"] == [f"conv{i}" for i in expected]

    def test_maps_are_taken_after_their_activation(self, images):
        inputs = x = keras.Input((8, 6, 3))
        for i in range(3):
            x = layers.Conv2D(3, 3, padding="same", name=f"conv{i}")(x)
            x = layers.BatchNormalization(name=f"normalised{i}")(x)
            x = layers.Activation("relu", name=f"relu{i}")(x)
        model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x)))
        assert kx.Activations(depth=9)(model, images).details["layer"] == ["relu0", "relu1", "relu2"]

    def test_an_unknown_channel_is_refused(self, identity, images):
        with pytest.raises(ValueError, match=r"channels=\[0, 3\]: a chosen layer has 3 channels, 0 to 2"):
            kx.Activations(channels=[0, 3])(identity, images)


class TestDrivers:
    def test_peaks_and_places_with_a_pencil(self):
        activations = np.zeros((2, 2, 3, 2), np.float32)
        activations[0, 1, 0, 0] = 5
        activations[1, 0, 2, 0] = 7
        activations[1, 1, 1, 1] = 6
        chosen, peaks, places, energy = map(ops.convert_to_numpy, Look((1,), energy=True)(activations))
        np.testing.assert_array_equal(chosen, activations[..., 1:])
        np.testing.assert_array_equal(energy[1], [[0, 0, 24.5], [0, 18, 0]])
        np.testing.assert_array_equal(peaks, [[5, 0], [7, 6]])
        np.testing.assert_array_equal(places, [[3, 0], [2, 4]])

    def test_the_crop_shows_the_patch_that_a_channel_detects(self):
        # Channel k answers to pattern k by its inner product; the patterns have one length, so none answers more to another.
        rng = np.random.default_rng(0)
        patterns = rng.choice([-1.0, 1.0], (4, 3, 3)).astype(np.float32)
        model = keras.Sequential(
            [
                keras.Input((16, 20, 1)),
                layers.Conv2D(4, 3, padding="same", use_bias=False, activation="relu", name="detectors"),
                layers.GlobalAveragePooling2D(),
                layers.Dense(2),
            ]
        )
        model.get_layer("detectors").set_weights([np.moveaxis(patterns, 0, -1)[:, :, None]])
        places = [(0, 0), (5, 9), (13, 17), (7, 0)]
        images = np.zeros((4, 16, 20, 1), np.float32)
        for i, (top, left) in enumerate(places):
            images[i, top : top + 3, left : left + 3, 0] = patterns[i] * (1 + i / 100)
        found = kx.Activations(channels=4, drivers=4)(model, images).details["drivers"]["detectors"]
        # A pattern answers to itself by 9 · its brightness, to another one by 7 at most; the brightest comes first.
        assert [entry["channel"] for entry in found] == [3, 2, 1, 0]
        for entry in found:
            first = entry["samples"][0]
            assert first["crop"] == (*places[entry["channel"]], 3, 3)
            np.testing.assert_allclose(first["value"], 9 * (1 + entry["channel"] / 100), rtol=1e-5)
            assert first["index"] == entry["channel"]
            values = [sample["value"] for sample in entry["samples"]]
            assert values == sorted(values, reverse=True)

    def test_samples_without_a_finite_peak_are_left_out(self):
        call = call_of(keras.Sequential([keras.Input((4, 4, 1)), layers.Conv2D(2, 1)]), (4, 4))
        peaks = np.array([[1.0, np.nan], [3.0, np.nan], [np.nan, np.nan]])
        found = drivers(peaks, np.zeros((3, 2), int), call, (4, 4), count=3)
        assert [(entry["channel"], [sample["index"] for sample in entry["samples"]]) for entry in found] == [
            (0, [1, 0])
        ]


def call_of(model, size, layer=-1):
    """What is known of a layer's call for images of this size."""
    samples = kx.Samples(np.zeros((1, *size, 1), np.float32))
    (answers,) = engine_for(model).answer(samples, [Queries(activations_at(layer))], score=no_score)
    return next(iter(answers.calls.values()))


def no_score(outputs, targets):
    return ops.cast(targets, "float32")


def conv(kernel, **arguments):
    # Positive weights: one bright pixel on black shows in every cell that looks at it, also through max-pooling.
    return layers.Conv2D(2, kernel, kernel_initializer=keras.initializers.RandomUniform(0.5, 1), **arguments)


def nested():
    inner = keras.Sequential([keras.Input((8, 8, 2)), conv(3), layers.MaxPooling2D(2)])
    return [conv(3, strides=2, padding="same"), inner, conv(2)]


# What runs, the size of the image, and the receptive field by the arithmetic of kernels and strides.
STACKS = {
    "conv": (lambda: [conv(3)], (10, 12), (3, 3)),
    "same": (lambda: [conv(5, padding="same")], (10, 12), (5, 5)),
    "even kernel": (lambda: [conv(4, padding="same")], (10, 12), (4, 4)),
    "tall kernel": (lambda: [conv((5, 1)), conv((1, 3))], (12, 12), (5, 3)),
    "two": (lambda: [conv(3), conv(3)], (10, 12), (5, 5)),
    "stride": (lambda: [conv(3, strides=2), conv(3)], (16, 16), (7, 7)),
    "stride, same": (lambda: [conv(3, strides=2, padding="same"), conv(3, padding="same")], (16, 16), (7, 7)),
    "stride, odd": (lambda: [conv(3, strides=2, padding="same"), conv(3, padding="same")], (17, 15), (7, 7)),
    "max-pooling": (lambda: [conv(3, padding="same"), layers.MaxPooling2D(2), conv(3)], (16, 16), (8, 8)),
    "average-pooling": (
        lambda: [conv(5), layers.AveragePooling2D(2), conv(5), layers.MaxPooling2D(2)],
        (28, 28),
        (16, 16),
    ),
    "dilation": (lambda: [conv(3, dilation_rate=2), conv(3)], (16, 16), (7, 7)),
    "overlapping pooling": (lambda: [conv(1), layers.MaxPooling2D(3, strides=2), conv(2)], (15, 15), (5, 5)),
    "nested": (nested, (16, 16), (13, 13)),
    "depthwise": (
        lambda: [layers.DepthwiseConv2D(3, depthwise_initializer="ones"), layers.ReLU(), conv(1), conv(3)],
        (12, 12),
        (5, 5),
    ),
    "zero padding": (lambda: [layers.ZeroPadding2D(1), conv(3, strides=2), conv(3)], (16, 16), (7, 7)),
    "cropping": (lambda: [conv(3), layers.Cropping2D(2), conv(3)], (16, 16), (5, 5)),
    "whole image": (
        lambda: [conv(3, padding="same")] * 1 + [conv(3, padding="same") for _ in range(5)],
        (6, 6),
        (6, 6),
    ),
}


@pytest.mark.parametrize("stack", STACKS)
def test_receptive_field_and_crop_are_what_changing_each_pixel_shows(stack):
    make, (height, width), expected = STACKS[stack]
    model = keras.Sequential([keras.Input((height, width, 1)), *make()])
    call = call_of(model, (height, width))
    assert tuple(np.minimum(call.receptive_field, (height, width))) == expected
    extents = set()
    for crop_, seen in crops_and_what_is_seen(model, call, (height, width)):
        assert crop_[2:] == expected
        extents.add(seen[2:])
    # Cells at the border see less; the widest sees all that the receptive field promises.
    assert max(extents) == expected


class Residual(layers.Layer):
    """Two convolutions and arithmetic that no layer shows."""

    def __init__(self):
        super().__init__()
        self.first, self.second = conv(3, padding="same"), conv(3, padding="same")

    def call(self, x):
        return ops.relu(x[..., :1] + self.second(self.first(x) * 2.0))


def squeeze_and_excite(x):
    gates = layers.Dense(2, kernel_initializer="zeros")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    return layers.Multiply()([x, layers.Activation("sigmoid")(gates)])


# What cannot be followed pixel by pixel may be taken for wider than it is, never for narrower; the widest that is tolerable.
GRAPHS = {
    "skip": (lambda x: layers.Add()([conv(3, padding="same")(x), conv(1)(x)]), (3, 3)),
    "branches": (
        lambda x: layers.Concatenate()([conv((5, 1), padding="same")(x), conv((1, 7), padding="same")(x)]),
        (5, 7),
    ),
    "subclassed": (lambda x: Residual()(x), (5, 5)),
    "two subclassed": (lambda x: Residual()(Residual()(x)), (13, 13)),
    "squeeze and excite": (lambda x: squeeze_and_excite(conv(3)(x)), (3, 3)),
    "up-sampled": (
        lambda x: conv(3)(layers.UpSampling2D(2)(layers.MaxPooling2D(2)(conv(3, padding="same")(x)))),
        (10, 10),
    ),
    "bilinear": (
        lambda x: layers.UpSampling2D(2, interpolation="bilinear")(layers.MaxPooling2D(2)(conv(1)(x))),
        (6, 6),
    ),
    "transposed": (
        lambda x: layers.Conv2DTranspose(2, 3, strides=2, kernel_initializer="ones")(
            layers.MaxPooling2D(2)(conv(1)(x))
        ),
        (7, 7),
    ),
    "resized": (lambda x: conv(1)(layers.Resizing(5, 5)(x)), (6, 6)),
    "dense": (
        lambda x: conv(1)(layers.Reshape((2, 2, 1))(layers.Dense(4, kernel_initializer="ones")(layers.Flatten()(x)))),
        (16, 16),
    ),
}


@pytest.mark.parametrize("graph", GRAPHS)
def test_crops_hold_all_that_a_cell_looks_at(graph):
    make, widest = GRAPHS[graph]
    inputs = keras.Input((16, 16, 1))
    model = keras.Model(inputs, make(inputs))
    for crop_, _ in crops_and_what_is_seen(model, call_of(model, (16, 16)), (16, 16)):
        assert crop_[2] <= widest[0]
        assert crop_[3] <= widest[1]


def test_a_branch_from_the_image_does_not_look_at_what_its_neighbour_does():
    inputs = keras.Input((16, 16, 1))
    deep = conv(3)(conv(3)(inputs))
    model = keras.Model(inputs, [deep, conv(1, name="late")(inputs)])
    assert call_of(model, (16, 16), "late").receptive_field == (1, 1)


def crops_and_what_is_seen(model, call, size):
    """For every cell its crop, and the box round the pixels that change it, which has to lie inside."""
    height, width = size
    bright = np.eye(height * width, dtype=np.float32).reshape(-1, height, width, 1)
    dark = model.predict(np.zeros_like(bright[:1]), verbose=0)
    changes = np.abs(model.predict(bright, batch_size=256, verbose=0) - dark).sum(axis=-1)
    seen = changes.reshape(height, width, *call.shape[:2]) > 1e-6
    for row, column in np.ndindex(*call.shape[:2]):
        rows, columns = (np.flatnonzero(seen[:, :, row, column].any(axis=axis)) for axis in (1, 0))
        top, left, tall, wide = crop(row * call.shape[1] + column, call, size)
        assert top <= rows[0]
        assert rows[-1] < top + tall <= height
        assert left <= columns[0]
        assert columns[-1] < left + wide <= width
        yield (top, left, tall, wide), (rows[0], columns[0], rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"channels": 0}, "channels must be an int of at least 1; it is 0"),
        ({"channels": []}, "channels must be how many, or a list of channel numbers"),
        ({"channels": [-1]}, r"channels must be how many.*it is \[-1\]"),
        ({"depth": 0}, "depth must be an int of at least 1; it is 0"),
        ({"depth": 2.0}, "depth must be an int of at least 1; it is 2.0"),
        ({"drivers": -1}, "drivers must be an int of at least 0; it is -1"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        kx.Activations(**arguments)


@pytest.mark.parametrize("values", [1, 2, 1000])
def test_of_equal_peaks_the_first_place_counts(values):
    activations = np.random.default_rng(0).integers(0, values, (5, 7, 6, 9)).astype(np.float32)
    peaks, places = (ops.convert_to_numpy(found) for found in highest(ops.convert_to_tensor(activations)))
    cells = activations.reshape(5, 7 * 6, 9)
    np.testing.assert_array_equal(peaks, cells.max(axis=1))
    np.testing.assert_array_equal(places, cells.argmax(axis=1))


def test_a_peak_that_is_nowhere_is_at_the_end():
    activations = np.zeros((1, 3, 4, 2), np.float32)
    activations[0, 1, 2, 0] = np.nan
    _, places = (ops.convert_to_numpy(found) for found in highest(ops.convert_to_tensor(activations)))
    assert places[0].tolist() == [3 * 4 - 1, 0]
