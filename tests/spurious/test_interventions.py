"""What is done to images, against slow NumPy."""

import io

import numpy as np
import pytest
from keras import ops
from PIL import Image

from keras_xai.samples import Samples
from keras_xai.spurious.fixed_edits import FIXED_EDITS
from keras_xai.spurious.interventions import EDITS, GlobalEdit, paste
from keras_xai.spurious.probe import Probe
from keras_xai.spurious.silhouettes import filled_with_texture, silhouettes, surroundings
from keras_xai.spurious.windows import around

GENERATOR = np.random.default_rng(0)
IMAGE = GENERATOR.uniform(0.2, 0.7, (2, 16, 20, 3)).astype("float32")
DONOR = (GENERATOR.uniform(0.3, 0.6, (2, 16, 20, 3)) * [0.6, 0.8, 1.0]).astype("float32")


def edited(kind, image=IMAGE, donor=DONOR):
    return ops.convert_to_numpy(EDITS[kind](ops.convert_to_tensor(image), ops.convert_to_tensor(donor)))


def test_paste_takes_the_donor_inside_the_mask():
    mask = GENERATOR.random((2, 16, 20, 1)) < 0.5
    pasted = ops.convert_to_numpy(paste(IMAGE, {"donor": DONOR, "mask": mask}, {}))
    for i, row, column in np.ndindex(2, 16, 20):
        wanted = DONOR if mask[i, row, column, 0] else IMAGE
        assert (pasted[i, row, column] == wanted[i, row, column]).all()


def test_brightness_is_the_donors_and_nothing_else_changes():
    found = edited("brightness")
    np.testing.assert_allclose(found.mean(axis=(1, 2, 3)), DONOR.mean(axis=(1, 2, 3)), atol=1e-6)
    np.testing.assert_allclose(found - found[:, :1, :1, :1], IMAGE - IMAGE[:, :1, :1, :1], atol=1e-6)


@pytest.mark.parametrize(("kind", "axes"), [("contrast", (1, 2, 3)), ("colour", (1, 2))])
def test_mean_and_standard_deviation_are_the_donors(kind, axes):
    found = edited(kind)
    np.testing.assert_allclose(found.mean(axis=axes), DONOR.mean(axis=axes), atol=1e-5)
    np.testing.assert_allclose(found.std(axis=axes), DONOR.std(axis=axes), rtol=1e-3)


def test_hue_moves_the_mean_colour_and_keeps_the_brightness_of_every_pixel():
    found = edited("hue")
    np.testing.assert_allclose(found.mean(axis=-1), IMAGE.mean(axis=-1), atol=1e-6)
    tint = DONOR.mean(axis=(1, 2)) - DONOR.mean(axis=(1, 2, 3))[:, None]
    np.testing.assert_allclose(found.mean(axis=(1, 2)) - found.mean(axis=(1, 2, 3))[:, None], tint, atol=1e-6)


def test_saturation_is_the_donors():
    found = edited("saturation")
    spread = [np.ptp(image, axis=-1).mean(axis=(1, 2)) for image in (found, DONOR)]
    np.testing.assert_allclose(spread[0], spread[1], rtol=1e-5)
    np.testing.assert_allclose(found.mean(axis=-1), IMAGE.mean(axis=-1), atol=1e-6)


def test_the_spectrum_has_the_donors_slow_waves_at_the_images_own_phases():
    found = np.fft.fft2(edited("spectrum"), axes=(1, 2))
    own, given = (np.fft.fft2(image.astype(float), axes=(1, 2)) for image in (IMAGE, DONOR))
    slow = np.abs(np.fft.fftfreq(16) * 16)[:, None] <= 2
    slow = slow & (np.abs(np.fft.fftfreq(20) * 20) <= 2)
    np.testing.assert_allclose(np.abs(found)[:, slow], np.abs(given)[:, slow], atol=2e-3)
    np.testing.assert_allclose(found[:, ~slow], own[:, ~slow], atol=2e-3)
    waves = np.exp(1j * np.angle(own)) * np.abs(found)
    np.testing.assert_allclose(found[:, slow], waves[:, slow], atol=2e-3)


