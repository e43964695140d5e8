"""Optimised images and most activating samples, where the right answer is known."""

import io

import keras
import numpy as np
import pytest
from keras import layers, ops
from PIL import Image

import keras_xai as kx
from keras_xai import backend
from keras_xai.features.canvas import Motion, amplitudes, motions, moved, painted, waves
from keras_xai.fingerprint import difference, fingerprint
from tests.models import KINDS, plain

COLOURS = np.array([[1.0, -1.0], [1.0, -0.5], [0.5, -1.0]], np.float32)


@pytest.fixture(scope="module")
def network():
    """Channel 0 wants white, channel 1 black; class 0 is channel 0 minus channel 1."""
    inputs = keras.Input((16, 12, 3))
    maps = layers.Conv2D(2, 1, use_bias=False, name="colours")(inputs)
    outputs = layers.Dense(2, use_bias=False)(layers.GlobalAveragePooling2D()(maps))
    model = keras.Model(inputs, outputs)
    model.set_weights([COLOURS.reshape(1, 1, 3, 2), np.array([[1.0, -1.0], [-1.0, 1.0]], np.float32)])
    return model


class TestCanvas:
    def test_waves_are_those_of_fourier(self):
        for length in (7, 8):
            found = waves(length)
            np.testing.assert_allclose(found @ found, np.eye(length), atol=1e-5)
            signal = np.random.default_rng(0).normal(size=length)
            spectrum = np.fft.fft(signal) / np.sqrt(length)
            np.testing.assert_allclose(found @ signal, spectrum.real - spectrum.imag, atol=1e-5)

    def test_amplitudes_fall_with_the_frequency(self):
        found = amplitudes(8, 8)
        np.testing.assert_allclose(found[0, [0, 1, 2, 4, 7]], [8, 8, 4, 2, 8])
        np.testing.assert_allclose(found[2, 2], 4 / np.sqrt(2), rtol=1e-6)

    def test_nothing_is_grey(self):
        grey = painted(ops.zeros((1, 3, 4, 6)))
        np.testing.assert_allclose(ops.convert_to_numpy(grey), np.full((1, 4, 6, 3), 0.5))

    @pytest.mark.parametrize(
        "motion", [Motion(), Motion(0.3), Motion(0, 1.3), Motion(0, 1, 2.4, -3.7), Motion(-0.7, 0.6, 9.0, 1.0)]
    )
    def test_motions_are_those_of_scipy(self, motion):
        from scipy.ndimage import affine_transform

        images = np.random.default_rng(1).random((2, 7, 9, 2)).astype(np.float32)
        cosine, sine = np.cos(motion.angle), np.sin(motion.angle)
        matrix = np.array([[cosine, sine], [-sine, cosine]]) / motion.scale
        centre = np.array([3.0, 4.0])
        offset = centre - matrix @ centre - [motion.down, motion.right]
        expected = np.stack(
            [
                np.stack(
                    [affine_transform(one[..., c], matrix, offset, order=1, mode="mirror") for c in range(2)], axis=-1
                )
                for one in images
            ]
        )
        found = moved(ops.convert_to_tensor(images), ops.convert_to_tensor(np.array(motion, np.float32)))
        np.testing.assert_allclose(ops.convert_to_numpy(found), expected, atol=1e-4)

    def test_motions_stay_within_their_bounds(self):
        found = motions(500, jitter=3, rotate=90, scale=0.5, seed=0)
        reach = np.abs(found).max(axis=0)
        np.testing.assert_allclose(reach, [np.pi / 2, 1.5, 3, 3], rtol=0.02)
        assert 1 / 1.5 <= found[:, 1].min() < 0.7
        np.testing.assert_array_equal(motions(5, 0, 0, 0, seed=1), np.tile(np.array(Motion(), np.float32), (5, 1)))


