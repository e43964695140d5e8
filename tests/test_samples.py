"""Samples: how people see an image, which class is a candidate, and what is refused."""

import keras
import numpy as np
import pytest

import keras_xai as kx

RAMP = np.linspace(0, 1, 4 * 5 * 3, dtype=np.float32).reshape(1, 4, 5, 3)
SEEN = np.round(RAMP * 255).astype(np.uint8)


class TestHowPeopleSeeAnImage:
    def test_uint8_is_shown_as_it_is(self):
        np.testing.assert_array_equal(kx.Samples(SEEN).images, SEEN)

    def test_zero_to_one(self):
        np.testing.assert_array_equal(kx.Samples(RAMP).images, SEEN)

    def test_minus_one_to_one(self):
        np.testing.assert_allclose(kx.Samples(2 * RAMP - 1).images, SEEN, atol=1)
        np.testing.assert_array_equal(kx.Samples(2 * RAMP - 1).images.ravel()[[0, -1]], [0, 255])

    def test_floats_up_to_255(self):
        np.testing.assert_array_equal(kx.Samples(SEEN.astype(np.float32)).images, SEEN)

    def test_whole_numbers_up_to_255(self):
        np.testing.assert_array_equal(kx.Samples(SEEN.astype(np.int32)).images, SEEN)

    @pytest.mark.parametrize(("mean", "deviation"), [(0.45, 0.22), (0.2, 0.1), (0.9, 0.05)])
    def test_standardised_is_stretched_to_its_range(self, mean, deviation):
        np.testing.assert_allclose(kx.Samples((RAMP - mean) / deviation).images, SEEN, atol=1)

    def test_a_standardised_image_looks_the_same_among_others(self):
        standardised = np.concatenate([RAMP * 4 - 2, RAMP * 2 - 2])
        np.testing.assert_array_equal(kx.Samples(standardised).images, np.concatenate([SEEN, SEEN]))

    def test_a_black_and_a_white_image(self):
        assert kx.Samples(np.zeros((1, 4, 4, 3), np.float32)).images.max() == 0
        assert kx.Samples(np.ones((1, 4, 4, 3), np.float32)).images.min() == 255

    def test_a_constant_standardised_image_is_a_flat_picture(self):
        images = kx.Samples(np.full((1, 4, 4, 3), -2.5, np.float32)).images
        assert images.dtype == np.uint8
        assert images.min() == images.max()

    def test_grey_stays_grey(self):
        np.testing.assert_array_equal(kx.Samples(RAMP[..., :1]).images, SEEN[..., :1])

    def test_of_two_bands_the_first_is_shown(self):
        np.testing.assert_array_equal(kx.Samples(RAMP[..., :2]).images, SEEN[..., :1])

    def test_of_many_bands_the_first_three_are_shown(self):
        bands = np.concatenate([RAMP, 100 * np.ones_like(RAMP), -RAMP], axis=-1)
        np.testing.assert_array_equal(kx.Samples(bands).images, SEEN)

    def test_channels_first(self):
        samples = kx.Samples(np.moveaxis(RAMP, -1, 1))
        assert samples.channels_first
        assert samples.size == (4, 5)
        np.testing.assert_array_equal(samples.images, SEEN)
        assert samples.x.shape == (1, 3, 4, 5)

    def test_given_images_are_kept(self):
        given = 255 - SEEN
        np.testing.assert_array_equal(kx.Samples(RAMP, images=given).images, given)
        np.testing.assert_array_equal(kx.Samples(RAMP, images=given[..., 0]).images, given[..., :1])

    def test_what_the_model_eats_is_untouched(self):
        samples = kx.Samples(RAMP)
        np.testing.assert_array_equal(samples.x, RAMP)
        assert samples.x.dtype == np.float32
        assert kx.Samples(SEEN).x.dtype == np.uint8


class TestLayout:
    @pytest.mark.parametrize(
        ("shape", "first"),
        [
            ((1, 8, 9, 3), False),
            ((1, 3, 8, 9), True),
            ((1, 1, 8, 9), True),
            ((1, 8, 9, 7), False),
            ((1, 3, 9, 3), False),
        ],
    )
    def test_is_seen_by_the_shape(self, shape, first):
        assert kx.Samples(np.zeros(shape)).channels_first == first

    def test_is_said(self):
        samples = kx.Samples(np.zeros((1, 7, 8, 9)), data_format="channels_first")
        assert samples.channels_first
        assert samples.size == (8, 9)
        assert kx.Samples(np.zeros((1, 3, 8, 9)), data_format="channels_last").size == (3, 8)

    def test_is_keras_default_where_the_shape_says_nothing(self):
        keras.config.set_image_data_format("channels_first")
        try:
            assert kx.Samples(np.zeros((1, 7, 8, 9))).channels_first
            assert not kx.Samples(np.zeros((1, 8, 9, 3))).channels_first
        finally:
            keras.config.set_image_data_format("channels_last")


