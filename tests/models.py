"""Tiny models of every kind that is promised to work, each with the right answers written down in NumPy."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from keras_xai import scores
from tests import numpy_layers as slow

COUNT = 3  # samples


@dataclass(frozen=True)
class Kind:
    """One kind of model.

    Attributes:
        name: of the kind.
        build: makes the model; `filled` gives it weights.
        layer: the path of the right automatic choice.
        features: (w, image) -> what that layer puts out, where `w` is `weights(model)`; float64, channels last.
        logits: (w, activations, extra) -> (n, …, classes), from there on; `extra` are the inputs beside the image.
        smooth: the same without rounding, where gradients pass through rounded numbers.
        shape: of one image as the model eats it.
        score: how `details` must call what is explained by default; explained: the score to pass.
        activation: from logits to predictions.
        classes: that can be explained.
        backends: where the model can run at all.
        tolerance: the length of an error vector relative to that of the right one; of gradients gradient_tolerance: in
            half precision a unit near zero may fall on the other side of its ReLU.
    """

    name: str
    build: Callable[[], keras.Model]
    layer: str
    features: Callable
    logits: Callable
    smooth: Callable | None = None
    shape: tuple[int, int, int] = (8, 8, 3)
    score: str = "logit"
    explained: Any = None
    activation: Callable = slow.softmax
    classes: int = 3
    backends: tuple[str, ...] = ("tensorflow", "jax", "torch")
    tolerance: float = 1e-4
    gradient_tolerance: float = 1e-4

    @property
    def channels_first(self) -> bool:
        return self.name == "channels_first"

    def model(self, seed: int = 0) -> keras.Model:
        """Built, with weights that depend on the seed alone."""
        return self.finish(filled(self.build(), seed))

    def finish(self, model: keras.Model) -> keras.Model:
        """What happens to a model after it has its weights."""
        if self.name == "int8":
            with warnings.catch_warnings():  # Keras says that it leaves convolutions as they are
                warnings.simplefilter("ignore", UserWarning)
                model.quantize("int8")
        if self.name == "lora":
            layer = model.get_layer("hidden")
            layer.enable_lora(2)
            for weight in (layer.lora_kernel_a, layer.lora_kernel_b):
                weight.assign(np.random.default_rng(1).normal(size=weight.shape))
        return model

    def inputs(self, seed: int = 0) -> Any:
        """COUNT samples as the model eats them."""
        generator = np.random.default_rng(seed + 100)
        if self.name == "uint8":
            return generator.integers(0, 256, (COUNT, *self.shape), np.uint8)
        image = generator.random((COUNT, *self.shape), np.float32)
        if self.name == "multi_input":
            return {"image": image, "place": generator.random((COUNT, 2), np.float32)}
        return image


def filled(model: keras.Model, seed: int = 0) -> keras.Model:
    """Weights of a size that keeps activations near 1, by the order of the model's layers."""
    generator = np.random.default_rng(seed)
    for layer in _leaves(model):
        for weight in layer.weights:
            name, shape = weight.name, tuple(weight.shape)
            if name in ("gamma", "moving_variance"):
                weight.assign(generator.uniform(0.5, 1.5, shape))
            elif name == "kernel":
                weight.assign(generator.normal(size=shape) * np.sqrt(2 / np.prod(shape[:-1])))
            elif name != "seed_generator_state":
                weight.assign(generator.normal(size=shape) * 0.2)
    return model


def weights(model: keras.Model) -> dict[str, dict[str, np.ndarray]]:
    """Layer -> weight -> float64 array, by their names."""
    return {
        layer.name: {weight.name: ops.convert_to_numpy(weight.value).astype(np.float64) for weight in layer.weights}
        for layer in _leaves(model)
    }


def _leaves(model):
    return [layer for layer in model._flatten_layers() if layer.weights and not list(layer._layers)]


# The parts that most kinds share.


def stem(x, data_format="channels_last"):
    x = layers.Conv2D(4, 3, padding="same", data_format=data_format, name="conv1")(x)
    x = layers.BatchNormalization(axis=1 if data_format == "channels_first" else -1, name="norm")(x)
    return layers.ReLU(name="relu")(x)