class TestActivationMaximization:
    def test_a_channel_of_tokens_has_the_same_image_beside_others_as_alone(self):
        kind = KINDS["vision_transformer"]
        model, samples = kind.model(), kx.Samples(kind.inputs())
        both, alone = (
            kx.activation_maximization(model, "last_norm", channels, samples=samples, steps=5)
            for channels in ([0, 2], [2])
        )
        np.testing.assert_allclose(both.images[1], alone.images[0], atol=1e-3)
        tokens = keras.Model(model.input, model.get_layer("last_norm").output)(both.images)
        means = ops.convert_to_numpy(tokens)[:, 1:].mean(axis=1)  # without the class token
        np.testing.assert_allclose(both.values, means[[0, 1], [0, 2]], rtol=1e-3)

    def test_channels_reach_what_is_possible(self, network):
        found = kx.activation_maximization(network, "colours", [0, 1], steps=200, value_range=(0, 2))
        best = 2 * np.maximum(COLOURS, 0).sum(axis=0)  # 5 and 0; all grey gives 2.5 and −2.5
        assert np.all(found.values > best - 1)
        assert np.all(found.values <= best)
        assert found.layer == "colours"
        assert found.images.shape == found.pictures.shape == (2, 16, 12, 3)
        assert found.pictures.dtype == np.uint8
        np.testing.assert_allclose(found.images, found.pictures / 255 * 2, atol=1 / 255)
        np.testing.assert_allclose(found.values, (found.images @ COLOURS).mean(axis=(1, 2))[[0, 1], [0, 1]], rtol=1e-4)

    def test_a_neuron_looks_at_its_place(self, network):
        found = kx.activation_maximization(network, "colours", 0, neuron=(4, 3), steps=30, jitter=0, rotate=0, scale=0)
        wanted = (found.images @ COLOURS)[0, ..., 0]
        assert np.unravel_index(wanted.argmax(), wanted.shape) == (4, 3)
        np.testing.assert_allclose(found.values, wanted.max(), rtol=1e-4)

    def test_classes(self, network):
        found = kx.activation_maximization(network, classes=[0], steps=200)
        assert found.layer is None
        np.testing.assert_allclose(ops.convert_to_numpy(network(found.images))[0, 0], found.values[0], rtol=1e-3)
        assert 4 < found.values[0] <= 5

    def test_a_network_with_a_softmax_is_driven_by_its_logit(self):
        model = KINDS["functional"].model()
        found = kx.activation_maximization(model, classes=2, steps=15)
        hidden = keras.Model(model.input, model.get_layer("hidden").output)(found.images)
        kernel, bias = model.get_layer("out").get_weights()
        np.testing.assert_allclose(found.values, (ops.convert_to_numpy(hidden) @ kernel + bias)[:, 2], rtol=1e-3)

    def test_the_same_seed_gives_the_same_images_and_leaves_no_trace(self):
        model = KINDS["sampling"].model()
        before, states = fingerprint(model), backend.random_states()
        one, two, other = (
            kx.activation_maximization(model, "conv2", [0, 5], steps=4, seed=seed).images for seed in (0, 0, 1)
        )
        assert difference(before, fingerprint(model)) is None
        assert backend.random_states() == states
        np.testing.assert_array_equal(one, two)
        assert np.abs(one - other).max() > 1e-3

    def test_variation_costs(self, network):
        rough, smooth = (
            kx.activation_maximization(network, "colours", 0, steps=30, total_variation=cost, seed=3).images
            for cost in (0.0, 10.0)
        )
        assert np.abs(np.diff(smooth, axis=1)).mean() < 0.5 * np.abs(np.diff(rough, axis=1)).mean()

    @pytest.mark.parametrize("name", ["multi_input", "uint8", "grey", "multispectral", "mixed_bfloat16"])
    def test_models_of_every_kind(self, name):
        kind = KINDS[name]
        samples = kx.Samples(kind.inputs())
        found = kx.activation_maximization(kind.model(), "conv2", [1], samples=samples, steps=10)
        height, width = samples.size
        assert found.images.shape == (1, height, width, samples.image.shape[-1])
        start = kx.activation_maximization(kind.model(), "conv2", [1], samples=samples, steps=1)
        assert found.values > start.values

    def test_what_cannot_be_done_is_refused(self, network):
        go = kx.activation_maximization
        for arguments, message in (
            ({}, r"either channels=\[...\] of a layer or classes=\[...\]"),
            ({"channels": 0, "classes": 0}, "either channels"),
            ({"channels": 2}, "channels=2: there are 2 of them, 0 to 1"),
            ({"classes": [-1]}, r"classes=\[-1\]: there are 2 of them, 0 to 1"),
            ({"channels": []}, "channels must be a number or a list of numbers; it is \\[\\]"),
            ({"channels": 0, "steps": 0}, "steps must be an int of at least 1; it is 0"),
            ({"channels": 0, "value_range": (1, 1)}, r"value_range must be \(low, high\).*\(1, 1\)"),
            ({"channels": 0, "neuron": (16, 0)}, r"neuron=\(16, 0\) is \(row, column\).*'colours' has \(16, 12\)"),
            ({"classes": 0, "neuron": (0, 0)}, "there are none for classes"),
        ):
            with pytest.raises(ValueError, match=message):
                go(network, **{"layer": "colours", **arguments})
        free = keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(2, 3), layers.GlobalAveragePooling2D()])
        with pytest.raises(ValueError, match=r"input shape is \(None, None, None, 3\). Show some: samples="):
            go(free, channels=0)


