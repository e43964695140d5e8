"""Explanation: resizing, saving, loading, overlays and what it says about itself."""

import json

import keras
import numpy as np
import pytest

import keras_xai as kx
from keras_xai.explanation import resize


def explanation(raw, **arguments):
    count = len(raw)
    known = {
        "method": "grad_cam",
        "signed": False,
        "raw": np.asarray(raw, np.float32),
        "valid": np.ones(count, bool),
        "scores": np.arange(count, dtype=np.float32),
        "targets": np.arange(count),
        "predictions": np.eye(count, 3, dtype=np.float32),
        "details": {"layer": "conv5", "score": "logit"},
        "images": np.full((count, 8, 12, 3), 128, np.uint8),
    }
    return kx.Explanation(**{**known, **arguments})


def slow_resize(maps, size):
    """Pixel by pixel: the four cells whose centres surround the pixel's centre, the border repeated."""
    count, rows, columns = maps.shape
    found = np.zeros((count, *size))
    for i, y, x in np.ndindex(count, *size):
        v = (y + 0.5) * rows / size[0] - 0.5
        u = (x + 0.5) * columns / size[1] - 0.5
        for row in (int(np.floor(v)), int(np.floor(v)) + 1):
            for column in (int(np.floor(u)), int(np.floor(u)) + 1):
                weight = (1 - abs(v - row)) * (1 - abs(u - column))
                found[i, y, x] += weight * maps[i, np.clip(row, 0, rows - 1), np.clip(column, 0, columns - 1)]
    return found


SIZES = [((2, 2), (4, 4)), ((7, 7), (32, 32)), ((3, 5), (8, 6)), ((1, 4), (5, 9)), ((8, 8), (5, 3)), ((6, 1), (6, 6))]


class TestResize:
    @pytest.mark.parametrize(("cells", "pixels"), SIZES)
    def test_is_a_loop_over_pixels(self, cells, pixels):
        maps = np.random.default_rng(0).normal(size=(2, *cells)).astype(np.float32)
        found = resize(maps, pixels)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, slow_resize(maps, pixels), atol=1e-5)

    @pytest.mark.parametrize(("cells", "pixels"), SIZES)
    def test_is_that_of_the_framework(self, cells, pixels):
        maps = np.random.default_rng(0).normal(size=(2, *cells)).astype(np.float32)
        tensor = keras.ops.convert_to_tensor(maps[..., None])
        backend = keras.backend.backend()
        if backend == "torch":
            import torch

            expected = torch.nn.functional.interpolate(tensor.movedim(-1, 1), pixels, mode="bilinear").movedim(1, -1)
        elif backend == "tensorflow":
            import tensorflow as tf

            expected = tf.image.resize(tensor, pixels, "bilinear", antialias=False)
        else:
            expected = keras.ops.image.resize(tensor, pixels, "bilinear", antialias=False, data_format="channels_last")
        np.testing.assert_allclose(resize(maps, pixels), keras.ops.convert_to_numpy(expected)[..., 0], atol=1e-5)

    def test_with_a_pencil(self):
        np.testing.assert_allclose(resize(np.array([[[0, 4.0]]]), (1, 4)), [[[0, 1, 3, 4]]])

    def test_the_same_size_is_the_same_map(self):
        maps = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
        np.testing.assert_array_equal(resize(maps, (3, 4)), maps)

    def test_a_flat_map_stays_flat_and_nothing_overshoots(self):
        assert np.ptp(resize(np.full((1, 3, 3), 0.1), (50, 70))) < 1e-7
        maps = np.random.default_rng(0).uniform(size=(3, 4, 5))
        found = resize(maps, (31, 47))
        assert maps.min() - 1e-6 <= found.min() <= found.max() <= maps.max() + 1e-6


