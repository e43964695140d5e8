"""Numbers about maps, with a pencil."""

import inspect

import numpy as np
import pytest

import keras_xai as kx
from keras_xai.explanation import Explanation
from keras_xai.metrics import border_share, centre_share, drift, entropy
from keras_xai.metrics.per_epoch import per_epoch

ONE_CELL = np.eye(16).reshape(16, 4, 4)  # all the evidence in one of 4×4 cells, in each in turn
EVERYWHERE = np.ones((1, 4, 4))
NOWHERE = np.zeros((1, 4, 4))


def explanation(raw, **arguments):
    count = len(raw)
    known = {
        "method": "grad_cam",
        "signed": False,
        "raw": np.asarray(raw, np.float32),
        "valid": np.ones(count, bool),
        "scores": np.arange(count, dtype=np.float32),
        "targets": np.zeros(count, int),
        "predictions": np.zeros((count, 2), np.float32),
        "details": {},
        "images": np.zeros((count, 8, 8, 3), np.uint8),
    }
    return Explanation(**{**known, **arguments})


class TestEntropy:
    def test_with_a_pencil(self):
        np.testing.assert_allclose(entropy(ONE_CELL), 0, atol=1e-12)
        np.testing.assert_allclose(entropy(EVERYWHERE), 1)
        # Half of 16 cells: log 8 / log 16 = 3/4. Shares ½, ¼, ¼ of 4 cells: 1.5 bits of 2.
        np.testing.assert_allclose(entropy([[[1, 1, 1, 1], [1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]]]), 0.75)
        np.testing.assert_allclose(entropy([[[2, 1], [0, 1]]]), 0.75)

    def test_sign_and_scale_do_not_matter(self):
        maps = np.random.default_rng(0).normal(size=(5, 3, 4))
        np.testing.assert_allclose(entropy(maps), entropy(-7 * maps))
        np.testing.assert_allclose(entropy(maps), entropy(np.abs(maps)))

    def test_a_zero_map_has_none(self):
        assert np.isnan(entropy(NOWHERE)).all()

    def test_single_precision_is_summed_in_double(self):
        maps = np.full((1, 1000, 1000), 1e-3, np.float32)
        np.testing.assert_allclose(entropy(maps), 1, rtol=1e-12)


class TestPlacement:
    def test_with_a_pencil(self):
        inner = np.zeros((4, 4))
        inner[1:3, 1:3] = 1
        # The middle half of each side is the four inner cells; the outer eighth is half of each border cell.
        np.testing.assert_allclose(centre_share(ONE_CELL).reshape(4, 4), 4 * inner)
        expected = (1 - np.outer([0.5, 1, 1, 0.5], [0.5, 1, 1, 0.5])) * 16 / 7
        np.testing.assert_allclose(border_share(ONE_CELL).reshape(4, 4), expected)

    @pytest.mark.parametrize("shape", [(1, 4, 4), (1, 7, 7), (1, 1, 1), (1, 5, 12), (1, 32, 32)])
    def test_evidence_everywhere_is_one(self, shape):
        np.testing.assert_allclose(centre_share(np.ones(shape)), 1)
        np.testing.assert_allclose(border_share(np.ones(shape)), 1)

    def test_sign_and_scale_do_not_matter(self):
        maps = np.random.default_rng(0).normal(size=(5, 6, 7))
        for measure in (centre_share, border_share):
            np.testing.assert_allclose(measure(maps), measure(-3 * maps))
            np.testing.assert_allclose(measure(maps), measure(np.abs(maps)))

    def test_cells_count_by_the_part_inside(self):
        # Two cells per side: the middle half takes half of each cell's side.
        np.testing.assert_allclose(centre_share([[[1, 0], [0, 0]]]), 1)
        fine = np.zeros((1, 64, 64))
        fine[:, :32, :32] = 1
        np.testing.assert_allclose(border_share([[[1, 0], [0, 0]]]), border_share(fine))

    def test_a_zero_map_has_none(self):
        assert np.isnan(centre_share(NOWHERE)).all()
        assert np.isnan(border_share(NOWHERE)).all()