class TestCandidates:
    x = np.zeros((3, 4, 4, 1), np.float32)

    def candidates(self, num_classes=4, **arguments):
        return kx.Samples(self.x, **arguments).candidates(num_classes).astype(int).tolist()

    def test_without_labels_every_class(self):
        assert self.candidates() == [[1, 1, 1, 1]] * 3

    def test_int_labels(self):
        expected = [[0, 0, 0, 1], [1, 0, 0, 0], [0, 1, 0, 0]]
        assert self.candidates(labels=[3, 0, 1]) == expected
        assert self.candidates(labels=np.array([[3], [0], [1]])) == expected
        assert self.candidates(labels=[3.0, 0.0, 1.0], targets="label") == expected

    def test_one_hot_labels(self):
        assert self.candidates(labels=np.eye(4)[[3, 0, 1]]) == np.eye(4)[[3, 0, 1]].tolist()

    def test_multi_label(self):
        labels = [[1, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]]
        assert self.candidates(labels=labels) == [[1, 0, 1, 0], [1, 1, 1, 1], [0, 0, 0, 1]]

    def test_predicted_ignores_the_labels(self):
        assert self.candidates(labels=[3, 0, 1], targets="predicted") == [[1, 1, 1, 1]] * 3

    def test_targets_beat_labels(self):
        assert self.candidates(labels=[3, 0, 1], targets=[2, 2, 0]) == [[0, 0, 1, 0], [0, 0, 1, 0], [1, 0, 0, 0]]

    def test_binary(self):
        assert self.candidates(2, labels=[0, 1, 1]) == [[1, 0], [0, 1], [0, 1]]

    @pytest.mark.parametrize(("name", "value"), [("labels", 4), ("targets", -1)])
    def test_outside_of_the_classes(self, name, value):
        with pytest.raises(
            ValueError, match=rf"{name}\[1\] is {value}, but the explained output has 4 classes, 0 to 3"
        ):
            self.candidates(**{name: [0, value, 1]})

    def test_another_number_of_classes(self):
        with pytest.raises(ValueError, match="labels have 5 classes, but the explained output has 4"):
            self.candidates(labels=np.eye(5)[[0, 1, 2]])


def test_most_probable_candidate_is_explained():
    # The logits are the means of the channels.
    model = keras.Sequential([keras.Input((2, 2, 4)), keras.layers.GlobalAveragePooling2D()])
    images = np.broadcast_to(np.array([[3, 1, 2, 0], [0, 9, 2, 1.0]], np.float32)[:, None, None], (2, 2, 2, 4))
    for arguments, expected in [
        ({}, [0, 1]),
        ({"labels": [1, 3]}, [1, 3]),
        ({"labels": [1, 3], "targets": "predicted"}, [0, 1]),
        ({"labels": [[0, 1, 1, 0], [1, 0, 1, 1]]}, [2, 2]),
        ({"targets": [3, 0]}, [3, 0]),
    ]:
        samples = kx.Samples(images, **arguments)
        found = kx.LIME(num_samples=2, segments=lambda image: np.arange(4).reshape(2, 2))(model, samples)
        assert found.targets.tolist() == expected
        np.testing.assert_allclose(found.scores, images[[0, 1], 0, 0, expected])


class TestSeveralInputs:
    image = np.zeros((3, 4, 5, 3), np.float32)
    table = np.zeros((3, 7), np.float32)

    def test_the_image_is_found(self):
        assert kx.Samples({"a": self.table, "b": self.image}).image_key == "b"
        assert kx.Samples((self.table, self.image)).image_key == 1
        assert kx.Samples([self.image, self.table]).image_key == 0

    def test_the_image_is_named_among_several(self):
        samples = kx.Samples({"left": self.image, "right": self.image + 1}, image_input="right")
        assert samples.image.max() == 1
        with pytest.raises(ValueError, match=r"x has 2 inputs of rank 4 \(\['left', 'right'\]\); say which"):
            kx.Samples({"left": self.image, "right": self.image})
        with pytest.raises(ValueError, match="image_input='up' is not an input of rank 4"):
            kx.Samples({"left": self.image, "right": self.image}, image_input="up")

    def test_with_image_replaces_only_the_image(self):
        for x in ({"a": self.table, "b": self.image}, (self.table, self.image)):
            changed = kx.Samples(x).with_image("new")
            assert type(changed) is type(x)
            assert list(changed.values() if isinstance(x, dict) else changed)[1] == "new"

    def test_a_list_of_images_is_one_input(self):
        assert kx.Samples([np.zeros((4, 5, 3)), np.ones((4, 5, 3))]).x.shape == (2, 4, 5, 3)

    def test_lengths_differ(self):
        with pytest.raises(ValueError, match=r"same number of samples; they have \{'a': 2, 'b': 3\}"):
            kx.Samples({"a": self.table[:2], "b": self.image})


