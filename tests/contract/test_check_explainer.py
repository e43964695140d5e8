"""The checks themselves: every explainer passes them, and one that breaks a promise does not."""

import contextlib
import random

import keras
import numpy as np
import pytest

import keras_xai as kx
from keras_xai import tampering, testing
from keras_xai.explainers.explainer import Result
from keras_xai.fingerprint import difference, fingerprint
from keras_xai.queries import Queries, activations_at
from tests.contract.cheap import FIRST_WAYS, OF_ANY_NETWORK, OF_TRANSFORMERS, WAYS_TO_ASK, cheap, on_tensorflow
from tests.models import COUNT, KINDS


@pytest.mark.parametrize("name", on_tensorflow(OF_ANY_NETWORK, WAYS_TO_ASK))
def test_every_explainer_keeps_its_promises(name):
    testing.check_explainer(cheap(name))


@pytest.mark.parametrize("name", OF_TRANSFORMERS)
def test_explainers_of_transformers_keep_their_promises(name):
    kind = KINDS["vision_transformer"]
    testing.check_explainer(cheap(name), kind.model(), kx.Samples(kind.inputs(), labels=np.arange(COUNT)))


@pytest.fixture(scope="module", params=["subclassed", "multi_input"])
def material(request):
    kind = KINDS[request.param]
    return kind.model(), kx.Samples(kind.inputs(), labels=np.arange(COUNT))


@pytest.mark.parametrize("name", on_tensorflow(WAYS_TO_ASK, FIRST_WAYS))
def test_promises_are_kept_on_other_models(name, material):
    testing.check_explainer(cheap(name), *material)


class Good(kx.Explainer):
    """The energy of the last map; what the broken ones below start from."""

    name = "good"

    def explain(self, samples, plan):
        seen = yield Queries(activations_at(None))
        return Result(self.reduce(seen.activations))

    def reduce(self, activations):
        return (activations**2).mean(axis=-1)


class Negative(Good):
    def reduce(self, activations):
        return -super().reduce(activations)


class Random(Good):
    def reduce(self, activations):
        return super().reduce(activations) + np.random.default_rng().random(activations.shape[:3])


class NormalisedOverTheBatch(Good):
    def reduce(self, activations):
        maps = super().reduce(activations)
        return maps / maps.max()


class SeededByPlace(Good):
    def reduce(self, activations):
        maps = super().reduce(activations)
        return maps * (1 + np.arange(len(maps)))[:, None, None]


class Remembers(Good):
    def reduce(self, activations):
        self.last = super().reduce(activations)
        return self.last


class UsesUpItsPlan(Good):
    def prepare(self, samples):
        return [1.0]

    def explain(self, samples, plan):
        seen = yield Queries(activations_at(None))
        plan[0] *= 2
        return Result(self.reduce(seen.activations) * plan[0])


class Mixes(Good):
    def reduce(self, activations):
        maps = super().reduce(activations)
        return maps + 0 * maps.sum(axis=0)


class ChangesItsArgument(Good):
    def __init__(self, sizes=(1, 2)):
        self.sizes = list(sizes)


class ComputesEarly(Good):
    def __init__(self, size=3):
        self.size = size
        self.kernel = np.ones(size)


class ForgetsAnArgument(Good):
    def __init__(self, factor=1.0):
        self.factor = factor

    def get_config(self):
        return {}

    def reduce(self, activations):
        return super().reduce(activations) * self.factor


class Details(Good):
    """Adds `extra` to its details."""

    def __init__(self, extra=None):
        self.extra = extra

    def explain(self, samples, plan):
        seen = yield Queries(activations_at(None))
        return Result(self.reduce(seen.activations), {"extra": self.extra})


class Touches(Good):
    """Has the model, which it should not, and does something to it."""

    def __init__(self, touch=None):
        self.touch = touch

    def explain(self, samples, plan):
        seen = yield Queries(activations_at(None))
        self.touch()
        return Result(self.reduce(seen.activations))


class Swallows(Good):
    def __call__(self, model, samples, targets=None):
        with contextlib.suppress(RuntimeError):
            self.found = super().__call__(model, samples, targets)
        return self.found


class Shifty:
    """Never looks the same twice."""

    def __init__(self):
        self.looks = 0

    def __repr__(self):
        self.looks += 1
        return f"look {self.looks}"


@pytest.fixture(scope="module")
def model():
    return tampering.tiny_model(testing._samples(None, None))


def run(check, explainer, model):
    check(explainer, model, testing._samples(None, None))


def test_the_one_they_start_from_is_good():
    testing.check_explainer(Good())