class TestMaps:
    def test_have_the_size_of_the_images_and_are_not_normalised(self):
        raw = 1000 * np.random.default_rng(0).normal(size=(2, 2, 3)).astype(np.float32)
        found = explanation(raw)
        assert found.maps.shape == (2, 8, 12)
        assert found.maps.dtype == np.float32
        np.testing.assert_allclose(found.maps, slow_resize(raw, (8, 12)), rtol=1e-4, atol=1e-2)
        np.testing.assert_array_equal(found.raw, raw)
        assert found.maps is found.maps

    def test_length(self):
        assert len(explanation(np.ones((3, 2, 2)))) == 3


class TestRepr:
    def test_says_method_sizes_layer_score_and_range(self):
        assert repr(explanation([[[0, 1.5], [0.25, 0]], [[0, 0], [2, 0]]])) == (
            "Explanation('grad_cam': 2 maps of 8×12 from 2×2, layer 'conv5', score 'logit', values 0 to 2)"
        )

    def test_counts_the_invalid(self):
        found = explanation(np.zeros((3, 2, 2)), valid=np.array([True, False, False]), details={"score": "probability"})
        assert repr(found) == (
            "Explanation('grad_cam': 3 maps of 8×12 from 2×2, score 'probability', values 0 to 0, 2 invalid)"
        )


class TestOverlay:
    def test_no_evidence_shows_the_picture(self):
        images = np.random.default_rng(0).integers(0, 256, (2, 8, 12, 3), dtype=np.uint8)
        found = explanation(np.zeros((2, 2, 2)), images=images).overlay()
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, images)

    def test_alpha_nothing_shows_the_picture(self):
        found = explanation(np.random.default_rng(0).uniform(size=(2, 8, 12)))
        np.testing.assert_array_equal(found.overlay(alpha=0), found.images)

    def test_grey_pictures_become_rgb(self):
        grey = np.arange(96, dtype=np.uint8).reshape(1, 8, 12, 1)
        found = explanation(np.zeros((1, 2, 2)), images=grey).overlay()
        np.testing.assert_array_equal(found, np.repeat(grey, 3, axis=-1))

    def test_only_evidence_changes_the_picture(self):
        raw = np.zeros((1, 8, 12))
        raw[0, 2:4, 5:9] = 1
        found = explanation(raw)
        changed = (found.overlay() != found.images).any(axis=-1)
        np.testing.assert_array_equal(changed, raw > 0)

    def test_vmax_is_a_scale_of_ones_own(self):
        raw = np.ones((1, 8, 12))
        strong, weak = (np.abs(explanation(raw).overlay(vmax=vmax).astype(int) - 128).sum() for vmax in (1.0, 10.0))
        np.testing.assert_array_equal(explanation(raw).overlay(), explanation(5 * raw).overlay())
        assert strong > 2 * weak > 0

    def test_signed_evidence_has_two_colours(self):
        raw = np.zeros((1, 8, 12))
        raw[0, 0, 0], raw[0, 7, 11] = 1, -1
        found = explanation(raw, signed=True).overlay()
        assert (found[0, 0, 0] != found[0, 7, 11]).any()
        assert (found[0, 0, 0] != 128).any()
        assert (found[0, 7, 11] != 128).any()


def assert_same(a, b):
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            assert_same(a[key], b[key])
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            assert_same(one, other)
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    else:
        assert a == b


