"""Handing a class's cue to all classes."""

import keras
import numpy as np
import pytest

from keras_xai.spurious.alert import Alert
from keras_xai.spurious.augmentation import Augmentation
from keras_xai.spurious.interventions import GlobalEdit, paste

MASK = np.zeros((4, 4), bool)
MASK[2:, 2:] = True
DONORS = np.stack([np.full((4, 4, 1), value, np.float32) for value in (10.0, 20.0)])
IMAGES = np.random.default_rng(0).random((64, 4, 4, 1), dtype=np.float32)


def test_the_region_comes_from_donors_and_the_rest_stays():
    changed, labels = Augmentation(paste, DONORS, MASK)(IMAGES, "labels")
    assert labels == "labels"
    np.testing.assert_array_equal(changed[:, ~MASK], IMAGES[:, ~MASK])
    pasted = changed[:, MASK]
    assert set(np.unique(pasted)) == {10.0, 20.0}
    assert (pasted == pasted[:, :1]).all()
    assert 16 <= (pasted[:, 0] == 10).sum() <= 48


def test_each_donor_has_its_own_place():
    masks = np.stack([MASK, ~MASK])
    changed = Augmentation(paste, DONORS, masks)(IMAGES)
    for image, before in zip(changed, IMAGES, strict=True):
        mask, value = (MASK, 10) if (image == 10).any() else (~MASK, 20)
        assert (image[mask] == value).all()
        np.testing.assert_array_equal(image[~mask], before[~mask])


def test_a_share_of_the_images_is_left_alone():
    changed = Augmentation(paste, DONORS, MASK, share=0.25)(IMAGES)
    assert 6 <= (changed != IMAGES).any(axis=(1, 2, 3)).sum() <= 26


def test_the_same_seed_gives_the_same_images_and_goes_on():
    first, again = (Augmentation(paste, DONORS, MASK, share=0.5, seed=3) for _ in range(2))
    one, two = first(IMAGES), first(IMAGES)
    assert (one != two).any()
    np.testing.assert_array_equal(one, again(IMAGES))
    np.testing.assert_array_equal(two, again(IMAGES))


def test_a_property_of_whole_images():
    donors = np.stack([np.full((4, 4, 1), value, np.float32) for value in (0.4, 0.6)])
    images = 0.45 + IMAGES / 10
    changed = Augmentation(GlobalEdit("brightness", 0.0, 1.0), donors)(images)
    means = changed.mean(axis=(1, 2, 3))
    assert set(means.round(4)) == {np.float32(0.4), np.float32(0.6)}
    np.testing.assert_allclose(changed - changed[:, :1, :1], images - images[:, :1, :1], atol=1e-6)


def test_bytes_stay_bytes_and_channels_may_come_first():
    images = np.zeros((3, 2, 4, 4), np.uint8)
    changed = Augmentation(paste, np.full((1, 2, 4, 4), 7), MASK, channels_first=True)(images)
    assert changed.dtype == np.uint8
    assert (changed[..., MASK] == 7).all()
    assert not changed[..., ~MASK].any()


def test_it_maps_a_tensorflow_data_set_image_by_image_and_in_batches():
    tf = pytest.importorskip("tensorflow")
    labels = np.arange(len(IMAGES))
    cure = Augmentation(paste, DONORS[:1], MASK)
    data = tf.data.Dataset.from_tensor_slices((IMAGES, labels))
    single, batched = data.map(cure).batch(16), data.batch(16).map(cure)
    assert single.element_spec[0].shape.as_list() == batched.element_spec[0].shape.as_list() == [None, 4, 4, 1]
    expected = np.where(MASK[..., None], 10, IMAGES)
    for mapped in (single, batched):
        found, found_labels = zip(*mapped.as_numpy_iterator(), strict=True)
        np.testing.assert_array_equal(np.concatenate(found), expected)
        np.testing.assert_array_equal(np.concatenate(found_labels), labels)


def test_it_works_in_a_py_dataset():
    cure = Augmentation(paste, DONORS[:1], MASK)

    class Data(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            batch = slice(32 * index, 32 * index + 32)
            return cure(IMAGES[batch], np.zeros(32))

    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(Data(), verbose=0)
    np.testing.assert_array_equal(Data()[1][0], np.where(MASK[..., None], 10, IMAGES[32:]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"donors": DONORS[0]}, "donors must be one or more images"),
        ({"donors": DONORS[:0]}, "donors must be one or more images"),
        ({"donors": DONORS, "masks": MASK[:3]}, r"masks must be \(height, width\) = \(4, 4\)"),
        ({"donors": DONORS, "share": 0}, r"share must lie in \(0, 1\]"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Augmentation(paste, **arguments)


def test_an_alert_without_images_says_so():
    alert = Alert(0, "local", "alert", 0, 0.9, 0.5, (0, 0, 2, 2), None, "found")
    with pytest.raises(
        ValueError, match="holds nothing to hand to other classes: only alerts of a monitor or an audit do"
    ):
        alert.augmentation()


def test_images_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"was made for images of shape \(4, 4, 1\)"):
        Augmentation(paste, DONORS, MASK)(np.zeros((2, 5, 5, 1)))
