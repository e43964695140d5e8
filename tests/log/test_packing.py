import numpy as np
import pytest

from keras_xai.log import area_average, pack_maps, unpack_map


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1.0, 7e5, 1e30])
@pytest.mark.parametrize("shift", [0.0, -0.5, 100.0])
def test_values_come_back_to_half_a_level(scale, shift):
    maps = ((np.random.default_rng(0).random((5, 7, 9)) + shift) * scale).astype(np.float32)
    blob, places = pack_maps(maps)
    assert len(blob) == 5 * 7 * 9
    for one, place in zip(maps, places, strict=True):
        back = unpack_map(blob, **place).astype(np.float64)
        span = place["vmax"] - place["vmin"]
        # float32 itself resolves no finer than 6e-8 of the largest value
        assert np.abs(back - one).max() <= span / 510 * (1 + 1e-6) + 6.1e-8 * np.abs(one).max()
        assert place["vmin"] <= one.min() <= one.max() <= place["vmax"]
        assert span <= (one.max() - one.min()) + 2e-5 * np.abs(one).max()


def test_bytes_by_pencil():
    blob, places = pack_maps(np.array([[[0.0, 0.5], [1.0, 0.25]], [[-2.0, 2.0], [0.0, 0.0]]]))
    assert blob == bytes([0, 128, 255, 64, 0, 255, 128, 128])
    assert places == [
        {"height": 2, "width": 2, "offset": 0, "vmin": 0.0, "vmax": 1.0},
        {"height": 2, "width": 2, "offset": 4, "vmin": -2.0, "vmax": 2.0},
    ]
    np.testing.assert_array_equal(unpack_map(blob, **places[0])[1, 0], 1.0)


def test_flat_maps_come_back_exactly():
    blob, places = pack_maps(np.stack([np.zeros((3, 3)), np.full((3, 3), 2.5)]))
    np.testing.assert_array_equal(unpack_map(blob, **places[0]), 0.0)
    np.testing.assert_array_equal(unpack_map(blob, **places[1]), 2.5)


def test_large_maps_are_area_averaged():
    maps = np.random.default_rng(0).random((2, 30, 20))
    blob, places = pack_maps(maps, resolution=8, offset=100)
    assert (places[1]["height"], places[1]["width"], places[1]["offset"]) == (8, 8, 164)
    back = unpack_map(bytes(100) + blob, **places[1])
    np.testing.assert_allclose(back, area_average(maps, 8)[1], atol=1 / 510)


def test_maps_that_are_no_numbers_are_refused():
    maps = np.zeros((3, 2, 2))
    maps[1, 0, 0] = np.nan
    with pytest.raises(ValueError, match=r"must be finite to be stored, but maps \[1\] hold NaN"):
        pack_maps(maps)


@pytest.mark.parametrize("place", [(3, 3, 1), (3, 3, -1), (0, 3, 0), (10, 1, 0)])
def test_a_map_outside_the_blob_is_refused(place):
    height, width, offset = place
    with pytest.raises(ValueError, match=f"a {height}x{width} map at offset {offset} does not fit the 9 bytes"):
        unpack_map(bytes(9), height, width, offset, 0.0, 1.0)