def last_conv(x, data_format="channels_last"):
    return layers.Conv2D(6, 3, strides=2, padding="same", activation="relu", data_format=data_format, name="conv2")(x)


def head(x, units=3, activation="softmax", data_format="channels_last"):
    x = layers.GlobalAveragePooling2D(data_format=data_format, name="pool")(x)
    x = layers.Dense(8, activation="relu", name="hidden")(x)
    return layers.Dense(units, activation=activation, name="out")(x)


def slow_stem(w, image):
    return slow.relu(slow.norm(slow.conv(image, **w["conv1"]), **w["norm"]))


def slow_features(w, image):
    return slow.relu(slow.conv(slow_stem(w, image), **w["conv2"], strides=2))


def slow_head(w, activations, extra=None):
    return slow.dense(slow.relu(slow.dense(slow.pool(activations), **w["hidden"])), **w["out"])


def plain(shape=(8, 8, 3), units=3, activation="softmax", data_format="channels_last"):
    inputs = keras.Input(shape)
    x = last_conv(stem(inputs, data_format), data_format)
    return keras.Model(inputs, head(x, units, activation, data_format))


def of_policy(policy):
    def build():
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(policy)
        try:
            return plain()
        finally:
            keras.config.set_dtype_policy(before)

    return build


# Kinds with a build of their own.


def skip():
    inputs = keras.Input((8, 8, 3))
    x = stem(inputs)
    y = layers.Conv2D(4, 3, padding="same", name="conv2")(x)
    return keras.Model(inputs, head(layers.ReLU(name="relu2")(layers.Add(name="add")([x, y]))))


def skip_features(w, image):
    x = slow_stem(w, image)
    return slow.relu(x + slow.conv(x, **w["conv2"]))


def sequential():
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3, padding="same", name="conv1"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(name="relu"),
            layers.Conv2D(6, 3, strides=2, padding="same", activation="relu", name="conv2"),
            layers.Dropout(0.5),
            layers.GlobalAveragePooling2D(),
            layers.Dense(8, activation="relu", name="hidden"),
            layers.Dense(3, activation="softmax", name="out"),
        ]
    )


def nested(trainable=True):
    image = keras.Input((8, 8, 3))
    backbone = keras.Model(image, last_conv(stem(image)), name="backbone")
    backbone.trainable = trainable
    inputs = keras.Input((8, 8, 3))
    return keras.Model(inputs, head(backbone(inputs)))


class Subclassed(keras.Model):
    """Layers with raw operations between them; the last convolution's output goes into a leaky ReLU by `ops`."""

    def __init__(self, softmax_by_ops=False):
        super().__init__()
        self.conv1 = layers.Conv2D(4, 3, padding="same", name="conv1")
        self.norm = layers.BatchNormalization(name="norm")
        self.conv2 = layers.Conv2D(6, 3, strides=2, padding="same", name="conv2")
        self.hidden = layers.Dense(8, activation="relu", name="hidden")
        self.out = layers.Dense(3, activation=None if softmax_by_ops else "softmax", name="out")
        self.softmax_by_ops = softmax_by_ops

    def call(self, x, training=False):
        x = self.conv2(ops.relu(self.norm(self.conv1(x), training=training)))
        x = self.out(self.hidden(ops.mean(ops.maximum(x, 0.1 * x), axis=(1, 2))))
        return ops.softmax(x) if self.softmax_by_ops else x


def subclassed(softmax_by_ops=False):
    model = Subclassed(softmax_by_ops)
    model(np.zeros((1, 8, 8, 3), np.float32))
    return model


def subclassed_features(w, image):
    return slow.conv(slow_stem(w, image), **w["conv2"], strides=2)


def subclassed_head(w, activations, extra=None):
    return slow_head(w, np.maximum(activations, 0.1 * activations))


def softmax_layer(make):
    def build():
        logits = plain(activation=None)
        return keras.Model(logits.inputs, make(logits.outputs[0]))

    return build


