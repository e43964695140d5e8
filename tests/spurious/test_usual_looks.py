"""What is usual in a class, against what was put there."""

import numpy as np
import pytest
from keras import ops
from scipy.ndimage import uniform_filter1d

from keras_xai.samples import Samples
from keras_xai.spurious.interventions import IN_PART, Readjust
from keras_xai.spurious.probe import Probe
from keras_xai.spurious.usual_looks import USUAL, USUAL_IN_PART

SIDE = 24
RIGHT = np.linspace(-1, 1, SIDE)
LIT = 0.3 * np.broadcast_to((1 - RIGHT) / 2, (SIDE, SIDE))[..., None]  # from the left
FADED = 0.3 * (np.add.outer(RIGHT**2, RIGHT**2) / 2)[..., None]  # towards the corners


def pictures(seed=0, count=120):
    """Grey noise with a square in the middle, brighter in class 1, before anything is put there: (images, labels)."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    images = random.normal(0.4, 0.05, (count, SIDE, SIDE, 3))
    images[:, 6:18, 6:18] += 0.1 + 0.2 * labels[:, None, None, None]
    return images, labels


def probe_of(images, labels, channels_first=False):
    images = np.clip(images, 0, 1).astype("float32")
    shown = np.moveaxis(images, -1, 1) if channels_first else images
    return Probe(Samples(shown, labels=labels, data_format="channels_first" if channels_first else None), 2, 60, 0)


def with_its_range(images):
    """The same with a black and a white pixel in one image, so that parts of the range are values."""
    images[0, 11, 11], images[0, 11, 12] = 0, 1
    return images


@pytest.mark.parametrize("channels_first", [False, True])
def test_a_tone_is_what_is_usual_in_a_class(channels_first):
    labels = np.arange(60) % 2
    x = np.random.default_rng(8).uniform(0.3, 0.6, (60, 8, 8, 3)).astype("float32")
    x[labels == 1] = x[labels == 1] * [0.5, 0.8, 1.0] + [0.2, 0.0, 0.1]
    probe = probe_of(x, labels, channels_first)
    readjust = Readjust(probe.low, probe.high, channels_first)

    def changed(donor):
        row = {name: value[None] for name, value in probe.looks.change("overall tone", 0, donor).items()}
        found = ops.convert_to_numpy(readjust(probe.samples.image[:1], row, {}))[0]
        return np.moveaxis(found, 0, -1) if channels_first else found

    np.testing.assert_allclose(changed(1), x[0] * [0.5, 0.8, 1.0] + [0.2, 0.0, 0.1], atol=0.02)
    np.testing.assert_allclose(changed(2), x[0], atol=1e-6)  # of its own class


def test_light_is_told_from_the_corners_and_not_from_objects():
    images, labels = pictures()
    images[labels == 1] += LIT
    looks = probe_of(with_its_range(images), labels).looks
    row = looks.change("corner light", 0, 1)
    assert row["scale"].shape == (1, 1, 3)
    np.testing.assert_allclose(row["scale"], 1)
    np.testing.assert_allclose(row["shift"], np.broadcast_to(LIT, row["shift"].shape), atol=0.04)
    np.testing.assert_allclose(looks.change("corner light", 1, 0)["shift"], -row["shift"], atol=1e-6)


def test_a_mark_in_one_corner_is_no_light_and_no_detail():
    images, labels = pictures()
    marked = with_its_range(images.copy())
    marked[labels == 1, :6, -6:] = np.indices((6, 6)).sum(axis=0)[..., None] % 2
    looks, usual = probe_of(marked, labels).looks, probe_of(with_its_range(images), labels).looks
    for kind in ("corner light", "vignette"):
        assert np.abs(looks.change(kind, 0, 1)["shift"]).max() < 0.02
    before, after = (one.change("corner detail", 0, 1)["gain"] for one in (usual, looks))
    np.testing.assert_allclose(after, before, atol=0.5)  # where the mean of the corners gives 5
    assert looks.change("overall detail", 0, 1)["gain"].max() > 1.3  # which looks everywhere


def test_a_vignette_fades_towards_the_middle():
    images, labels = pictures()
    images[labels == 1] += FADED
    row = probe_of(with_its_range(images), labels).looks.change("vignette", 0, 1)
    middle, corner = row["shift"][11:13, 11:13].mean(), row["shift"][0, 0].mean()
    assert abs(middle) < 0.01
    # The corners are squares of 3 px, on which the vignette is 0.83 of what it is at the very corner.
    assert corner == pytest.approx(0.3 * (np.square(RIGHT[:3]).mean()), abs=0.02)


@pytest.mark.parametrize("kind", ["corner detail", "overall detail"])
def test_detail_is_changed_by_what_a_blur_does_to_waves(kind):
    labels = np.arange(240) % 2
    images = np.random.default_rng(1).normal(0.5, 0.08, (240, SIDE, SIDE, 3))
    images[labels == 1] = uniform_filter1d(images[labels == 1], 3, axis=2, mode="wrap")
    gain = probe_of(with_its_range(images), labels).looks.change(kind, 0, 1)["gain"]
    assert gain.shape == (3, SIDE, SIDE)
    cycles = np.fft.fftfreq(SIDE)
    passed = np.square(1 + 2 * np.cos(2 * np.pi * cycles)) / 9  # of the power, by a mean of three pixels
    horizontal = np.sqrt(uniform_filter1d(passed, 7, mode="wrap"))  # a window of 6 px sees no finer than that
    vertical, fine = np.s_[:, 5:-4, 0], np.s_[:, 0, 5:-4]
    np.testing.assert_allclose(gain[fine].mean(axis=0), horizontal[5:-4], atol=0.1)
    np.testing.assert_allclose(gain[vertical].mean(axis=0), 1, atol=0.2)
    assert (gain[:, 0, 0] == 1).all()


@pytest.mark.parametrize("channels_first", [False, True])
def test_waves_are_strengthened_one_by_one(channels_first):
    random = np.random.default_rng(3)
    image = random.uniform(0.4, 0.6, (2, 10, 12, 3)).astype("float32")
    gain = random.uniform(0.5, 1.5, (2, 3, 10, 12))
    gain = (gain + np.roll(gain[..., ::-1, ::-1], 1, axis=(2, 3))) / 2  # real images stay real
    waves = np.fft.fft2(image, axes=(1, 2)) * np.moveaxis(gain, 1, -1)
    wanted = np.clip(np.fft.ifft2(waves, axes=(1, 2)).real, 0, 1)
    shown = np.moveaxis(image, -1, 1) if channels_first else image
    found = Readjust(0.0, 1.0, channels_first)(shown, {"gain": gain.astype("float32")}, {})
    found = ops.convert_to_numpy(found)
    np.testing.assert_allclose(np.moveaxis(found, 1, -1) if channels_first else found, wanted, atol=1e-5)


def test_what_marks_half_of_a_class_is_looked_at_in_that_half():
    images, labels = pictures()
    marked = (labels == 1) & (np.arange(len(labels)) % 4 == 1)
    images[marked] += 0.2
    looks = probe_of(with_its_range(images), labels).looks
    for kind in ("overall tone", "corner light"):
        of_class = np.flatnonzero(labels == 1)
        assert (looks.in_part(kind + IN_PART, of_class) == marked[of_class]).all()
    donor, plain = np.flatnonzero(marked)[0], np.flatnonzero((labels == 1) & ~marked)[0]
    host = next(
        one for one in np.flatnonzero(labels == 0) if not looks.in_part("corner light" + IN_PART, np.array([one]))[0]
    )
    shifts = [looks.change("corner light" + IN_PART, host, one)["shift"].mean() for one in (donor, plain)]
    assert shifts[0] == pytest.approx(0.2, abs=0.02)
    # One that is not in the part stands for the class as a whole, of which half is marked: a median between both.
    assert -0.02 < shifts[1] < 0.18


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (5, 8), (12, 7)])
def test_small_images_have_usual_looks_too(size):
    labels = np.arange(60) % 2
    images = np.random.default_rng(5).uniform(0, 1, (60, *size, 1))
    images[labels == 1] *= 0.5
    probe = probe_of(images, labels)
    for kind in (*USUAL, *USUAL_IN_PART):
        row = {name: value[None] for name, value in probe.looks.change(kind, 0, 1).items()}
        found = ops.convert_to_numpy(Readjust(probe.low, probe.high)(probe.samples.image[:1], row, {}))
        assert found.shape == (1, *size, 1)
        assert np.isfinite(found).all()


def test_a_class_that_cannot_be_divided_has_no_part():
    labels = np.arange(60) % 2
    images = np.full((60, 8, 8, 1), 0.5)
    images[labels == 1] = 0.7
    looks = probe_of(images, labels).looks
    assert not looks.in_part("overall tone" + IN_PART, np.arange(60)).any()
    few = np.concatenate([np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)[:9]])
    images[..., :4, :, :] += np.random.default_rng(0).normal(0, 0.1, (60, 1, 1, 1))
    assert not probe_of(images[few], labels[few]).looks.in_part("overall tone" + IN_PART, np.arange(30, 39)).any()
