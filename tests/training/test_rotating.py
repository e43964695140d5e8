"""The rotating handful: which images, why, and that training does not notice."""

import keras
import numpy as np
import pytest

import keras_xai as kx
from keras_xai.callbacks import RotatingCallback
from keras_xai.callbacks.rotating_callback import handful
from keras_xai.engine import engine_for
from tests.training.fit_state import differences, fit_state, set_random_states
from tests.training.networks import compiled, data, small
from tests.training.running import fit, stock, told

POOL = data(30, seed=2)


def rows(*classes_and_confidences):
    """Two classes: what is not said of one is said of the other."""
    return np.array([[p, 1 - p] if c == 0 else [1 - p, p] for c, p in classes_and_confidences])


class TestHandful:
    #            right    wrong     wrong     right     wrong
    NOW = rows((0, 0.9), (1, 0.6), (1, 0.8), (0, 0.7), (1, 0.95))
    LABELS = np.zeros(5, int)

    def test_at_first_the_most_confidently_wrong(self):
        assert handful(self.NOW, self.LABELS, None, 2) == [(4, "confidently wrong"), (2, "confidently wrong")]

    def test_half_of_it_is_what_changed_from_right_to_wrong_first(self):
        found = handful(self.NOW, self.LABELS, before=[0, 0, 1, 1, 1], count=4)
        assert found[:2] == [(4, "confidently wrong"), (2, "confidently wrong")]
        assert found[2:] == [(1, "was right, now wrong"), (3, "was wrong, now right")]

    def test_what_the_network_is_least_certain_of_fills_up(self):
        found = handful(self.NOW, self.LABELS, None, 5)
        assert [index for index, _ in found] == [4, 2, 1, 3, 0]
        assert found[3:] == [(3, "least certain"), (0, "least certain")]

    def test_other_changes(self):
        now = np.array([[0.1, 0.2, 0.7], [0.3, 0.6, 0.1]])
        labels = np.array([[1, 0, 0], [1, 1, 0]])
        found = dict(handful(now, labels, before=[1, 0], count=2))
        assert found == {0: "confidently wrong", 1: "right in another way"}
        more = np.concatenate([now, [[0.1, 0.25, 0.65]]])
        found = dict(handful(more, np.concatenate([labels, [[1, 0, 0]]]), before=[1, 1, 1], count=2))
        assert found == {0: "confidently wrong", 2: "wrong in another way"}

    def test_one_unit_and_logits(self):
        assert handful(np.array([[0.2], [0.9], [0.6]]), np.zeros(3, int), None, 1) == [(1, "confidently wrong")]
        assert handful(np.array([[-3.0, -1], [-9, -1]]), np.zeros(2, int), None, 1) == [(1, "confidently wrong")]

    def test_what_is_not_finite_comes_last_of_the_wrong_and_is_no_change(self):
        broken = np.array([[np.nan, 1], [0.4, 0.6]])
        assert handful(broken, np.zeros(2, int), before=[0, 0], count=1) == [(1, "confidently wrong")]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A fit with and one without the callback, and what the callback and a slow second look saw after each epoch."""
    log_dir = tmp_path_factory.mktemp("rotating")
    seen, traces = [], []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            traces.append(engine_for(self.model).num_traces)
            seen.append((look.explanation, list(look.reasons), self.model.get_weights()))

    states = []
    for callbacks in (False, True):
        set_random_states()
        model = compiled(small(), optimizer=keras.optimizers.SGD(1.0))
        generator = np.random.default_rng(3)  # the same on every backend, and in it classes change
        model.set_weights([generator.normal(0, 0.3, weights.shape) for weights in model.get_weights()])
        look = RotatingCallback(POOL, count=4, log_dir=log_dir)
        history = fit(model, [look, Watch()] if callbacks else [], epochs=4, shuffle=False)
        states.append(fit_state(model, history))
    return model, look, seen, traces, states, log_dir


def test_training_does_not_notice(run):
    *_, (alone, beside), _ = run
    assert differences(alone, beside) == {}


def test_nothing_is_traced_after_the_first_epoch(run):
    _, _, _, traces, _, _ = run
    assert len(set(traces)) == 1


def test_the_handful_is_what_predict_says(run):
    _, look, seen, _, _, _ = run
    other, before = small(), None
    for explanation, reasons, weights in seen:
        other.set_weights(weights)
        predictions = other.predict(look.pool.x, verbose=0)
        expected = handful(predictions, look.pool.labels, before, 4)
        before = predictions.argmax(axis=1).tolist()
        assert reasons == [reason for _, reason in expected]
        chosen = [index for index, _ in expected]
        np.testing.assert_array_equal(explanation.images, look.pool.images[chosen])
        np.testing.assert_array_equal(explanation.targets, predictions[chosen].argmax(axis=1))
        np.testing.assert_allclose(explanation.predictions, predictions[chosen], atol=1e-5)
    assert len({tuple(explanation.names) for explanation, _, _ in seen}) > 1
    assert any("now" in reason for _, reasons, _ in seen for reason in reasons)


def test_pictures_and_texts_name_them(run):
    _, _, seen, _, _, log_dir = run
    texts = stock(log_dir, "text")["xai/rotating"]
    assert texts.keys() == stock(log_dir, "images")["rotating/grad_cam"].keys() == {0, 1, 2, 3}
    for epoch, (explanation, reasons, _) in enumerate(seen):
        lines = texts[epoch].splitlines()
        assert lines == ["- " + name.replace("\n", ": ") for name in explanation.names]
        assert all(line.endswith(reason) for line, reason in zip(lines, reasons, strict=True))


def test_a_failure_is_told_once_and_training_goes_on(tmp_path):
    look = RotatingCallback(POOL, kx.GradCAM(layer="nowhere"), log_dir=tmp_path)
    warned = told(lambda: fit(compiled(small()), [look], epochs=3))
    assert len([one for one in warned if "looking at wrong predictions failed at epoch 0" in one]) == 1
    look = RotatingCallback(POOL, kx.GradCAM(layer="nowhere"), log_dir=tmp_path, on_error="raise")
    with pytest.raises(ValueError, match="no layer 'nowhere'"):
        fit(compiled(small()), [look], epochs=1)


@pytest.mark.parametrize(
    ("data", "options", "words"),
    [
        (POOL, {"explainer": "lime"}, "'lime' prepares every image .* such as 'grad_cam'"),
        (POOL, {"explainer": "cam"}, "no explainer 'cam'"),
        (POOL, {"count": 0}, "count must be an int of at least 1; it is 0"),
        (POOL, {"every": 1.5}, "every must be an int of at least 1"),
        (POOL, {"count": 31}, "30 images to choose from, fewer than count=31"),
        (POOL, {"on_error": "stop"}, 'on_error must be "warn" or "raise"'),
        (POOL[0], {}, "data has no labels"),
    ],
)
def test_wrong_calls(data, options, words):
    with pytest.raises(ValueError, match=words):
        RotatingCallback(data, **options)
