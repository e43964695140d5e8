"""Every kind of model in a fit with the callback: trained as without it, to the last bit, and explained right.

Grad-CAM is recomputed from the trained weights by the model written down in NumPy and finite differences.
"""

import keras
import numpy as np
import pytest
from keras import ops

import keras_xai as kx
from keras_xai.callbacks import ExplanationCallback
from tests import numpy_layers as slow
from tests.contract.test_evidence import Case
from tests.models import COUNT, KINDS, weights
from tests.requirements import require_backend
from tests.training.running import told

CLASSES = "sparse_categorical_crossentropy"
LABELS = np.array([0, 1, 2] * 3)

# What each is trained with: (loss, targets).
TRAINING = {
    "multi_input": (CLASSES, LABELS),
    "multi_output": ([CLASSES, CLASSES], [LABELS, LABELS % 2]),
    "shared": (CLASSES, LABELS),
    "nested_frozen": (CLASSES, LABELS),
    "regression": ("mse", np.stack([LABELS, 1 - LABELS], axis=1).astype(np.float32)),
    "sigmoid": ("binary_crossentropy", (LABELS[:, None] > 0).astype(np.float32)),
    "multi_label": ("binary_crossentropy", np.stack([LABELS > 0, LABELS < 2, LABELS == 1], axis=1).astype(np.float32)),
    # Not by class numbers: Keras 3.15 on torch 2.13 ends that with "RuntimeError: grad_input must be contiguous".
    "segmentation": ("categorical_crossentropy", np.tile(np.eye(3)[LABELS][:, None, None], (1, 4, 4, 1))),
    "mixed_float16": (CLASSES, LABELS),
    "mixed_bfloat16": (CLASSES, LABELS),
    "int8": (CLASSES, LABELS),
    "lora": (CLASSES, LABELS),
}

# Elsewhere the maps of all kinds are tested by tests/contract, and here those that each backend trains in its own way.
ELSEWHERE = ["multi_output", "segmentation", "mixed_float16", "int8"]


class Trained:
    """A model of one kind, fitted without the callback and then from the same start with it."""

    def __init__(self, name, log_dir):
        self.kind = KINDS[name]
        loss, targets = TRAINING[name]
        self.case = Case(self.kind)
        self.model = self.case.model
        self.model.compile(keras.optimizers.SGD(0.05, momentum=0.9), loss)
        inputs = keras.tree.map_structure(
            lambda *arrays: np.concatenate(arrays), *[self.kind.inputs(seed) for seed in range(3)]
        )
        self.model.optimizer.build(self.model.trainable_variables)
        self.start = self.values()
        self.callback = ExplanationCallback(self.case.samples, self.explainers(), log_dir=log_dir, on_error="raise")
        self.after, self.warnings = [], []
        for callbacks in ([], [self.callback]):
            self.warnings += told(lambda: self.fit(inputs, targets, callbacks))  # noqa: B023
        self.case.w = weights(self.model)

    def fit(self, inputs, targets, callbacks):
        """From the start; what it leads to is added to `after`."""
        for variable, value in zip(self.variables(), self.start, strict=True):
            variable.assign(value)
        how = {"batch_size": 3, "epochs": 2, "shuffle": False, "verbose": 0}
        history = self.model.fit(inputs, targets, **how, callbacks=callbacks).history
        self.after.append([*self.values(), *map(np.asarray, history.values())])

    def explainers(self):
        return [kx.GradCAM(score=self.kind.explained), kx.LIME(12, segments="grid", score=self.kind.explained)]

    def variables(self):
        return [*self.model.variables, *self.model.optimizer.variables]

    def values(self):
        return [ops.convert_to_numpy(variable.value).copy() for variable in self.variables()]

    def grad_cam(self, i):
        """By the paper, in float64."""
        features = self.case.features(self.case.image[[i]])[0]
        gradient = slow.gradient(lambda activations: self.case.score(activations, i, smooth=True), features)
        return np.maximum((features * gradient.mean(axis=(0, 1))).sum(axis=-1), 0)


@pytest.mark.parametrize("name", TRAINING)
def test_trained_as_without_and_explained_right(name, tmp_path):
    if name not in ELSEWHERE:
        require_backend("tensorflow", reason="it is trained in the same way elsewhere")
    trained = Trained(name, tmp_path)
    assert any((one != other).any() for one, other in zip(trained.start, trained.after[0], strict=False))
    for without, with_callback in zip(*trained.after, strict=True):
        assert without.tobytes() == with_callback.tobytes()
    assert trained.warnings == []

    found = trained.callback.explanations["grad_cam"]
    assert found.details["layer"] == trained.kind.layer
    expected = np.stack([trained.grad_cam(i) for i in range(COUNT)])
    assert expected.any()
    error = np.linalg.norm(found.raw - expected) / np.linalg.norm(expected)
    assert error < max(trained.kind.gradient_tolerance, trained.kind.tolerance)
    assert trained.callback.explanations["lime"].valid.all()
    if name == "mixed_float16":
        assert isinstance(trained.model.optimizer, keras.optimizers.LossScaleOptimizer)
