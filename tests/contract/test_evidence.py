"""Every kind of evidence on every kind of model, against the same model written down in NumPy."""

import warnings
from functools import cached_property
from unittest import mock

import keras
import numpy as np
import pytest
from keras import ops

import keras_xai as kx
from keras_xai import engine, fitting_batch
from keras_xai.fingerprint import difference, fingerprint
from keras_xai.queries import Queries, activations_at, gradient_at, gradient_at_input
from tests import numpy_layers as slow
from tests.models import COUNT, KINDS, weights
from tests.requirements import require_backend

ROWS = 5


def brighten(image, row, tables):
    gain = ops.reshape(row["gain"], (-1, 1, 1, 1))
    return ops.cast(image, "float32") * gain + tables["shift"]


def dim(activations, row, tables):
    return activations * ops.reshape(row["gain"], (-1, 1, 1, 1))


def the_gradient(values, gradients):
    return gradients


def state_of(model):
    """Without the random states, which every test starts anew."""
    return {place: what for place, what in fingerprint(model).items() if "random state" not in place}


class Case:
    """One model, what the engine says about it, and what NumPy says."""

    def __init__(self, kind):
        self.kind = kind
        self.model = kind.model()
        self.w = weights(self.model)
        self.before = state_of(self.model)
        self.targets = np.arange(COUNT) % kind.classes
        self.samples = kx.Samples(kind.inputs(), targets=self.targets)
        image = self.samples.image.astype(np.float64)
        self.image = np.moveaxis(image, 1, -1) if kind.channels_first else image
        generator = np.random.default_rng(7)
        self.gain = generator.uniform(0.5, 1.5, (COUNT, ROWS)).astype(np.float32)
        self.shift = (image.max() * generator.uniform(0, 0.2, image.shape)).astype(np.float32)
        self.row_weights = generator.normal(size=(COUNT, ROWS)).astype(np.float32)

    def ask(self, *queries, batch=256):
        with mock.patch.object(fitting_batch, "_MAX_BATCH", batch):
            return engine.engine_for(self.model).answer(self.samples, queries, self.kind.explained)

    def perturbed(self, observe, **how):
        return Queries(observe, perturb=brighten, rows={"gain": self.gain}, tables={"shift": self.shift}, **how)

    @cached_property
    def plain(self):
        """At the layer, and at the input, asked together."""
        with warnings.catch_warnings(record=True) as self.warnings:
            warnings.simplefilter("always")
            return self.ask(Queries(gradient_at(None)), Queries(gradient_at_input()))

    @cached_property
    def stacked(self):
        (answer,) = self.ask(self.perturbed((activations_at(None), gradient_at_input(the_gradient))))
        return answer

    @property
    def at_layer(self):
        return self.stacked.layers[self.kind.layer]

    # The slow route, one sample at a time.

    def extra(self, i):
        return {"place": self.samples.x["place"][i]} if self.kind.name == "multi_input" else None

    def features(self, images):
        return self.kind.features(self.w, images)

    def logits(self, activations, i, smooth=False):
        extra = self.extra(i)
        if extra is not None:
            extra = {"place": np.broadcast_to(extra["place"], (len(activations), 2))}
        head = self.kind.smooth if smooth and self.kind.smooth is not None else self.kind.logits
        return head(self.w, activations, extra)

    def score(self, activations, i, smooth=False):
        """(m, h, w, c) -> (m,), explained at the target of sample i."""
        logits, target = self.logits(activations, i, smooth), self.targets[i]
        if self.kind.score == "regression":
            return logits[:, 1]
        if self.kind.score == "mean":
            return logits.mean(axis=(1, 2))[:, target]
        if self.kind.score == "log_probability":
            return np.log(slow.softmax(logits))[:, target]
        if logits.shape[1] == 1:
            return logits[:, 0] if target == 1 else -logits[:, 0]
        return logits[:, target]

    def gradient_at_image(self, i, image):
        return slow.gradient(lambda images: self.score(self.features(images), i, smooth=True), image)

    def bright(self, i, row):
        shift = np.moveaxis(self.shift[i], 0, -1) if self.kind.channels_first else self.shift[i]
        return self.image[i] * self.gain[i, row] + shift

    def close(self, found, expected, gradient=False):
        assert np.shape(found) == np.shape(expected)
        error = np.linalg.norm(np.asarray(found, np.float64) - expected) / np.linalg.norm(expected)
        allowed = self.kind.gradient_tolerance if gradient else self.kind.tolerance
        assert error < allowed