def blurred(image):
    kernel = np.array([1, 4, 6, 4, 1]) / 16
    padded = np.pad(image, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="reflect")
    found = np.zeros_like(image)
    for row, column in np.ndindex(5, 5):
        window = padded[:, row : row + image.shape[1], column : column + image.shape[2]]
        found += kernel[row] * kernel[column] * window
    return found


def fineness(image):
    once = blurred(image)
    return np.log(((image - once) ** 2).mean() / ((once - blurred(once)) ** 2).mean())


@pytest.mark.parametrize("times", [1, 2, 4])
def test_the_sharpness_of_a_blurred_donor_blurs_as_much(times):
    donor = np.random.default_rng(5).random((1, 16, 20, 3))
    for _ in range(times):
        donor = blurred(donor)
    found = edited("sharpness", IMAGE[:1], donor.astype("float32"))
    ladder = [IMAGE[:1].astype(float)]
    for _ in range(8):
        ladder.append(blurred(ladder[-1]))
    nearest = min((0, 1, 2, 4, 8), key=lambda k: abs(fineness(ladder[k]) - fineness(donor)))
    assert nearest > 0
    np.testing.assert_allclose(found, ladder[nearest], atol=1e-5)


def test_grain_brings_the_noise_of_the_donor_and_edges_do_not_count():
    smooth = np.full((1, 32, 32, 1), 0.5, "float32")
    edged = smooth.copy()
    edged[:, 10:20, 10:20] = 0.9
    noisy = smooth + 0.05 * np.random.default_rng(3).standard_normal(smooth.shape).astype("float32")
    found = edited("grain", smooth, noisy)
    assert (found - smooth).std() == pytest.approx(0.05, rel=0.15)
    np.testing.assert_allclose(edited("grain", smooth, edged), smooth, atol=1e-6)


def test_specks_are_the_donors_and_no_longer_the_images():
    from scipy.ndimage import median_filter

    generator = np.random.default_rng(9)
    smooth = generator.uniform(0.4, 0.5, (2, 12, 14, 3)).astype("float32")
    image, donor = smooth.copy(), generator.uniform(0.4, 0.5, smooth.shape).astype("float32")
    image[:, 3, 4], image[:, 8, 9, 1] = 1.0, 0.0
    donor[:, 5, 5, 0], donor[:, 10, 2] = 0.9, 0.0
    found = edited("specks", image, donor)
    wanted = image.copy()
    filtered = median_filter(image, (1, 3, 3, 1))
    wanted[:, 3, 4], wanted[:, 8, 9] = filtered[:, 3, 4], filtered[:, 8, 9]
    wanted[:, 5, 5], wanted[:, 10, 2] = donor[:, 5, 5], donor[:, 10, 2]
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_thin_strokes_are_no_specks():
    image = np.full((1, 12, 12, 1), 0.2, "float32")
    image[:, 2:10, 5] = image[:, 3, 6:9] = 1.0
    np.testing.assert_allclose(edited("specks", image, np.full_like(image, 0.2)), image, atol=1e-6)
    np.testing.assert_allclose(edited("specks", np.full_like(image, 0.2), image), 0.2, atol=1e-6)


def test_a_silhouette_is_what_differs_from_the_border_or_else_the_middle():
    x = np.zeros((3, 20, 20, 1), "float32")
    x[0, 5:12, 6:15] = 0.5
    x[1, 3, 3] = 1
    found = silhouettes(Samples(x))
    wanted = np.zeros((20, 20), bool)
    wanted[5:12, 6:15] = True
    assert (found[0] == wanted).all()
    middle = np.zeros((20, 20), bool)
    middle[3:17, 3:17] = True
    assert (found[1] == middle).all()
    assert (found[2] == middle).all()
    masks = np.zeros((3, 20, 20), bool)
    masks[:, :10] = True
    assert (silhouettes(Samples(x, masks=masks)) == masks).all()


def test_texture_is_a_piece_of_the_object_all_over():
    image = np.zeros((16, 16, 1), "float32")
    inside = np.zeros((16, 16), bool)
    inside[4:12, 4:12] = True
    image[inside] = 0.5
    image[5:12:2, 4:12] = 1.0
    filled = filled_with_texture(image, inside)
    tile = image[4:8, 4:8]
    assert filled.shape == image.shape
    assert (filled[:4, :4] == tile).all()
    assert (filled[4:8, :4] == tile[::-1]).all()
    assert (filled[:4, 4:8] == tile[:, ::-1]).all()
    assert set(np.unique(filled)) == {0.5, 1.0}