def multi_input():
    image, place = keras.Input((8, 8, 3), name="image"), keras.Input((2,), name="place")
    pooled = layers.GlobalAveragePooling2D()(last_conv(stem(image)))
    x = layers.Dense(8, activation="relu", name="hidden")(layers.Concatenate()([pooled, place]))
    return keras.Model({"image": image, "place": place}, layers.Dense(3, activation="softmax", name="out")(x))


def multi_input_head(w, activations, extra):
    joined = np.concatenate([slow.pool(activations), extra["place"]], axis=-1)
    return slow.dense(slow.relu(slow.dense(joined, **w["hidden"])), **w["out"])


def multi_output():
    inputs = keras.Input((8, 8, 3))
    x = stem(inputs)
    kind = head(last_conv(x))
    other = layers.Conv2D(2, 3, activation="relu", name="conv3")(x)
    colour = layers.Dense(4, activation="softmax", name="colour")(layers.GlobalMaxPooling2D()(other))
    return keras.Model(inputs, [kind, colour])


def shared():
    """One convolution applied twice in a row, the second time to what it made of the image."""
    inputs = keras.Input((8, 8, 3))
    conv = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv2")
    return keras.Model(inputs, head(conv(conv(stem(inputs)))))


def shared_features(w, image):
    once = slow.relu(slow.conv(slow_stem(w, image), **w["conv2"]))
    return slow.relu(slow.conv(once, **w["conv2"]))