@pytest.fixture(scope="module", params=list(KINDS))
def case(request):
    kind = KINDS[request.param]
    require_backend(*kind.backends, reason="TensorFlow has no channels_first convolution on CPUs")
    keras.utils.set_random_seed(0)
    return Case(kind)


def test_score_and_its_name(case):
    for answer in case.plain:
        case.close(answer.scores, [case.score(case.features(case.image[[i]]), i)[0] for i in range(COUNT)])
        expected = np.zeros(COUNT) if case.kind.score == "regression" else case.targets
        np.testing.assert_array_equal(answer.targets, expected)
    explanation = kx.GradCAM(score=case.kind.explained)(case.model, case.samples)
    assert explanation.details["score"] == case.kind.score


def test_one_warning_where_the_logit_is_out_of_reach(case):
    _ = case.plain
    said = [str(warning.message) for warning in case.warnings if "log-probability" in str(warning.message)]
    assert len(said) == (case.kind.score == "log_probability")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # said once, not at every call
        kx.GradCAM(score=case.kind.explained)(case.model, case.samples)


def test_predictions(case):
    logits = [case.logits(case.features(case.image[[i]]), i)[0] for i in range(COUNT)]
    case.close(case.plain[0].predictions, case.kind.activation(np.stack(logits)))


def test_activations_at_the_automatic_layer(case):
    assert list(case.plain[0].layers) == [case.kind.layer]
    case.close(case.plain[0].activations, case.features(case.image))


def test_gradient_at_the_automatic_layer(case):
    features = case.features(case.image)
    expected = [
        slow.gradient(lambda activations: case.score(activations, i, smooth=True), features[i])  # noqa: B023
        for i in range(COUNT)
    ]
    case.close(case.plain[0].gradients, np.stack(expected), gradient=True)


def test_gradient_at_the_input(case):
    images, gradients = case.plain[1].input
    np.testing.assert_array_equal(images, case.image.astype(np.float32))
    expected = [case.gradient_at_image(i, case.image[i]) for i in range(COUNT)]
    case.close(gradients, np.stack(expected), gradient=True)


def test_perturbed_images(case):
    features = [case.features(np.stack([case.bright(i, row) for row in range(ROWS)])) for i in range(COUNT)]
    case.close(case.at_layer, np.stack(features))
    case.close(case.stacked.scores, np.stack([case.score(features[i], i) for i in range(COUNT)]))
    gradients = [[case.gradient_at_image(i, case.bright(i, row)) for row in range(ROWS)] for i in range(COUNT)]
    case.close(case.stacked.input, np.stack(gradients), gradient=True)


def test_weighted_sum_of_rows(case):
    (found,) = case.ask(
        case.perturbed(
            (activations_at(None), gradient_at_input()),
            accumulate="weighted_sum",
            weights=case.row_weights,
        ),
        batch=4,  # so that a sample's rows lie in several batches
    )
    share = case.row_weights[:, :, None, None, None]
    images = np.stack([[case.bright(i, row) for row in range(ROWS)] for i in range(COUNT)])
    case.close(found.layers[case.kind.layer], (case.at_layer * share).sum(axis=1))
    case.close(found.input[0], (images * share).sum(axis=1))
    case.close(found.input[1], (case.stacked.input * share).sum(axis=1))
    case.close(found.scores, case.stacked.scores)


def test_moments_of_rows(case):
    (found,) = case.ask(case.perturbed((activations_at(None), gradient_at_input()), accumulate="moments"), batch=4)
    mean, variance = found.layers[case.kind.layer]
    case.close(mean, case.at_layer.mean(axis=1))
    case.close(variance, case.at_layer.var(axis=1))
    (_, mean_gradient), (_, gradient_variance) = found.input
    case.close(mean_gradient, case.stacked.input.mean(axis=1))
    case.close(gradient_variance, case.stacked.input.var(axis=1))


def test_intervention_at_a_layer(case):
    query = Queries(activations_at(case.kind.layer), perturb=dim, at=case.kind.layer, rows={"gain": case.gain})
    if case.kind.name == "shared":
        with pytest.raises(ValueError, match="'conv2' is shared: it runs 2 times"):
            case.ask(query)
        return
    (found,) = case.ask(query)
    dimmed = case.features(case.image)[:, None] * case.gain[:, :, None, None, None]
    case.close(found.layers[case.kind.layer], dimmed)
    case.close(found.scores, np.stack([case.score(dimmed[i], i) for i in range(COUNT)]))


def test_nothing_of_the_model_changed(case):
    """After everything that the tests above asked."""
    assert difference(case.before, state_of(case.model)) is None