@pytest.mark.parametrize(
    ("check", "explainer", "message"),
    [
        (testing.check_sign, Negative(), r"Negative\(\) breaks .* unsigned maps are never negative; one falls to -"),
        (testing.check_repeatable, Random(), "a second call gives the same maps; they differ by"),
        (
            testing.check_repeatable,
            Remembers(),
            "a call leaves nothing on the explainer; it changed the attribute 'last'",
        ),
        (testing.check_repeatable, UsesUpItsPlan(), "the second use of a plan gives the same maps"),
        (testing.check_batches, NormalisedOverTheBatch(), "sample . alone has the map that it has among others"),
        (testing.check_order, SeededByPlace(), "permuted samples have permuted maps"),
        (testing.check_invalid_samples, Mixes(), r"one invalid sample leaves the others valid; valid is \[False False"),
        (
            testing.check_configuration,
            ChangesItsArgument(),
            r"stored unchanged under their own names; not so \['sizes'\]",
        ),
        (testing.check_configuration, ComputesEarly(), r"computes nothing; it also stores \['kernel'\]"),
        (testing.check_configuration, ForgetsAnArgument(), r"all of them in get_config.* also stores \['factor'\]"),
        (
            testing.check_saving,
            Details(Shifty()),
            r"details are saved and loaded; \['config', 'extra'\] came back diff",
        ),
        (testing.check_nothing_changes_on_errors, Swallows(), "an error in the model comes through"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, kx.Explainer) else "",
)
def test_a_broken_promise_is_found(check, explainer, message, model):
    with pytest.raises(AssertionError, match=message):
        run(check, explainer, model)


@pytest.mark.parametrize(
    "extra",
    [np.float32(0.1), float("nan"), {"a": [np.arange(3), ("x", None)], ("b", 2): True}, len, np.array([1.5, np.nan])],
    ids=repr,
)
def test_details_of_many_kinds_can_be_saved(extra, model):
    run(testing.check_saving, Details(extra), model)


def test_an_array_of_objects_is_refused_when_it_is_saved(model):
    with pytest.raises(TypeError, match=r"an array of Python objects of shape \(1,\), .* Use an array of numbers"):
        run(testing.check_saving, Details(np.array([len])), model)


def _train(model):
    model.layers[1].kernel.assign(model.layers[1].kernel + 1e-3)


def _statistics(model):
    model(np.ones((2, 16, 16, 3), np.float32), training=True)


def _attribute(model):
    object.__setattr__(model.layers[2], "patched", True)


def _optimizer(model):
    model.optimizer.learning_rate = 0.5


@pytest.mark.parametrize(
    ("touch", "changed"),
    [
        (_train, r"variable \d+, conv2d.*/kernel"),
        (_statistics, r"moving_mean"),
        (_attribute, r"patched \(it is new\)"),
        (_optimizer, "learning_rate"),
    ],
)
def test_a_touched_model_is_found(touch, changed):
    model = tampering.tiny_model(testing._samples(None, None))
    with pytest.raises(AssertionError, match=f"leaves the model as it was; it changed .*{changed}"):
        run(testing.check_nothing_changes, Touches(lambda: touch(model)), model)


DRAWS = {
    "Python": random.random,
    "NumPy": np.random.random,
    "Keras": lambda: keras.random.uniform((1,)),
}


@pytest.mark.parametrize("whose", list(DRAWS))
def test_a_global_draw_shows_in_the_fingerprint(whose, model):
    keras.random.uniform((1,))  # makes Keras's generator
    before = fingerprint(model)
    assert difference(before, fingerprint(model)) is None
    DRAWS[whose]()
    assert difference(before, fingerprint(model)) == f"{whose}'s random state"


@pytest.mark.parametrize("whose", list(DRAWS))
def test_what_an_explainer_draws_is_put_back(whose, model):
    run(testing.check_nothing_changes, Touches(DRAWS[whose]), model)


def test_check_explainer_wants_an_instance():
    with pytest.raises(TypeError, match=r"it got <class .*GradCAM.*Write GradCAM\(\), with brackets"):
        testing.check_explainer(kx.GradCAM)


def test_check_explainer_wants_two_samples():
    with pytest.raises(ValueError, match="Give at least 2 samples"):
        testing.check_explainer(Good(), samples=np.zeros((1, 16, 16, 3), np.float32))


def test_check_explainer_wants_samples_for_a_model_without_input_shape():
    with pytest.raises(ValueError, match="Give samples: random images cannot be made"):
        testing.check_explainer(Good(), KINDS["subclassed"].model())


def test_check_explainer_wants_a_model_for_several_inputs():
    with pytest.raises(ValueError, match="Samples with several inputs need a model"):
        testing.check_explainer(Good(), samples=kx.Samples(KINDS["multi_input"].inputs()))