def slow_peaks(model, x, layer):
    """(n, channels) largest activations."""
    maps = keras.Model(model.input, model.get_layer(layer).output)(x)
    return ops.convert_to_numpy(maps).max(axis=(1, 2))


class TestMostActivatingSamples:
    def test_by_hand_in_batches_of_any_size(self):
        model, x = KINDS["functional"].model(), np.random.default_rng(0).random((23, 8, 8, 3), np.float32)
        peaks = slow_peaks(model, x, "conv2")
        whole = kx.most_activating_samples(model, (x, np.zeros(23)), count=4, channels=[1, 5])
        assert list(whole) == [1, 5]
        batches = [(x[start : start + 5], np.zeros(5)) for start in range(0, 23, 5)]
        pieces = kx.most_activating_samples(model, batches, "conv2", 4, None)
        assert list(pieces) == list(range(6))
        for channel, drivers in whole.items():
            order = np.argsort(-peaks[:, channel])[:4]
            assert [driver.sample for driver in drivers] == order.tolist()
            np.testing.assert_allclose([driver.value for driver in drivers], peaks[order, channel], rtol=1e-4)
            assert [driver.sample for driver in pieces[channel]] == order.tolist()

    def test_the_patch_is_what_the_cell_looks_at(self):
        model = keras.Sequential([keras.Input((12, 12, 1)), layers.Conv2D(1, 3, name="conv"), layers.Flatten()])
        model.set_weights([np.ones((3, 3, 1, 1)), np.zeros(1)])
        x = np.zeros((2, 12, 12, 1), np.float32)
        x[0, 4:7, 7:10] = 1
        x[1, 0, 0] = 0.5
        (drivers,) = kx.most_activating_samples(model, x, "conv", count=5, score=kx.scores.Regression()).values()
        assert [driver.sample for driver in drivers] == [0, 1]
        assert drivers[0].crop == (4, 7, 3, 3)
        np.testing.assert_array_equal(drivers[0].patch, np.full((3, 3, 1), 255, np.uint8))
        np.testing.assert_allclose(drivers[0].value, 9, rtol=1e-5)

    def test_few_samples_are_read_where_few_are_asked_for(self):
        model, x = KINDS["functional"].model(), np.random.default_rng(0).random((40, 8, 8, 3), np.float32)
        found = kx.most_activating_samples(model, x, "conv2", count=40, channels=1, scan=8)
        assert len(next(iter(found.values()))) == 8
        with pytest.raises(ValueError, match="count must be an int of at least 1; it is 0"):
            kx.most_activating_samples(model, x, count=0)
        with pytest.raises(ValueError, match=r"means several layers, \['conv1', 'conv2'\]; name one"):
            kx.most_activating_samples(model, x, ["conv1", "conv2"])


class TestDeepVisualization:
    def test_pages_are_made_and_saved(self, tmp_path):
        model, x = KINDS["nested"].model(), KINDS["nested"].inputs()
        pages = kx.deep_visualization(
            model, x[:2], ["backbone/conv1", "backbone/conv2"], data=x, channels=2, count=2, steps=2, save_to=tmp_path
        )
        assert list(pages) == ["backbone/conv1", "backbone/conv2"]
        for path, page in pages.items():
            assert page.dtype == np.uint8
            assert page.shape[2] == 3
            saved = np.array(Image.open(io.BytesIO((tmp_path / f"{path.replace('/', '-')}.png").read_bytes())))
            np.testing.assert_array_equal(saved, page)

    def test_without_ideal_images_it_is_narrower(self):
        model, x = plain(), KINDS["functional"].inputs()
        with_ideals, without = (
            kx.deep_visualization(model, x, "conv2", channels=2, count=2, steps=steps)["conv2"] for steps in (1, 0)
        )
        assert with_ideals.shape[0] == without.shape[0]
        assert with_ideals.shape[1] > without.shape[1] + 90

    def test_the_middle_is_twice_what_a_cell_looks_at(self):
        from keras_xai.features.deep_visualization import middle

        picture = np.arange(10 * 12).reshape(10, 12, 1)
        np.testing.assert_array_equal(middle(picture, [(2, 3), (1, 3)]), picture[3:7, 3:9])
        np.testing.assert_array_equal(middle(picture, [(9, 6)]), picture)
        np.testing.assert_array_equal(middle(picture, []), picture)

    def test_no_channel_is_refused(self):
        from keras_xai.render.channel_page import channel_page

        with pytest.raises(ValueError, match="rows must hold at least one channel"):
            channel_page(np.zeros((1, 4, 4, 3), np.uint8), [])