def test_surroundings_are_the_mean_of_two_pixels_round_the_region():
    image = np.random.default_rng(4).random((10, 10, 2)).astype("float32")
    mask = np.zeros((10, 10), bool)
    mask[4:6, 4:6] = True
    ring = [
        image[i, j]
        for i, j in np.ndindex(10, 10)
        if not mask[i, j] and min(abs(i - k) + abs(j - m) for k in (4, 5) for m in (4, 5)) <= 2
    ]
    filled = surroundings(image, around(mask))
    assert filled.shape == (1, 1, 2)
    np.testing.assert_allclose(filled[0, 0], np.mean(ring, axis=0), rtol=1e-5)
    first = surroundings(np.moveaxis(image, -1, 0), around(mask), channels_first=True)
    np.testing.assert_allclose(np.moveaxis(first, 0, -1), filled)


def test_posterising_leaves_four_levels():
    assert set(np.round(edited("posterisation") * 3, 4).ravel()) <= {0, 1, 2, 3}


def through_jpeg(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=10)
    with Image.open(file) as opened:
        return np.asarray(opened, int)


def test_compression_of_grey_images_is_that_of_a_library():
    smooth = np.cumsum(np.random.default_rng(6).normal(0, 0.02, (16, 24)), axis=1) + 0.5
    grey = (np.clip(smooth, 0, 1) * 255).astype("uint8")
    found = edited("compression", grey[None, ..., None] / np.float32(255))[0, ..., 0] * 255
    assert np.abs(found.clip(0, 255) - through_jpeg(grey)).max() <= 2


def test_compression_of_colours_is_that_of_a_library_but_for_how_colours_grow_again():
    rows, columns = np.indices((32, 32)) // 16
    colours = np.array([[[200, 40, 30], [30, 160, 60]], [[40, 60, 190], [220, 210, 90]]], "uint8")
    image = colours[rows, columns]
    found = edited("compression", image[None] / np.float32(255))[0] * 255
    inside = (slice(2, 14), slice(2, 14))  # a library smooths where colours meet
    assert np.abs(found.clip(0, 255) - through_jpeg(image))[inside].max() <= 3
    noisy = np.random.default_rng(6).integers(80, 160, (32, 32, 3)).astype("uint8")
    found = edited("compression", noisy[None] / np.float32(255))[0].clip(0, 1) * 255
    brightness = [image @ np.array([0.299, 0.587, 0.114]) for image in (found, through_jpeg(noisy))]
    assert np.abs(brightness[0] - brightness[1]).max() <= 3


def test_pixelation_is_the_mean_of_squares_and_leaves_an_odd_edge():
    image = GENERATOR.random((2, 5, 7, 3)).astype("float32")
    wanted = image.copy()
    for top, left in np.ndindex(2, 3):
        square = np.s_[:, 2 * top : 2 * top + 2, 2 * left : 2 * left + 2]
        wanted[square] = image[square].mean(axis=(1, 2), keepdims=True)
    found = edited("pixelation", image, image)
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    np.testing.assert_allclose(edited("pixelation", found, found), found, atol=1e-6)


def test_the_histogram_is_the_donors_and_the_order_of_values_the_images():
    found = edited("histogram")
    for i, channel in np.ndindex(2, 3):
        values, wanted = found[i, ..., channel].ravel(), np.sort(DONOR[i, ..., channel].ravel())
        np.testing.assert_allclose(np.sort(values), wanted, atol=1e-6)
        ranks = np.argsort(np.argsort(IMAGE[i, ..., channel].ravel()))
        assert np.isclose(values, wanted[ranks]).mean() > 0.9  # values that are nearly equal may change places


def test_of_a_histogram_the_background_takes_the_donors_background_and_the_rest_the_rest():
    image, donor = np.zeros((1, 10, 10, 1), "float32"), np.full((1, 10, 10, 1), 0.2, "float32")
    image[0, 3:6, 3:6, 0] = np.linspace(0.5, 0.9, 9).reshape(3, 3)
    donor[0, 2:8, 2:8, 0] = np.linspace(0.3, 1.0, 36).reshape(6, 6)
    found = edited("histogram", image, donor)[0, ..., 0]
    outside = image[0, ..., 0] == 0
    np.testing.assert_allclose(found[outside], 0.2)
    np.testing.assert_allclose(found[3:6, 3:6].ravel(), np.linspace(0.3, 1.0, 36)[2::4], atol=1e-6)


