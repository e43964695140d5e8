"""The numbers in TensorBoard are the measured ones, and those are what the maps say."""

import keras
import numpy as np
import pytest

import keras_xai as kx
from keras_xai.callbacks import ExplanationCallback
from keras_xai.log import read_log
from tests.training.networks import compiled, small
from tests.training.running import fit, samples, stock


class Remember(keras.callbacks.Callback):
    """Keeps what the callback held after every epoch; list it after ours."""

    def __init__(self, ours):
        super().__init__()
        self.ours = ours
        self.measures = []
        self.explanations = []

    def on_epoch_end(self, epoch, logs=None):
        self.measures.append(self.ours.measures)
        self.explanations.append(self.ours.explanations)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A fit of three epochs: (log_dir, what was remembered)."""
    log_dir = tmp_path_factory.mktemp("logs")
    explainers = [kx.GradCAM(), kx.LIME(num_samples=20, segments="grid"), kx.Activations()]
    ours = ExplanationCallback(samples(6), explainers, log_dir=log_dir)
    memory = Remember(ours)
    fit(compiled(small()), [ours, memory], epochs=3)
    return log_dir, memory


def test_scalars_are_the_means_of_the_measures(run):
    log_dir, memory = run
    expected = {}
    for epoch, by_method in enumerate(memory.measures):
        for method, measures in by_method.items():
            for measure, values in measures.items():
                if np.isfinite(values).any():
                    expected.setdefault(f"xai/{measure}/{method}", {})[epoch] = np.nanmean(values)
    scalars = stock(log_dir, "scalars")
    assert scalars.keys() == expected.keys()
    for tag, steps in expected.items():
        assert scalars[tag] == pytest.approx(steps, rel=1e-6), tag
    assert set(expected["xai/drift/lime"]) == {0, 1, 2}


def test_measures_in_the_records_are_those_of_the_callback(run):
    log_dir, memory = run
    records = [record for record in read_log(log_dir) if record["kind"] == "epoch"]
    for record, by_method in zip(records, memory.measures, strict=True):
        for entry in record["maps"]:
            index = int(entry["sample"][1:])
            for measure, value in entry["measures"].items():
                kept = by_method[entry["method"]][measure][index]
                assert (value is None and np.isnan(kept)) or value == pytest.approx(kept, rel=1e-3)


def test_measures_are_what_the_stored_maps_say(run):
    """Recomputed here, in other words, from the 8-bit maps that TensorBoard holds."""
    log_dir, _ = run
    records = [record for record in read_log(log_dir) if record["kind"] == "epoch"]
    checked = 0
    previous = {}
    for record in records:
        for entry in record["maps"]:
            cells = np.abs(entry["values"].astype(float)).ravel()
            if not cells.any():
                continue
            shares = cells[cells > 0] / cells.sum()
            entropy = -(shares * np.log(shares)).sum() / np.log(len(cells))
            assert entry["measures"]["entropy"] == pytest.approx(entropy, abs=0.01)
            inner = np.abs(entry["values"][3:9, 3:9]).sum() / cells.sum() / 0.25  # the central half of 12 cells
            assert entry["measures"]["centre"] == pytest.approx(inner, abs=0.02)
            key = entry["sample"], entry["method"]
            if key in previous:
                a, b = previous[key].ravel(), entry["values"].ravel()
                drift = 1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b)
                assert entry["measures"]["drift"] == pytest.approx(drift, abs=0.01)
                checked += 1
            previous[key] = entry["values"].astype(float)
    assert checked >= 20


def test_scores_are_what_the_model_says(run):
    _, memory = run
    for by_method in memory.explanations:
        scores = [explanation.scores for explanation in by_method.values()]
        for other in scores[1:]:
            np.testing.assert_allclose(other, scores[0], rtol=1e-5)


def test_an_unchanged_model_does_not_drift(tmp_path):
    model = compiled(small(), optimizer=keras.optimizers.SGD(0.0))
    explainers = [kx.GradCAM(), kx.LIME(num_samples=20, segments="grid"), kx.Activations()]
    fit(model, [ExplanationCallback(samples(), explainers, log_dir=tmp_path)], epochs=3)
    scalars = stock(tmp_path, "scalars")
    for method in ("grad_cam", "lime", "activations"):
        assert scalars[f"xai/drift/{method}"] == pytest.approx(dict.fromkeys(range(3), 0.0), abs=1e-6)
        steps = list(scalars[f"xai/entropy/{method}"].values())
        assert steps == [steps[0]] * 3
