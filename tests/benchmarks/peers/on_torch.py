"""captum and pytorch-grad-cam beside keras_xai: `KERAS_BACKEND=torch python -m tests.benchmarks.peers.on_torch`."""

import keras
from captum import attr
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from tests.benchmarks.networks import last_map
from tests.benchmarks.peers import comparison


def grad_cams(task: comparison.Task) -> dict:
    inputs, model = keras.ops.convert_to_tensor(task.x), task.model
    layer = model.get_layer(last_map(model))
    of_captum = attr.LayerGradCam(model, layer)
    found = {"captum": lambda: of_captum.attribute(inputs, target=0).detach().cpu().numpy()}
    of_grad_cam = GradCAM(model=model, target_layers=[layer])
    targets = [ClassifierOutputTarget(0)] * len(task.x)
    return {**found, "pytorch-grad-cam": lambda: of_grad_cam(input_tensor=inputs, targets=targets)}


def main() -> None:
    keras.config.set_image_data_format("channels_first")
    for case in ("small CNN 32 px × 64", "MobileNetV2 224 px × 16"):
        task = comparison.grad_cam(case)
        comparison.compare(task, grad_cams(task))
    task = comparison.smooth_grad()
    inputs = keras.ops.convert_to_tensor(task.x).requires_grad_()
    noisy = attr.NoiseTunnel(attr.Saliency(task.model))
    settings = {"nt_samples": comparison.NOISY, "stdevs": 0.15, "target": 0}
    comparison.compare(task, {"captum": lambda: noisy.attribute(inputs, **settings)})
    task = comparison.integrated_gradients()
    integrated = attr.IntegratedGradients(task.model)
    comparison.compare(task, {"captum": lambda: integrated.attribute(inputs, target=0, n_steps=comparison.STEPS)})
    task = comparison.occlusion()
    occlude, patch = attr.Occlusion(task.model), (3, comparison.PATCH, comparison.PATCH)
    comparison.compare(
        task,
        {"captum": lambda: occlude.attribute(inputs, patch, strides=patch, target=0, perturbations_per_eval=32)},
        repeats=3,
    )
    comparison.finish()


if __name__ == "__main__":
    main()