def test_a_donor_without_values_of_its_own_lends_its_background():
    image, donor = np.zeros((1, 10, 10, 2), "float32"), np.zeros((1, 10, 10, 2), "float32")
    image[0, 3:6, 3:6, 1] = 0.7
    donor[0, 2:8, 2:8, 0] = 0.9
    np.testing.assert_allclose(edited("histogram", image, donor), 0.0, atol=1e-6)


def test_detail_brings_noise_and_blur_and_takes_them_away():
    generator = np.random.default_rng(7)
    smooth = np.full((1, 32, 32, 1), 0.5, "float32")
    smooth[:, 8:20, 8:20] = 0.7
    noisy = (smooth + 0.05 * generator.standard_normal(smooth.shape)).astype("float32")

    def energy(image):
        return float(((image - blurred(image.astype(float))) ** 2).mean())

    assert energy(edited("detail", smooth, noisy)) == pytest.approx(energy(noisy), rel=0.35)
    assert energy(edited("detail", noisy, smooth)) < 0.5 * energy(noisy)
    soft = blurred(blurred(blurred(noisy.astype(float)))).astype("float32")
    assert energy(edited("detail", noisy, soft)) < 0.3 * energy(noisy)


@pytest.mark.parametrize("channels_first", [False, True])
def test_a_mosaic_holds_a_quarter_of_four_images_of_the_class(channels_first):
    labels = np.arange(60) % 2
    x = np.broadcast_to(np.arange(60, dtype="float32")[:, None, None, None], (60, 6, 6, 3))
    shown = np.moveaxis(x, -1, 1) if channels_first else x
    probe = Probe(Samples(shown, labels=labels, data_format="channels_first" if channels_first else None), 2, 30, 0)
    (index, *_) = probe.testing[1]
    mosaic = probe.mosaic(index)
    values, counts = np.unique(mosaic, return_counts=True)
    assert mosaic.shape == shown[0].shape
    assert index in values
    assert set(values.astype(int)) <= set(probe.testing[1].tolist())
    assert counts.tolist() == [27] * 4


@pytest.mark.parametrize("kind", EDITS)
@pytest.mark.parametrize("low_high", [(0.0, 255.0), (-1.0, 1.0), (-2.1, 2.6)])
def test_an_edit_means_the_same_in_every_range_and_layout(kind, low_high):
    low, high = low_high
    plain = GlobalEdit(kind, 0.0, 1.0)
    other = GlobalEdit(kind, low, high, channels_first=True)

    def moved(image):
        return np.moveaxis(image * (high - low) + low, -1, 1).astype("float32")

    wanted = ops.convert_to_numpy(plain(IMAGE, {"donor": DONOR}, {}))
    found = ops.convert_to_numpy(other(moved(IMAGE), {"donor": moved(DONOR)}, {}))
    close = np.isclose(found, moved(wanted), atol=2e-4 * (high - low))
    # Rounding may go either way for a value half way between two levels, and so may ranks of values that are nearly equal.
    assert close.mean() > (0.97 if kind in (*FIXED_EDITS, "detail", "histogram") else 0.9999)


@pytest.mark.parametrize("kind", EDITS)
def test_an_edit_stays_in_the_range_and_the_type_of_the_data(kind):
    image = (IMAGE * 255).astype("uint8")
    donor = np.full_like(image, 250)
    found = ops.convert_to_numpy(GlobalEdit(kind, 0.0, 255.0)(image, {"donor": donor}, {}))
    assert found.dtype == np.uint8
    assert found.shape == image.shape
    floats = ops.convert_to_numpy(GlobalEdit(kind, 0.2, 0.7)(IMAGE, {"donor": DONOR}, {}))
    assert floats.min() >= 0.2 - 1e-6
    assert floats.max() <= 0.7 + 1e-6


@pytest.mark.parametrize("kind", EDITS)
def test_an_image_that_is_its_own_donor_stays_what_it_is(kind):
    if kind not in FIXED_EDITS:
        np.testing.assert_allclose(edited(kind, IMAGE, IMAGE), IMAGE, atol=1e-4)
