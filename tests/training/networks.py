"""Tiny networks with everything in them that training changes, and data for them."""

import keras
import numpy as np
from keras import layers, ops

SIZE, CLASSES = 12, 3


def data(count=24, seed=0):
    """Images (count, 12, 12, 3) float32 in [0, 1] and labels (count,) int: class k is bright in its third of the columns."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, CLASSES, count)
    images = generator.uniform(0, 0.5, (count, SIZE, SIZE, 3))
    for image, label in zip(images, labels, strict=True):
        image[:, 4 * label : 4 * label + 4] += 0.5
    return images.astype("float32"), labels


class Sampling(layers.Layer):
    """Noise from a seed generator, at inference too, as in a variational autoencoder."""

    def __init__(self, **options):
        super().__init__(**options)
        self.seed_generator = keras.random.SeedGenerator(11)

    def call(self, x):
        return x + 0.1 * keras.random.normal(ops.shape(x), dtype=x.dtype, seed=self.seed_generator)


class Counter(layers.Layer):
    """Counts how often it was called, at inference too."""

    def __init__(self, **options):
        super().__init__(**options)
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False, name="calls")

    def call(self, x):
        self.calls.assign_add(1.0)
        return x


def functional():
    """Augmentation, batch statistics, dropout, noise, regularised weights and activities, a skip connection."""
    inputs = keras.Input((SIZE, SIZE, 3))
    x = layers.RandomFlip("horizontal")(inputs)
    x = layers.RandomTranslation(0.1, 0.1)(x)
    x = layers.Conv2D(4, 3, padding="same", activation="relu", activity_regularizer=keras.regularizers.L2(1e-3))(x)
    skip = layers.BatchNormalization()(x)
    x = layers.SpatialDropout2D(0.2)(skip)
    x = layers.Conv2D(4, 3, padding="same", kernel_regularizer="l2")(x)
    x = layers.BatchNormalization()(x)
    x = layers.Activation("relu")(layers.Add()([x, skip]))
    x = layers.GaussianNoise(0.1)(x)
    x = Sampling()(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.3)(x)
    return keras.Model(inputs, layers.Dense(CLASSES, activation="softmax")(x))


def counting():
    """One convolution and a layer that counts its calls."""
    head = [layers.GlobalAveragePooling2D(), layers.Dense(CLASSES, activation="softmax")]
    return keras.Sequential([keras.Input((SIZE, SIZE, 3)), layers.Conv2D(2, 3), Counter(), *head])


class Unseeded(layers.Layer):
    """Noise from Keras's global generator, at inference too."""

    def call(self, x):
        return x + 0.1 * keras.random.normal(ops.shape(x))


def unseeded():
    """One convolution and unseeded noise."""
    head = [layers.GlobalAveragePooling2D(), layers.Dense(CLASSES, activation="softmax")]
    return keras.Sequential([keras.Input((SIZE, SIZE, 3)), layers.Conv2D(2, 3), Unseeded(), *head])


class Variational(keras.Model):
    """A subclassed model, unbuilt until `fit`: a sampled code, a loss of its own, a nested backbone, a counter."""

    def __init__(self):
        super().__init__()
        self.backbone = keras.Sequential(
            [
                layers.RandomFlip("vertical"),
                layers.Conv2D(4, 3, strides=2, padding="same", activation="relu"),
                layers.BatchNormalization(),
                layers.Dropout(0.2),
            ]
        )
        self.mean = layers.Conv2D(4, 3, padding="same")
        self.log_variance = layers.Conv2D(4, 3, padding="same", kernel_initializer="zeros")
        self.seed_generator = keras.random.SeedGenerator(5)
        self.counter = Counter()
        self.head = layers.Dense(CLASSES, activation="softmax")

    def call(self, inputs, training=None):
        x = self.backbone(inputs, training=training)
        mean, log_variance = self.mean(x), self.log_variance(x)
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        code = mean + ops.exp(log_variance / 2) * noise
        divergence = ops.mean(ops.square(mean) + ops.exp(log_variance) - 1 - log_variance) / 2
        self.add_loss(0.01 * divergence)
        return self.head(ops.mean(self.counter(code), axis=(1, 2)))


def small(num_classes=CLASSES, activation="softmax"):
    """One convolution and a linear head, for what needs no more."""
    return keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3)),
            layers.Conv2D(4, 3, padding="same", activation="relu", name="conv"),
            layers.GlobalAveragePooling2D(name="pool"),
            layers.Dense(num_classes, activation=activation, name="head"),
        ]
    )


def compiled(model, **options):
    model.compile(
        **{"optimizer": "adam", "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"], **options}
    )
    return model
