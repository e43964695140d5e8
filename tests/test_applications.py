"""keras.applications: the automatic layer of every family against the right one, found by reading its network.

The right answer is the last map before global pooling or flattening, after what normalises and activates it: where the
literature on each family takes class activation maps. Image sizes leave it 2×2 cells or more.
"""

import re
from typing import NamedTuple

import keras
import numpy as np
import pytest
from keras import layers

import keras_xai as kx
from keras_xai.engine import engine_for
from tests.requirements import require_backend


class Family(NamedTuple):
    """What is known of one network.

    Attributes:
        size: of the image. layer: the right one, a regular expression where Keras numbers it. shape: of its map.
        reason: why this one. receptive_field: of a cell in pixels, by Araujo, Norris and Sim, "Computing Receptive Fields of
            Convolutional Neural Networks", Distill, 2019, where they give it (VGG16's without the last pooling).
    """

    size: int
    layer: str
    shape: tuple
    reason: str
    receptive_field: int | None = None


FAMILIES = {
    "VGG16": Family(
        32, "block5_conv3", (2, 2, 512), "the last convolution holds its ReLU; block5_pool only thins it out", 196
    ),
    "VGG19": Family(32, "block5_conv4", (2, 2, 512), "as VGG16, with a fourth convolution in the block"),
    "ResNet50": Family(64, "conv5_block3_out", (2, 2, 2048), "the ReLU after the last addition", 483),
    "ResNet50V2": Family(
        64, "post_relu", (2, 2, 2048), "pre-activated: the last sum is normalised and activated once more outside"
    ),
    "MobileNet": Family(64, "conv_pw_13_relu", (2, 2, 1024), "the ReLU6 of the last pointwise convolution", 315),
    "MobileNetV2": Family(64, "out_relu", (2, 2, 1280), "the ReLU6 of the 1×1 convolution after the last block"),
    "MobileNetV3Small": Family(
        64,
        r"activation_\d+",
        (2, 2, 576),
        "the hard swish of the 1×1 convolution before pooling; conv_2 with its own hard swish is a dense layer in disguise, "
        "on the pooled 1×1 map",
    ),
    "EfficientNetB0": Family(
        64, "top_activation", (2, 2, 1280), "the swish of the 1×1 convolution after the last block"
    ),
    "EfficientNetV2B0": Family(64, "top_activation", (2, 2, 1280), "as EfficientNetB0"),
    "ConvNeXtTiny": Family(
        64,
        r"add_?\d*",
        (2, 2, 768),
        "the addition that ends the last block; the layer norm of the head comes after pooling",
    ),
    "DenseNet121": Family(64, "relu", (2, 2, 1024), "the ReLU after the last concatenation and its normalisation"),
    "InceptionV3": Family(
        107, "mixed10", (2, 2, 2048), "the last concatenation, of branches that are activated each", 1311
    ),
    "InceptionResNetV2": Family(
        107, "conv_7b_ac", (2, 2, 1536), "the ReLU of the 1×1 convolution after the last block"
    ),
    "NASNetMobile": Family(64, r"activation_\d+", (2, 2, 1056), "the ReLU after the last cell's concatenation"),
    "Xception": Family(71, "block14_sepconv2_act", (3, 3, 2048), "the ReLU of the last separable convolution"),
}


def build(name):
    if name == "NASNetMobile":
        require_backend(
            "tensorflow",
            "jax",
            reason="Keras refuses: 'NASNetMobile is not available with the torch backend at this time due to an outstanding "
            "bug.'",
        )
    size = FAMILIES[name].size
    return getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3), classes=5)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_automatic_layer(name):
    family, model = FAMILIES[name], build(name)
    found = engine_for(model).topology(kx.Samples(np.zeros((1, family.size, family.size, 3), np.float32)))
    (head,) = found.heads
    call = found.automatic(head)
    assert re.fullmatch(family.layer, call.path)
    assert call.shape == family.shape
    if family.receptive_field is not None:
        assert call.receptive_field == (family.receptive_field, family.receptive_field)
    assert head.activation == "softmax"
    # Nothing that follows is a map any more, but pooling.
    names = [operation.name for operation in model.operations]
    for later in model.operations[names.index(call.path) + 1 :]:
        assert isinstance(later, layers.MaxPooling2D) or np.prod(later.output.shape[1:-1]) <= 1


@pytest.mark.parametrize("name", ["MobileNetV2", "ResNet50V2"])
def test_grad_cam_is_what_the_weights_of_the_head_say(name):
    """With pooling and one dense layer on top, the mean gradient of a channel is its weight over the number of cells."""
    family, model = FAMILIES[name], build(name)
    images = np.random.default_rng(0).uniform(-1, 1, (2, family.size, family.size, 3)).astype(np.float32)
    features = keras.Model(model.inputs, model.get_layer(family.layer).output).predict(images, verbose=0)
    targets = [3, 1]
    kernel = model.layers[-1].get_weights()[0][:, targets] / np.prod(family.shape[:2])
    expected = np.maximum(np.einsum("nhwc,cn->nhw", features, kernel), 0)
    found = kx.GradCAM()(model, images, targets=targets)
    assert found.details["layer"] == family.layer
    assert expected.any()
    np.testing.assert_allclose(found.raw, expected, rtol=0, atol=1e-4 * expected.max())
