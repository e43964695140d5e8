"""Xplique beside keras_xai: `python -m tests.benchmarks.peers.on_xplique`, in an environment that Xplique can run in."""

import numpy as np
from xplique.attributions import GradCAM, IntegratedGradients, Occlusion, Rise, SmoothGrad

from tests.benchmarks.networks import last_map
from tests.benchmarks.peers import comparison


def main() -> None:
    for case in ("small CNN 32 px × 64", "MobileNetV2 224 px × 16"):
        task = comparison.grad_cam(case)
        add(task, GradCAM(task.model, batch_size=len(task.x), conv_layer=last_map(task.model)))
    task = comparison.smooth_grad()
    add(task, SmoothGrad(task.model, batch_size=256, nb_samples=comparison.NOISY, noise=0.15))
    task = comparison.integrated_gradients()
    add(task, IntegratedGradients(task.model, batch_size=256, steps=comparison.STEPS))
    task = comparison.occlusion()
    add(task, Occlusion(task.model, batch_size=256, patch_size=comparison.PATCH, patch_stride=comparison.PATCH))
    task = comparison.rise()
    add(task, Rise(task.model, batch_size=256, nb_samples=comparison.MASKS))
    comparison.finish()


def add(task: comparison.Task, explainer) -> None:
    targets = np.eye(task.model.output_shape[-1], dtype=np.float32)[np.zeros(len(task.x), int)]
    comparison.compare(task, {"Xplique": lambda: explainer.explain(task.x, targets)})


if __name__ == "__main__":
    main()