class TestSaving:
    def round_trip(self, found, tmp_path):
        found.save(tmp_path / "saved.npz")
        loaded = kx.Explanation.load(tmp_path / "saved.npz")
        for name in ("method", "signed", "raw", "maps", "valid", "scores", "targets", "predictions", "images"):
            assert_same(getattr(found, name), getattr(loaded, name))
        for name in ("labels", "names", "class_names"):
            assert_same(getattr(found, name), getattr(loaded, name))
        return loaded

    def test_everything_comes_back(self, tmp_path):
        details = {
            "layer": ["a/b", "c"],
            "maps": {"a/b": np.ones((2, 1, 1), np.float32), "c": np.zeros((2, 2, 2))},
            "channels": {"c": [1, 2]},
            "drivers": {"c": [{"channel": 3, "samples": [{"index": 0, "crop": (1, 2, 3, 4), "value": 0.1}]}]},
            "by number": {3: "three", None: (), ("a", 1): []},
            "nothing": None,
            "empty": {},
            "flag": True,
            "number": 1.5,
        }
        found = explanation(
            np.random.default_rng(0).normal(size=(2, 2, 3)),
            details=details,
            valid=np.array([True, False]),
            labels=np.array([2, 0]),
            names=["häuser/1.png", "two"],
            class_names=["cat", "dog", "bird"],
            signed=True,
        )
        assert_same(self.round_trip(found, tmp_path).details, details)

    def test_numbers_that_are_no_numbers_come_back(self, tmp_path):
        details = {"r2": np.array([np.nan, 0.5]), "gap": float("nan"), "most": float("inf"), "one": np.float32(0.25)}
        loaded = self.round_trip(explanation(np.zeros((2, 2, 2)), details=details), tmp_path).details
        np.testing.assert_array_equal(loaded["r2"], details["r2"])
        assert np.isnan(loaded["gap"])
        assert (loaded["most"], loaded["one"]) == (float("inf"), 0.25)

    def test_lime_comes_back(self, tmp_path):
        model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(3)])
        images = np.random.default_rng(0).normal(size=(3, 8, 8, 3)).astype(np.float32)
        samples = kx.Samples(images, labels=[0, 1, 2], class_names=["a", "b", "c"])
        found = kx.LIME(num_samples=30, score=kx.scores.Contrast(against=0))(model, samples)
        loaded = self.round_trip(found, tmp_path)
        for name in ("segments", "coefficients", "intercepts", "r2", "masks"):
            assert_same(found.details[name], loaded.details[name])
        assert (loaded.details["score"], loaded.details["config"]["num_samples"]) == ("contrast", 30)
        # A score is code: its description is kept.
        assert loaded.details["config"]["score"] == "Contrast(output=None, against=0)"
        np.testing.assert_array_equal(loaded.overlay(), found.overlay())

    def test_activations_come_back(self, tmp_path):
        model = keras.Sequential(
            [
                keras.Input((8, 8, 3)),
                keras.layers.Conv2D(4, 3, name="conv"),
                keras.layers.Flatten(),
                keras.layers.Dense(2),
            ]
        )
        found = kx.Activations(channels=2)(model, np.ones((2, 8, 8, 3), np.float32))
        loaded = self.round_trip(found, tmp_path)
        for name in ("layer", "feature_maps", "channels", "drivers"):
            assert_same(found.details[name], loaded.details[name])

    def test_no_pickle_is_needed_and_the_name_is_kept(self, tmp_path):
        explanation(np.zeros((2, 2, 2))).save(str(tmp_path / "maps"))
        assert [path.name for path in tmp_path.iterdir()] == ["maps"]
        with np.load(tmp_path / "maps", allow_pickle=False) as archive:
            header = json.loads(archive["header"].tobytes())
        assert (header["format"], header["version"]) == ("keras_xai.Explanation", 1)
        assert header["state"]["__dict__"][0] == ["method", "grad_cam"]

    def test_another_file_is_refused(self, tmp_path):
        (tmp_path / "text.npz").write_text("no archive")
        np.savez(tmp_path / "arrays.npz", a=np.zeros(3))
        for name in ("text.npz", "arrays.npz"):
            with pytest.raises(ValueError, match=rf"{name}' is not a saved keras_xai.Explanation"):
                kx.Explanation.load(tmp_path / name)
        with pytest.raises(FileNotFoundError):
            kx.Explanation.load(tmp_path / "missing.npz")

    def test_an_unknown_version_is_refused(self, tmp_path):
        header = json.dumps({"format": "keras_xai.Explanation", "version": 7, "state": {}})
        np.savez(tmp_path / "new.npz", header=np.frombuffer(header.encode(), np.uint8))
        with pytest.raises(ValueError, match="version 7; expected 'keras_xai.Explanation' version 1.*newer keras_xai"):
            kx.Explanation.load(tmp_path / "new.npz")


def test_names_default_to_numbers():
    assert explanation(np.zeros((3, 2, 2))).names == ["0", "1", "2"]
