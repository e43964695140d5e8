"""What the benchmarks compute from their clocks, and where they write it; the clocks themselves are not tested."""

import keras
import numpy as np
import pytest

import keras_xai as kx
from tests.benchmarks import __main__ as benchmarks
from tests.benchmarks import rows
from tests.benchmarks.floors import compiled_gradient, small_cnn
from tests.benchmarks.lime_designs import agreement
from tests.benchmarks.linearity_rows import fitted
from tests.benchmarks.method_rows import count_passes
from tests.benchmarks.networks import images, last_map
from tests.benchmarks.thousand_classes import crop, with_sticker


@pytest.fixture(autouse=True)
def table(monkeypatch):
    monkeypatch.setattr(rows, "ROWS", [])


def test_a_line_through_costs_is_found_and_its_error_is_relative():
    counts = np.array([1, 10, 100])
    found = fitted("images", counts, 0.5 + 0.02 * counts)
    np.testing.assert_allclose([found.constant, found.each], [0.5, 0.02])
    bent = fitted("images", counts, np.array([1.0, 10.0, 200.0]))
    np.testing.assert_allclose(bent.line() / bent.seconds, [1.02, 1, 0.6], atol=0.3)


def test_a_comparison_is_one_line_of_markdown():
    rows.row("traced", "0", "0")
    rows.ratio("Grad-CAM", "keras_xai", 1.05, 1.0, "≤ 1.05 ×")
    rows.ratio("Grad-CAM", "other", 22.0, 1.0)
    rows.ratio("RISE", "keras_xai", 2.0, 2.0)
    assert rows.markdown().splitlines()[2:] == [
        "| traced | 0 | 0 |",
        "| Grad-CAM | keras_xai 1.05 ×, other 22 × | ≤ 1.05 × |",
        "| RISE | 1.00 × |  |",
    ]


def test_rows_cross_from_one_process_to_another(tmp_path):
    rows.ratio("Grad-CAM", "other", 22.0, 1.0)
    before = list(rows.ROWS)
    rows.save(tmp_path / "rows.json")
    rows.ROWS.clear()
    rows.take(tmp_path / "rows.json")
    assert before == rows.ROWS


def test_the_table_goes_between_the_marks_of_a_file(tmp_path):
    file = tmp_path / "README.md"
    benchmarks.write(file, "alone\n")
    assert file.read_text() == "alone\n"
    file.write_text(f"before\n{benchmarks.BEGIN}old\n{benchmarks.END}after\n")
    benchmarks.write(file, "new\n")
    assert file.read_text() == f"before\n{benchmarks.BEGIN}new\n{benchmarks.END}after\n"


def test_passes_are_counted():
    model, samples = small_cnn(), kx.Samples(images(2, 32), targets=[0, 0])
    explainer = kx.Occlusion(patch=16, stride=8)
    assert count_passes(model, explainer, samples, None) == 2 * (1 + 3 * 3)


def test_the_floor_is_the_gradient_at_the_last_map():
    model, x = small_cnn(), images(3, 32)
    found = compiled_gradient(model, last_map(model))(x)
    pooled = keras.Model(model.input, model.layers[-2].output)
    kernel, bias = model.layers[-1].get_weights()
    logits = keras.ops.convert_to_numpy(pooled(x)) @ kernel + bias
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    top = p.argmax(axis=1)
    # The largest of a softmax, over global average pooling of 8×8 cells.
    expected = p.max(axis=1)[:, None] * (kernel.T[top] - p @ kernel.T) / 64
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


def test_agreement_is_of_the_segments_asked_about_and_a_mean_over_samples():
    reference = np.array([9.0, 1, 2, 3, 4, 5, 6, 8])
    asked = np.arange(8) > 0
    swapped = reference[[0, 7, 2, 3, 4, 5, 6, 1]]  # the largest and the smallest of seven, 8 and 1
    np.testing.assert_allclose(agreement([3 * reference + 1], [reference], [asked]), 1)
    # Spearman: ranks 7 and 1 change places, 1 − 6 · (36 + 36) / (7 · 48). Of the five largest, {3, 4, 5, 6, 8}, four stay.
    expected = [np.corrcoef(swapped[1:], reference[1:])[0, 1], 1 - 6 * 72 / 336, 0.8]
    np.testing.assert_allclose(agreement([swapped], [reference], [asked]), expected)
    both = agreement([swapped, reference], [reference] * 2, [asked] * 2)
    np.testing.assert_allclose(both, (np.array(expected) + 1) / 2)


def test_a_sticker_is_a_disc_at_the_bottom_right():
    before = np.zeros((2, 224, 224, 3), np.uint8)
    rows, columns = np.nonzero((with_sticker(before) == (240, 200, 30)).all(axis=-1)[1])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (184, 215, 184, 215)
    np.testing.assert_allclose(len(rows), np.pi * 16**2, rtol=0.02)
    assert not before.any()


def test_a_crop_has_the_size_of_the_network_and_shows_a_part():
    photograph = np.zeros((100, 300, 3), np.uint8)
    photograph[:, 150:] = 255
    left = [crop(photograph, np.random.default_rng(seed)) for seed in range(20)]
    assert {one.shape for one in left} == {(224, 224, 3)}
    assert {one.dtype for one in left} == {np.dtype("uint8")}
    assert len(np.unique([one.mean().round() for one in left])) > 10
