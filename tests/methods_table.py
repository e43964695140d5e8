"""The README's table of methods, made from their classes and a measurement: `python -m tests.methods_table` writes it.

Whether a method depends on what a network has learned is measured as Adebayo et al. (2018) do: on a small network that is
trained here, then with all of its weights shuffled.
"""

import pathlib

import keras
import numpy as np
from keras import layers

import keras_xai as kx
from keras_xai.metrics import ParameterRandomisation
from tests.contract.cheap import OF_ANY_NETWORK, OF_TRANSFORMERS, cheap

README = pathlib.Path(__file__).parents[1] / "README.md"
HEADER = "| method | looks at | passes per sample | signed | differs by class | randomisation | paper |"
# What is left of a map without the trained weights, as a rank correlation, must be less: half of the ranks' variance.
LIMIT = 0.7
SIZE = 24


def pictures(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A square, a disc or a cross of any colour at any place on a blurred coloured background, and which one it is."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3, count)
    x = np.repeat(np.repeat(generator.uniform(0.2, 0.8, (count, 6, 6, 3)), 4, axis=1), 4, axis=2)
    x += generator.normal(scale=0.05, size=x.shape)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    for image, label in zip(x, labels, strict=True):
        down, right = (np.abs(axis - generator.integers(6, SIZE - 6)) for axis in (rows, columns))
        square, disc = np.maximum(down, right) <= 4, np.hypot(down, right) <= 4.7
        cross = square & (np.minimum(down, right) <= 1)
        image[(square, disc, cross)[label]] = generator.choice([0.0, 1.0], 3)
    return np.clip(x, 0, 1).astype(np.float32), labels


def trained_network() -> keras.Model:
    """A small CNN that tells the three shapes apart."""
    keras.utils.set_random_seed(0)
    return _trained(
        keras.Sequential(
            [
                keras.Input((SIZE, SIZE, 3)),
                layers.Conv2D(16, 3, activation="relu", padding="same"),
                layers.Conv2D(16, 3, activation="relu", padding="same"),
                layers.MaxPooling2D(),
                layers.Conv2D(32, 3, activation="relu", padding="same"),
                layers.Conv2D(32, 3, activation="relu", padding="same"),
                layers.GlobalMaxPooling2D(),
                layers.Dense(3, activation="softmax"),
            ]
        )
    )


def trained_transformer() -> keras.Model:
    """The same with attention between patches of 3×3 pixels of the first convolution's map."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((SIZE, SIZE, 3))
    x = layers.Conv2D(16, 3, activation="relu", padding="same")(inputs)
    x = layers.Conv2D(32, 3, strides=3, activation="relu")(x)
    x = layers.Reshape((64, 32))(x)
    for _ in range(2):
        x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 16)(x, x))
        x = layers.LayerNormalization()(x + layers.Dense(32, activation="relu")(x))
    return _trained(keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.GlobalMaxPooling1D()(x))))


def _trained(model: keras.Model) -> keras.Model:
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(*pictures(2000, seed=0), epochs=8, batch_size=50, verbose=0)
    return model


def left_without_weights(explainer, model: keras.Model, samples: kx.Samples, shufflings: int = 3) -> float:
    """Mean rank correlation between |maps| of the trained and of the shuffled network, over samples and shufflings."""

    def compare(a, b):
        return kx.metrics.spearman(np.abs(a), np.abs(b))

    found = explainer(model, samples)
    values = [ParameterRandomisation(compare, seed)(found, model, samples, explainer) for seed in range(shufflings)]
    return float(np.nanmean(values))


def measured() -> dict[str, float]:
    """{method: what is left of its maps}."""
    x, labels = pictures(8, seed=1)
    samples = kx.Samples(x, labels=labels)
    networks = ((trained_network(), OF_ANY_NETWORK), (trained_transformer(), OF_TRANSFORMERS))
    return {name: left_without_weights(cheap(name), model, samples) for model, names in networks for name in names}


def table() -> str:
    """The rows, by what the classes say of themselves; tests compare that with what is measured."""
    rows = [HEADER, "|---|---|---|---|---|---|---|"]
    passes = {True: "passes", False: "**fails**", None: "not measured"}
    for cls in kx.explainers().values():
        paper = f"[{cls.paper.authors} {cls.paper.year}]({cls.paper.url})" if cls.paper else ""
        signed, per_class = ("yes" if one else "no" for one in (cls.signed, cls.per_class))
        rows.append(
            f"| `{cls.__name__}` | {cls.needs} | {cls.passes} | {signed} | {per_class} | {passes[cls.sensitive]} | {paper} |"
        )
    return "\n".join(rows)


def in_readme(text: str) -> tuple[int, int]:
    """Where the table begins and ends in the README's text."""
    start = text.index("| method | ")
    return start, text.index("\n\n", start)


def main() -> None:
    text = README.read_text(encoding="utf-8")
    start, end = in_readme(text)
    README.write_text(text[:start] + table() + text[end:], encoding="utf-8")
    for name, left in measured().items():
        print(f"{name:<24} {left:6.2f}  {'passes' if left < LIMIT else 'fails'}")


if __name__ == "__main__":
    main()
