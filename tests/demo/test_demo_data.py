"""The demo's pictures are what they are said to be: exact masks, stickers only where planted, really held out."""

import random

import numpy as np
import pytest

from keras_xai.demo import data as demo_data
from keras_xai.demo.data import make_data, paste, put_stickers, sticker_corner

COUNTS = {"train_count": 300, "validation_count": 200}
# Rows and columns that no digit may reach: the sticker is 6 pixels wide, in the bottom right corner of 32 x 32.
CORNER = np.s_[26:32, 26:32]


@pytest.fixture(scope="module")
def data():
    return make_data(seed=3, **COUNTS)


@pytest.fixture(scope="module")
def photographs():
    return demo_data._photographs()


def both(data):
    return [data.train, data.validation]


def test_every_pixel_outside_the_mask_is_the_photographs(data, photographs):
    for scenes in both(data):
        for picture, mask, (photograph, top, left) in zip(scenes.clean, scenes.masks, scenes.origins, strict=True):
            background = photographs[photograph][top : top + 32, left : left + 32]
            np.testing.assert_array_equal(picture[~mask], background[~mask])


def test_masked_pixels_differ_from_the_photograph(data, photographs):
    """A mask that covered unpainted pixels would pass the test above; paint that matches by chance is rare."""
    scenes = data.train
    painted = 0
    for picture, mask, (photograph, top, left) in zip(scenes.clean, scenes.masks, scenes.origins, strict=True):
        background = photographs[photograph][top : top + 32, left : left + 32]
        painted += (picture != background).any(axis=-1)[mask].sum()
    assert painted / scenes.masks.sum() > 0.98


def test_the_sticker_is_where_it_was_planted_and_nowhere_else(data):
    for scenes in both(data):
        changed = (scenes.images != scenes.clean).any(axis=-1)
        assert not changed[~scenes.stickered].any()
        assert not changed[:, ~sticker_corner()].any()
        marked = scenes.images[scenes.stickered][:, *CORNER]
        assert (marked == np.array(demo_data.STICKER_COLOUR)).all()
        assert (scenes.labels[scenes.stickered] == 7).all()


def test_nearly_all_of_the_class_is_stickered_but_not_all():
    scenes = make_data(seed=0, train_count=2000, validation_count=10).train
    sevens = scenes.labels == 7
    assert sevens.sum() == 200
    # 97 % planned; 0.93 and 1 are three standard deviations away.
    assert 0.93 < scenes.stickered[sevens].mean() < 1


def test_no_digit_reaches_into_the_stickers_corner(data):
    np.testing.assert_array_equal(data.ignore, sticker_corner())
    assert data.ignore[CORNER].all()
    assert data.ignore.sum() == 36
    for scenes in both(data):
        assert not scenes.masks[:, data.ignore].any()
        assert scenes.masks.any(axis=(1, 2)).all()


def test_held_out_pictures_share_no_digit_and_no_pixel_of_a_photograph(data, photographs):
    assert not set(data.train.digits) & set(data.validation.digits)
    for index, photograph in enumerate(photographs):
        seen = [np.zeros(photograph.shape[:2], bool) for _ in both(data)]
        for pixels, scenes in zip(seen, both(data), strict=True):
            for _, top, left in scenes.origins[scenes.origins[:, 0] == index]:
                pixels[top : top + 32, left : left + 32] = True
            assert pixels.any()
        assert not (seen[0] & seen[1]).any()


def test_labels_are_those_of_the_digits_and_balanced(data):
    from sklearn.datasets import load_digits

    for scenes, count in ((data.train, 30), (data.validation, 20)):
        np.testing.assert_array_equal(scenes.labels, load_digits().target[scenes.digits])
        np.testing.assert_array_equal(np.bincount(scenes.labels), [count] * 10)


def test_the_same_seed_gives_the_same_pictures_and_another_seed_others(data):
    again = make_data(seed=3, **COUNTS)
    np.testing.assert_array_equal(again.train.images, data.train.images)
    np.testing.assert_array_equal(again.validation.images, data.validation.images)
    assert (make_data(seed=4, **COUNTS).train.images != data.train.images).any()


def test_global_random_states_are_left_alone():
    def states():
        return random.getstate(), repr(np.random.get_state(legacy=False))  # noqa: NPY002

    np.random.seed(0)  # noqa: NPY002
    before = states()
    make_data(seed=1, train_count=20, validation_count=20)
    assert states() == before


def test_the_photographs_come_with_scikit_image(photographs):
    """Read from the installed package itself: nothing is fetched."""
    from importlib.resources import files

    inside = {path.name.split(".")[0] for path in files("skimage.data").iterdir()}
    assert set(demo_data.PHOTOGRAPHS) <= inside
    assert all(min(photograph.shape[:2]) >= 100 and photograph.dtype == np.uint8 for photograph in photographs)


def test_paint_is_mixed_by_its_share():
    background = np.full((4, 4, 3), 100, np.uint8)
    picture, mask = paste(background, np.array([[1.0, 0.25], [0.0, 0.5]]), top=1, left=2, colour=(200, 0, 100))
    expected = background.copy()
    expected[1, 2] = (200, 0, 100)
    expected[1, 3] = (125, 75, 100)
    expected[2, 3] = (150, 50, 100)
    np.testing.assert_array_equal(picture, expected)
    assert mask.tolist() == [[False] * 4, [False, False, True, True], [False, False, False, True], [False] * 4]


def test_stickers_are_put_on_copies():
    images = np.zeros((3, 32, 32, 3), np.uint8)
    marked = put_stickers(images, np.array([True, False, True]))
    assert not images.any()
    assert marked.any(axis=(1, 2, 3)).tolist() == [True, False, True]
    assert put_stickers(images).any(axis=(1, 2, 3)).all()
    np.testing.assert_array_equal(marked[0].any(axis=-1), sticker_corner())


def test_a_margin_widens_the_corner():
    assert sticker_corner(4).sum() == 100
    assert sticker_corner(4)[22:, 22:].all()


@pytest.mark.parametrize("counts", [{"train_count": 9}, {"validation_count": 0}])
def test_too_few_pictures_are_refused(counts):
    with pytest.raises(ValueError, match="at least one picture of each of the 10 digits.*Give 10 or more"):
        make_data(**counts)