class TestDrift:
    def test_with_a_pencil(self):
        before = [[[1, 0], [0, 0]]]
        for after, expected in [
            ([[[5, 0], [0, 0]]], 0),
            ([[[0, 3], [0, 0]]], 1),
            ([[[-2, 0], [0, 0]]], 2),
            ([[[1, 1], [0, 0]]], 1 - np.sqrt(0.5)),
            ([[[3, 4], [0, 0]]], 0.4),
        ]:
            np.testing.assert_allclose(drift(before, after), expected, atol=1e-12)

    def test_each_sample_alone(self):
        maps = np.random.default_rng(0).normal(size=(2, 6, 3, 4))
        alone = [drift(a[None], b[None])[0] for a, b in zip(*maps, strict=True)]
        np.testing.assert_allclose(drift(*maps), alone)
        np.testing.assert_allclose(drift(*maps), drift(*maps[::-1]))

    def test_a_zero_map_has_none(self):
        assert np.isnan(drift(EVERYWHERE, NOWHERE)).all()
        assert np.isnan(drift(NOWHERE, NOWHERE)).all()

    def test_another_shape_is_refused(self):
        with pytest.raises(ValueError, match=r"one shape \(n, h, w\); they have \(1, 4, 4\) and \(16, 4, 4\)"):
            drift(EVERYWHERE, ONE_CELL)


def test_maps_of_another_rank_are_refused():
    for measure in (entropy, centre_share, border_share):
        with pytest.raises(ValueError, match=r"maps must have shape \(n, h, w\); they have \(4, 4\)"):
            measure(np.ones((4, 4)))


class TestPerEpoch:
    def test_measures_by_name(self):
        found = per_epoch(explanation(EVERYWHERE))
        assert {name: values.tolist() for name, values in found.items()} == {
            "score": [0],
            "entropy": [pytest.approx(1)],
            "centre": [pytest.approx(1)],
            "border": [pytest.approx(1)],
        }

    def test_r2_where_there_is_one(self):
        assert per_epoch(explanation(EVERYWHERE, details={"r2": np.array([0.8])}))["r2"].tolist() == [0.8]

    def test_drift_from_the_epoch_before(self):
        before, after = explanation(ONE_CELL[:2]), explanation(ONE_CELL[[0, 5]])
        np.testing.assert_allclose(per_epoch(after, before)["drift"], [0, 1], atol=1e-12)
        assert "drift" not in per_epoch(after, explanation(np.ones((2, 3, 3))))

    def test_invalid_samples_have_no_measure(self):
        found = per_epoch(explanation(ONE_CELL[:3], valid=np.array([True, False, True])))
        for values in found.values():
            assert np.isnan(values).tolist() == [False, True, False]

    def test_measures_of_ones_own(self):
        def strongest(explanation):
            return explanation.maps.max(axis=(1, 2))

        def one_number(explanation):
            return 7

        found = per_epoch(explanation(ONE_CELL[:2]), extra=(strongest, one_number))
        assert found["one_number"].tolist() == [7, 7]
        np.testing.assert_allclose(found["strongest"], explanation(ONE_CELL[:2]).maps.max(axis=(1, 2)))

    def test_a_measure_of_a_wrong_shape_is_refused(self):
        with pytest.raises(ValueError, match=r"The measure 'pixels' must give one number or one per sample \(2\)"):
            per_epoch(explanation(ONE_CELL[:2]), extra=(pixels,))


def pixels(explanation):
    return explanation.maps


def test_metrics_are_public_and_documented():
    assert kx.metrics.entropy is entropy
    assert {"border_share", "centre_share", "drift", "entropy", "Deletion"} <= set(kx.metrics.__all__)
    names = set()
    for name in kx.metrics.__all__:
        one = getattr(kx.metrics, name)
        assert ("Args:" in inspect.getdoc(one)) or name in ("Insertion", "Increase", "Metric")
        if isinstance(one, type) and one is not kx.metrics.Metric:
            names.add(one().name)
            assert "(n,)" in inspect.getdoc(one) or name == "Localisation"
    assert len(names) == 12


def test_metrics_of_one_name_are_refused():
    two = [kx.metrics.Deletion(), kx.metrics.Deletion("mean")]
    with pytest.raises(ValueError, match=r"metrics must differ in name.*\['deletion', 'deletion'\]"):
        kx.callbacks.ExplanationCallback(np.zeros((1, 8, 8, 3)), metrics=two)
    with pytest.raises(TypeError, match=r"metrics must be functions .* Write Deletion\(\), with brackets"):
        kx.callbacks.ExplanationCallback(np.zeros((1, 8, 8, 3)), metrics=[kx.metrics.Deletion])
