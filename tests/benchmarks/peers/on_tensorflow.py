"""tf-explain and tf-keras-vis beside keras_xai: `python -m tests.benchmarks.peers.on_tensorflow`."""

import tempfile

import numpy as np
from tf_explain.callbacks.grad_cam import GradCAMCallback
from tf_explain.core.grad_cam import GradCAM
from tf_explain.core.integrated_gradients import IntegratedGradients
from tf_explain.core.occlusion_sensitivity import OcclusionSensitivity
from tf_explain.core.smoothgrad import SmoothGrad
from tf_keras_vis.gradcam import Gradcam
from tf_keras_vis.saliency import Saliency
from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
from tf_keras_vis.utils.scores import CategoricalScore

import keras_xai as kx
from tests.benchmarks.networks import images, last_map
from tests.benchmarks.peers import comparison
from tests.benchmarks.rows import row
from tests.benchmarks.training_rows import SAMPLES, compiled_cnn, shares


def methods() -> None:
    for case in ("small CNN 32 px × 64", "MobileNetV2 224 px × 16"):
        task = comparison.grad_cam(case)
        layer, data = last_map(task.model), (task.x, None)
        visual, score = Gradcam(task.model, ReplaceToLinear()), CategoricalScore([0] * len(task.x))
        peers = {
            "tf-explain": lambda: GradCAM().explain(data, task.model, 0, layer),  # noqa: B023
            "tf-keras-vis": lambda: visual(score, task.x, penultimate_layer=layer),  # noqa: B023
        }
        comparison.compare(task, peers)
    task = comparison.smooth_grad()
    data, score, noisy = (task.x, None), CategoricalScore([0] * len(task.x)), comparison.NOISY
    visual = Saliency(task.model, ReplaceToLinear())
    peers = {
        "tf-explain": lambda: SmoothGrad().explain(data, task.model, 0, num_samples=noisy, noise=0.15),
        "tf-keras-vis": lambda: visual(score, task.x, smooth_samples=noisy, smooth_noise=0.15),
    }
    comparison.compare(task, peers)
    task = comparison.integrated_gradients()
    steps = comparison.STEPS
    comparison.compare(task, {"tf-explain": lambda: IntegratedGradients().explain(data, task.model, 0, n_steps=steps)})
    task = comparison.occlusion()
    occlude = OcclusionSensitivity(batch_size=64)
    comparison.compare(task, {"tf-explain": lambda: occlude.explain(data, task.model, 0, comparison.PATCH)}, repeats=3)


def callbacks() -> None:
    x, labels = images(SAMPLES, 32), np.arange(SAMPLES) % 10
    with tempfile.TemporaryDirectory() as folder:
        found = shares(
            {
                "keras_xai": kx.callbacks.GradCAMCallback(kx.Samples(x, labels=labels), log_dir=folder, verbose=0),
                "tf-explain": GradCAMCallback((x, None), 0, last_map(compiled_cnn()), output_dir=folder),
            },
            epochs=3,
        )
    for library, share in found.items():
        row(
            f"Grad-CAM callback, {SAMPLES} samples, share of an epoch of 10,000 32-px images: {library}", f"{share:.2%}"
        )


def main() -> None:
    methods()
    callbacks()
    comparison.finish()


if __name__ == "__main__":
    main()
