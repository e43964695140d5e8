"""Explainers made cheap enough to run through every promise, and the models that they can explain."""

import keras

import keras_xai as kx

SETTINGS = {
    "lime": {"num_samples": 32},
    "smooth_grad": {"num_samples": 4},
    "var_grad": {"num_samples": 4},
    "integrated_gradients": {"steps": 4},
    "expected_gradients": {"num_samples": 4},
    "occlusion": {"patch": 4},
    "rise": {"num_samples": 32},
    "kernel_shap": {"num_samples": 80},
}
# These look at attention layers; all others explain any network.
OF_TRANSFORMERS = ["attention_rollout"]
OF_ANY_NETWORK = [name for name in kx.explainers() if name not in OF_TRANSFORMERS]
# One for each way to ask: at a layer, over the depth, with rows at the input, in two rounds, at a layer with rows, and
# with sums and moments over rows.
FIRST_WAYS = ["grad_cam", "hires_cam", "activations", "lime"]
WAYS_TO_ASK = [*FIRST_WAYS, "score_cam", "ablation_cam", "integrated_gradients", "smooth_grad"]


def on_tensorflow(everything, elsewhere):
    """`everything` on the tensorflow backend; on others `elsewhere`, where tracing takes longer and asks the same."""
    return everything if keras.config.backend() == "tensorflow" else elsewhere


def cheap(name):
    """The explainer of this name."""
    return kx.explainers()[name](**SETTINGS.get(name, {}))