class TestWhatIsKnown:
    x = np.zeros((2, 4, 5, 3), np.float32)

    def test_names_and_ids(self):
        samples = kx.Samples(self.x)
        assert (samples.names, samples.ids) == (["0", "1"], ["s00", "s01"])
        assert kx.Samples(np.zeros((101, 1, 2, 1))).ids[100] == "s100"
        assert kx.Samples(np.zeros((101, 1, 2, 1))).ids[7] == "s007"
        assert kx.Samples(self.x, names=["a", 3]).names == ["a", "3"]

    def test_class_names(self):
        samples = kx.Samples(self.x, class_names=["cat", "dog"])
        assert [samples.class_name(index) for index in (0, 1, 2, -1)] == ["cat", "dog", "2", "-1"]

    def test_masks(self):
        mask = np.eye(4, 5)
        for given in (mask, [mask, mask], np.array([mask, mask])[..., None], mask.astype(bool)):
            kept = kx.Samples(self.x, masks=given, ignore=given)
            assert kept.masks.dtype == kept.ignore.dtype == bool
            np.testing.assert_array_equal(kept.masks, [mask, mask])
            np.testing.assert_array_equal(kept.ignore, [mask, mask])

    def test_repr_and_length(self):
        samples = kx.Samples(self.x, labels=[0, 1], class_names=["cat", "dog"])
        assert repr(samples) == "Samples(2 images of 4×5, with labels, class_names)"
        assert len(samples) == 2

    def test_tensors_are_taken(self):
        tensor = keras.ops.convert_to_tensor(np.arange(40, dtype=np.float32).reshape(2, 4, 5, 1))
        np.testing.assert_array_equal(kx.Samples(tensor).x.ravel(), np.arange(40))

    def test_double_precision_becomes_single(self):
        assert kx.Samples(self.x.astype(np.float64)).x.dtype == np.float32

    def test_labels_are_kept_as_given(self):
        assert kx.Samples(self.x, labels=[1, 0]).labels.tolist() == [1, 0]
        assert kx.Samples(self.x, labels=[[0.0, 1.0], [1.0, 0.0]]).labels.shape == (2, 2)
        assert kx.Samples(self.x).labels is None


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"x": np.zeros((0, 4, 4, 3))}, ValueError, "x holds no sample"),
        ({"x": np.zeros((4, 4, 3))}, ValueError, r"x must have 4 axes.*\(4, 4, 3\).*For a single image add.*x\[None\]"),
        ({"x": np.zeros((9, 28, 28))}, ValueError, r"x must have 4 axes.*\(9, 28, 28\).*grey.*x\[\.\.\., None\]"),
        ({"x": np.full((1, 2, 2, 1), np.nan)}, ValueError, "x holds 4 non-finite values; remove the samples"),
        ({"x": "cat.png"}, TypeError, "x must be an array of numbers; it is str"),
        ({"image_input": "image"}, ValueError, "image_input='image' chooses among several inputs, but x is one array"),
        (
            {"data_format": "nchw"},
            ValueError,
            'data_format must be "channels_last" or "channels_first"; it is \'nchw\'',
        ),
        ({"labels": [0, 1, 2]}, ValueError, r"labels must be \(2,\) int or \(2, classes\).*shape \(3,\)"),
        ({"labels": [0.5, 1.0]}, ValueError, "not whole. For regression leave labels out.*Regression"),
        ({"labels": ["cat", "dog"]}, TypeError, "labels must be an array of numbers; it is list of type"),
        ({"targets": [1]}, ValueError, r"targets must be 2 class numbers.*shape \(1,\)"),
        ({"targets": [1.0, 2.0]}, ValueError, "targets must be 2 class numbers.*type float32"),
        ({"targets": "best"}, ValueError, "targets must be .*it is 'best'"),
        ({"targets": "label"}, ValueError, 'targets="label" needs labels'),
        ({"images": np.zeros((2, 4, 5, 3))}, ValueError, r"images must be uint8 of shape \(2, 4, 5\).*It is float32"),
        ({"images": np.zeros((2, 5, 4, 3), np.uint8)}, ValueError, r"It is uint8 of shape \(2, 5, 4, 3\)"),
        ({"masks": np.zeros((2, 4, 4))}, ValueError, r"masks must be bool of shape \(2, 4, 5\).*shape \(2, 4, 4\)"),
        ({"ignore": np.full((2, 4, 5), 0.5)}, ValueError, "ignore must be bool .* with values other than 0 and 1"),
        ({"names": ["one"]}, ValueError, r"names must be 2 strings, one per sample; it is \['one'\]"),
        ({"names": "ab"}, ValueError, "names must be 2 strings.*it is 'ab'"),
    ],
)
def test_bad_input_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        kx.Samples(**{"x": np.zeros((2, 4, 5, 3), np.float32), **arguments})