class Sampling(layers.Layer):
    """Adds noise of a learned size, as a variational autoencoder does, in inference too."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(5)

    def call(self, inputs):
        mean, log_variance = inputs
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_variance) * noise


def sampling():
    """The noise is 1e-13 of the mean: drawn, but too small to be seen."""
    inputs = keras.Input((8, 8, 3))
    pooled = layers.GlobalAveragePooling2D()(last_conv(stem(inputs)))
    log_variance = layers.Rescaling(1e-3, offset=-60)(layers.Dense(8, name="log_variance")(pooled))
    z = Sampling()([layers.Dense(8, name="hidden")(pooled), log_variance])
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="out")(layers.ReLU()(z)))


class ClassToken(layers.Layer):
    """Puts a learned token before the others, and adds a learned position to each."""

    def build(self, shape):
        self.token = self.add_weight(shape=(1, 1, shape[-1]), name="token")
        self.position = self.add_weight(shape=(1, shape[1] + 1, shape[-1]), name="position")

    def call(self, x):
        token = ops.broadcast_to(self.token, (ops.shape(x)[0], 1, x.shape[-1]))
        return ops.concatenate([token, x], axis=1) + self.position


def vision_transformer():
    """One block: patches of 2×2, a class token, attention, and a head that reads the class token."""
    inputs = keras.Input((6, 10, 3))
    x = layers.Reshape((15, 4))(layers.Conv2D(4, 2, strides=2, name="patches")(inputs))
    x = ClassToken(name="class_token")(x)
    y = layers.LayerNormalization(name="norm")(x)
    x = layers.Add()([x, layers.MultiHeadAttention(2, 3, name="attention")(y, y)])
    x = layers.LayerNormalization(name="last_norm")(x)
    x = layers.Dense(8, activation="relu", name="hidden")(x[:, 0])
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="out")(x))


def slow_tokens(w, image):
    patches = image.reshape(-1, 3, 2, 5, 2, 3).transpose(0, 1, 3, 2, 4, 5)
    x = np.einsum("nhwijc,ijco->nhwo", patches, w["patches"]["kernel"]) + w["patches"]["bias"]
    x = x.reshape(-1, 15, 4) + w["class_token"]["position"][:, 1:]
    return slow.layer_norm(x, **w["norm"]).reshape(-1, 3, 5, 4)


def slow_class_token(w, activations, extra=None):
    token = w["class_token"]["token"] + w["class_token"]["position"][:, :1]
    y = slow.layer_norm(token, **w["norm"]).repeat(len(activations), axis=0)
    y = np.concatenate([y, activations.reshape(-1, 15, 4)], axis=1)
    x = token[:, 0] + slow.attention(y, w)[:, 0]
    x = slow.dense(slow.layer_norm(x, **w["last_norm"]), **w["hidden"])
    return slow.dense(slow.relu(x), **w["out"])


def int8_head(w, activations, extra=None):
    x = slow.relu(slow.quantized_dense(slow.pool(activations), **w["hidden"]))
    return slow.quantized_dense(x, **w["out"])


def int8_smooth(w, activations, extra=None):
    unscaled = {
        name: {"kernel": one["kernel"] / one["kernel_scale"], "bias": one["bias"]}
        for name, one in w.items()
        if "kernel_scale" in one
    }
    return slow_head(unscaled, activations)


def lora_head(w, activations, extra=None):
    hidden = w["hidden"]
    kernel = hidden["kernel"] + hidden["lora_kernel_a"] @ hidden["lora_kernel_b"]  # alpha equals the rank: no factor
    return slow_head({**w, "hidden": {"kernel": kernel, "bias": hidden["bias"]}}, activations)


def segmentation():
    inputs = keras.Input((8, 8, 3))
    return keras.Model(inputs, layers.Conv2D(3, 1, activation="softmax", name="out")(last_conv(stem(inputs))))


def uint8():
    inputs = keras.Input((8, 8, 3))
    return keras.Model(inputs, head(last_conv(stem(layers.Rescaling(1 / 255)(inputs)))))


def _kind(name, build, features=slow_features, logits=slow_head, layer="conv2", **others):
    return Kind(name, build, layer, features, logits, **others)


KINDS = {
    kind.name: kind
    for kind in [
        _kind("functional", plain),
        _kind("skip", skip, skip_features, layer="relu2"),
        _kind("sequential", sequential),
        _kind("nested", nested, layer="backbone/conv2"),
        _kind("nested_frozen", lambda: nested(trainable=False), layer="backbone/conv2"),
        _kind("subclassed", subclassed, subclassed_features, subclassed_head),
        _kind("sigmoid", lambda: plain(units=1, activation="sigmoid"), activation=slow.sigmoid, classes=2),
        _kind("multi_label", lambda: plain(activation="sigmoid"), activation=slow.sigmoid),
        _kind("softmax_layer", softmax_layer(layers.Softmax())),
        _kind("softmax_activation", softmax_layer(layers.Activation("softmax"))),
        _kind("softmax_by_ops", softmax_layer(ops.softmax), score="log_probability"),
        _kind(
            "subclassed_softmax_by_ops",
            lambda: subclassed(softmax_by_ops=True),
            subclassed_features,
            subclassed_head,
            score="log_probability",
        ),
        _kind("logits", lambda: plain(activation=None), activation=lambda logits: logits),
        _kind("multi_input", multi_input, logits=multi_input_head),
        _kind("multi_output", multi_output, explained=scores.Logit(output="out")),
        _kind("shared", shared, shared_features),
        _kind("grey", lambda: plain((8, 8, 1)), shape=(8, 8, 1)),
        _kind("non_square", lambda: plain((6, 10, 3)), shape=(6, 10, 3)),
        _kind("multispectral", lambda: plain((8, 8, 5)), shape=(8, 8, 5)),
        _kind(
            "channels_first",
            lambda: plain((3, 8, 8), data_format="channels_first"),
            shape=(3, 8, 8),
            backends=("jax", "torch"),
        ),
        _kind("mixed_float16", of_policy("mixed_float16"), tolerance=1e-2, gradient_tolerance=0.15),
        _kind("mixed_bfloat16", of_policy("mixed_bfloat16"), tolerance=5e-2, gradient_tolerance=0.15),
        _kind("sampling", sampling),
        _kind("int8", plain, logits=int8_head, smooth=int8_smooth),
        _kind("lora", plain, logits=lora_head),
        _kind(
            "regression",
            lambda: plain(units=2, activation=None),
            score="regression",
            explained=scores.Regression(index=1),
            activation=lambda logits: logits,
            classes=2,
        ),
        _kind(
            "segmentation",
            segmentation,
            logits=lambda w, activations, extra=None: slow.conv(activations, **w["out"]),
            score="mean",
            explained=scores.Mean(),
        ),
        _kind("vision_transformer", vision_transformer, slow_tokens, slow_class_token, layer="norm", shape=(6, 10, 3)),
        _kind("uint8", uint8, lambda w, image: slow_features(w, image / 255)),
    ]
}
