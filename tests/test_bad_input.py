"""Wrong calls over the whole public surface: each is refused with the kind of error and the words that help."""

import functools

import keras
import numpy as np
import pytest

import keras_xai as kx
from keras_xai.engine import engine_for
from keras_xai.log import ExplanationLog, read_log
from keras_xai.queries import Queries, activations_at, gradient_at
from tests.models import KINDS, filled

X = np.random.default_rng(0).random((4, 8, 8, 3), np.float32)
PHOTOS = np.zeros((4, 8, 8, 3), np.uint8)


@functools.cache
def model(kind="functional"):
    return KINDS[kind].model()


def grad_cam(layer=None, score=None, kind="functional", x=X, **known):
    return kx.GradCAM(layer=layer, score=score)(model(kind), kx.Samples(x, **known))


def lime(x=X, **settings):
    return kx.LIME(**{"num_samples": 4, **settings})(model(), x)


def activations(**settings):
    return kx.Activations(**settings)(model(), X)


def callback(samples=X, **settings):
    return kx.callbacks.ExplanationCallback(samples, **settings)


def with_nan():
    x = X.copy()
    x[0, 0, 0, 0] = np.nan
    return x


def two_images():
    return {"left": X, "right": X}


SAMPLES = {
    "one image": (lambda: kx.Samples(X[0]), ValueError, r"4 axes.*has shape \(8, 8, 3\).*single image.*x\[None\]"),
    "grey without channels": (lambda: kx.Samples(X[..., 0]), ValueError, r"add the channel axis: x\[..., None\]"),
    "no image": (lambda: kx.Samples(X[:0]), ValueError, "holds no sample.*at least one image"),
    "NaN": (lambda: kx.Samples(with_nan()), ValueError, "x holds 1 non-finite values; remove the samples or mend"),
    "a path": (lambda: kx.Samples("cat.png"), TypeError, "x must be an array of numbers; it is str"),
    "None": (lambda: kx.Samples(None), TypeError, "x must be an array of numbers; it is NoneType"),
    "images of two sizes": (
        lambda: kx.Samples([X[0], X[0, :4]]),
        ValueError,
        r"sizes, \[\(4, 8, 3\), \(8, 8, 3\)\]; .* resize",
    ),
    "two images": (
        lambda: kx.Samples(two_images()),
        ValueError,
        r"2 inputs of rank 4 \(\['left', 'right'\]\).*image_input",
    ),
    "no image among inputs": (lambda: kx.Samples({"a": X[:, 0, 0]}), ValueError, "x has 0 inputs of rank 4"),
    "unknown image_input": (
        lambda: kx.Samples(two_images(), image_input="top"),
        ValueError,
        "'top' is not an input of",
    ),
    "image_input of one": (
        lambda: kx.Samples(X, image_input=0),
        ValueError,
        "chooses among several inputs, but x is one",
    ),
    "inputs of two lengths": (
        lambda: kx.Samples({"a": X, "b": X[:2, 0]}),
        ValueError,
        r"same number of .*'a': 4, 'b': 2",
    ),
    "too few labels": (
        lambda: kx.Samples(X, labels=[1, 2]),
        ValueError,
        r"labels must be \(4,\) int.*has shape \(2,\)",
    ),
    "half labels": (lambda: kx.Samples(X, labels=[0.5, 1, 2, 3]), ValueError, "not whole.*scores.Regression"),
    "labels of words": (lambda: kx.Samples(X, labels=list("abcd")), TypeError, "labels must be an array of numbers"),
    "labels of rank 3": (lambda: kx.Samples(X, labels=np.zeros((4, 2, 2))), ValueError, "one-hot or multi-label"),
    "misspelt targets": (lambda: kx.Samples(X, targets="labels"), ValueError, "targets must be .*it is 'labels'"),
    "no label to explain": (lambda: kx.Samples(X, targets="label"), ValueError, 'targets="label" needs labels'),
    "too few targets": (lambda: kx.Samples(X, targets=[1]), ValueError, r"4 class numbers.*has shape \(1,\)"),
    "float targets": (lambda: kx.Samples(X, targets=[0.0, 1, 2, 0]), ValueError, "4 class numbers.*type float32"),
    "float images": (lambda: kx.Samples(X, images=X), ValueError, "images must be uint8.*It is float32"),
    "images of another size": (
        lambda: kx.Samples(X, images=PHOTOS[:, :4]),
        ValueError,
        r"shape \(4, 8, 8\) \+ \(1,\) or",
    ),
    "masks of another size": (
        lambda: kx.Samples(X, masks=np.ones((4, 4, 4))),
        ValueError,
        r"masks must be .*\(4, 8, 8\)",
    ),
    "masks of numbers": (
        lambda: kx.Samples(X, ignore=PHOTOS[..., 0] + 2),
        ValueError,
        "ignore must.*other than 0 and 1",
    ),
    "names in one string": (lambda: kx.Samples(X, names="abcd"), ValueError, "names must be 4 strings.*it is 'abcd'"),
    "too few names": (lambda: kx.Samples(X, names=["a"]), ValueError, "names must be 4 strings"),
    "class names in one string": (
        lambda: kx.Samples(X, class_names="cat"),
        TypeError,
        "class_names must be a list of strings.*'cat'",
    ),
    "unknown data_format": (lambda: kx.Samples(X, data_format="NHWC"), ValueError, "\"channels_first\"; it is 'NHWC'"),
}

CALLS = {
    "no model": (lambda: kx.GradCAM()(None, X), TypeError, "model must be a Keras 3 model.*NoneType"),
    "arguments swapped": (lambda: kx.GradCAM()(X, model()), TypeError, "model must be a Keras 3 model.*ndarray"),
    "a layer as model": (lambda: kx.GradCAM()(keras.layers.ReLU(), X), TypeError, "must be a Keras 3 model.*ReLU"),
    "a model without weights": (
        lambda: kx.GradCAM()(keras.Sequential([keras.layers.Conv2D(2, 3)]), X),
        ValueError,
        "has no weights yet. Build it first",
    ),
    "images of another size": (lambda: grad_cam(x=X[:, :4]), ValueError, r"expected shape=\(None, 8, 8, 3\)"),
    "images with another depth": (lambda: grad_cam(x=X[..., :1]), ValueError, "axis -1 of input shape to have value 3"),
    "targets twice": (
        lambda: kx.GradCAM()(model(), kx.Samples(X), targets=[0] * 4),
        ValueError,
        r"Samples\(x, targets=",
    ),
    "target out of range": (
        lambda: grad_cam(targets=[0, 1, 2, 3]),
        ValueError,
        r"targets\[3\] is 3.*has 3 classes, 0 to 2",
    ),
    "negative target": (lambda: grad_cam(targets=[-1, 1, 2, 2]), ValueError, r"targets\[0\] is -1"),
    "label out of range": (lambda: grad_cam(labels=[0, 9, 0, 0]), ValueError, r"labels\[1\] is 9.*3 classes"),
    "labels of another width": (lambda: grad_cam(labels=np.eye(4)), ValueError, "labels have 4 classes, but .* has 3"),
    "unknown layer": (lambda: grad_cam("conv22"), ValueError, r"no layer 'conv22'. Did you mean \[.*'conv2'"),
    "a dense layer": (
        lambda: grad_cam("hidden"),
        ValueError,
        r"'hidden' has shape \('batch', 8\), but a map .*'conv2'",
    ),
    "layer number out of range": (lambda: grad_cam(99), ValueError, "layer=99 is out of range: the model has 8 layers"),
    "layer is a float": (lambda: grad_cam(2.5), TypeError, "layer must be None, a name, a path.*2.5 of type float"),
    "layer is True": (lambda: grad_cam(True), TypeError, "layer must be .* it is True of type bool"),
    "no layer in a list": (lambda: grad_cam([]), ValueError, r"layer=\[\] names no layer"),
    "a stranger's layer": (
        lambda: grad_cam(model("skip").get_layer("conv1")),
        ValueError,
        "'conv1' is not part of this",
    ),
    "a shared layer": (lambda: grad_cam("conv2", kind="shared"), ValueError, "'conv2' is shared: it runs 2 times"),
    "two layers of a name": (
        lambda: kx.GradCAM("conv2")(twins(), X),
        ValueError,
        r"\['one/conv2', 'two/conv2'\]. Give",
    ),
    "a layer that does not run": (lambda: kx.GradCAM("spare")(with_a_spare(), X), ValueError, "'spare' does not run"),
    "a model without maps": (
        lambda: kx.GradCAM()(flat(), X),
        ValueError,
        r"No layer of this model .* keras_xai.LIME\(\)",
    ),
    "two parallel runs": (lambda: kx.GradCAM()(siamese(), X), ValueError, "'conv2' is shared: it runs 2 times"),
    "a layer beside the score": (
        lambda: grad_cam("conv3", kx.scores.Logit(output="out"), "multi_output"),
        ValueError,
        "does not depend on 'conv3' .* Choose another layer",
    ),
}

SCORES = {
    "a word": (lambda: grad_cam(score="logit"), TypeError, "score must be one of keras_xai.scores.* it is 'logit'"),
    "no brackets": (lambda: grad_cam(score=kx.scores.Logit), TypeError, r"Logit\(\), with brackets"),
    "no output named": (lambda: grad_cam(kind="multi_output"), ValueError, r"2 outputs, .*Logit\(output='out'\)"),
    "unknown output": (
        lambda: grad_cam(score=kx.scores.Logit(output="x"), kind="multi_output"),
        ValueError,
        r"output 'x', but the model's outputs are \['out', 'colour'\]",
    ),
    "one number for all": (lambda: grad_cam(score=total), ValueError, r"one number per sample.*it returned shape \(\)"),
    "contrast to nobody": (lambda: grad_cam(score=kx.scores.Contrast(against=5)), ValueError, "classes 0 to 2"),
    "value out of range": (
        lambda: grad_cam(score=kx.scores.Regression(index=5)),
        ValueError,
        "the output has 3 values",
    ),
    "logit of a segmentation": (
        lambda: grad_cam(kind="segmentation"),
        ValueError,
        r"\(n, classes\).*scores.Mean\(mask\)",
    ),
    "mean of a classifier": (
        lambda: grad_cam(score=kx.scores.Mean()),
        ValueError,
        r"Mean explains outputs \(n, height",
    ),
    "an empty region": (lambda: kx.scores.Mean(np.zeros((4, 4))), ValueError, r"positive sum; .*sum 0.0"),
    "a region of another size": (
        lambda: grad_cam(score=kx.scores.Mean(np.ones((2, 2))), kind="segmentation"),
        ValueError,
        r"Mean\(mask of \(2, 2\)\): the output's grid is \(4, 4\)",
    ),
}

EXPLAINERS = {
    "one mask": (lambda: kx.LIME(num_samples=1), ValueError, "num_samples must be an int of at least 2"),
    "half a mask": (lambda: kx.LIME(num_samples=2.5), ValueError, "num_samples must be an int of at least 2"),
    "unknown fill": (lambda: kx.LIME(fill="median"), ValueError, 'fill must be "mean", "blur" or a finite number'),
    "fill with NaN": (lambda: kx.LIME(fill=float("nan")), ValueError, "fill must be .*; it is nan"),
    "fill with nothing": (lambda: kx.LIME(fill=None), ValueError, "fill must be .*; it is None"),
    "no kernel": (lambda: kx.LIME(kernel_width=0), ValueError, "kernel_width must be a number above 0; it is 0"),
    "a kernel in words": (lambda: kx.LIME(kernel_width="wide"), ValueError, "kernel_width must be a number.*'wide'"),
    "no penalty": (lambda: kx.LIME(ridge=0.0), ValueError, "ridge must be a number above 0"),
    "unknown design": (lambda: kx.LIME(design="grid"), ValueError, "design must be one of"),
    "a design of one row": (
        lambda: lime(design=one_row),
        ValueError,
        r"design must return bool masks .*shape \(1, \d+\)",
    ),
    "negative seed": (lambda: kx.LIME(seed=-1), ValueError, "seed must be .*; it is -1"),
    "unknown segments": (lambda: lime(segments="voronoi"), ValueError, r"segments must be one of \['auto'"),
    "segments of another size": (
        lambda: lime(segments=np.zeros((4, 4, 4), int)),
        ValueError,
        "4 int label maps of .*8, 8",
    ),
    "segments in one piece": (lambda: lime(segments=np.zeros((4, 8, 8), int)), ValueError, "are one piece; at least 2"),
    "too few segments": (lambda: lime(0 * X, segments="quickshift"), ValueError, r"'quickshift' finds \d .*\"grid\""),
    "no channel": (lambda: kx.Activations(channels=0), ValueError, "channels must be"),
    "an empty list of channels": (lambda: kx.Activations(channels=[]), ValueError, "channels must be"),
    "channels in words": (lambda: kx.Activations(channels="all"), ValueError, "channels must be how many, or.*'all'"),
    "a channel that is not there": (lambda: activations(channels=[0, 50]), ValueError, r"\[0, 50\]: .*has \d channels"),
    "no depth": (lambda: kx.Activations(depth=0), ValueError, "depth must be an int of at least 1; it is 0"),
    "negative drivers": (
        lambda: kx.Activations(drivers=-1),
        ValueError,
        "drivers must be an int of at least 0; it is -1",
    ),
    "activations of a vector": (lambda: activations(layers="hidden"), ValueError, "'hidden' has shape"),
    "no explain": (lambda: Lazy()(model(), X), NotImplementedError, "Lazy does not say how it explains"),
    "asks with a number": (
        lambda: method(3, None)(model(), X),
        TypeError,
        "must yield keras_xai.queries.*it yielded 3",
    ),
    "asks nothing": (lambda: Silent()(model(), X), TypeError, "returned without asking anything"),
    "maps of another number": (lambda: method(Queries(), X[:1, ..., 0])(model(), X), ValueError, "4, h, w.*1, 8, 8"),
    "the explainer's name misspelt": (lambda: kx.GradCam, AttributeError, "no attribute 'GradCam'.*'GradCAM'"),
}

QUESTIONS = {
    "unknown accumulation": (
        lambda: Queries(accumulate="sum"),
        ValueError,
        '"weighted_sum" or "moments"; it is \'sum\'',
    ),
    "perturb without rows": (lambda: Queries(perturb=same), ValueError, "perturb and rows together"),
    "weights without a sum": (
        lambda: Queries(perturb=same, rows=X, weights=X),
        ValueError,
        "weights=... belong together",
    ),
    "a sum without rows": (
        lambda: Queries(accumulate="moments"),
        ValueError,
        "sums over rows, and these queries have none",
    ),
    "rows of another number": (lambda: ask(Queries(perturb=same, rows=X[:2, :5, 0, 0])), ValueError, "n = 4 samples"),
    "gradients not asked for": (lambda: ask(Queries(activations_at(None))).gradients, ValueError, "use gradient_at"),
    "the layer of several": (
        lambda: ask(Queries(gradient_at(["conv1", "conv2"]))).activations,
        ValueError,
        r"hold the layers \['conv1', 'conv2'\]; read them from `.layers`",
    ),
}

CALLBACKS = {
    "every 0": (lambda: callback(every=0), ValueError, "every must be a number of epochs, at least 1; it is 0"),
    "every 1.5": (lambda: callback(every=1.5), ValueError, "every must be a number of epochs"),
    "no budget": (lambda: callback(budget=0), ValueError, r"share of the training time in \(0, 1\].*; it is 0"),
    "a budget in percent": (lambda: callback(budget=10), ValueError, "share of the training time.*it is 10"),
    "a budget in words": (lambda: callback(budget="little"), ValueError, "share of the training time.*'little'"),
    "unknown on_error": (lambda: callback(on_error="ignore"), ValueError, '"warn" or "raise"; it is \'ignore\''),
    "unknown verbose": (lambda: callback(verbose=7), ValueError, 'verbose must be 0, 1, 2 or "auto"; it is 7'),
    "a metric by name": (lambda: callback(metrics=["entropy"]), TypeError, "metrics must be functions.*'entropy'"),
    "one metric": (lambda: callback(metrics=len), TypeError, r"metrics must be a list of functions.*metrics=\[...\]"),
    "a name with a slash": (lambda: callback(name="a/b"), ValueError, "name is part of a TensorBoard tag.*it is 'a/b'"),
    "log_keys in one string": (lambda: callback(log_keys="xai/drift/lime"), TypeError, "log_keys must be a list"),
    "unknown explainer": (lambda: callback(explainers=["gradcam"]), ValueError, "no explainer 'gradcam'; .*'grad_cam'"),
    "a class of explainer": (lambda: callback(explainers=[kx.GradCAM]), TypeError, r"Write GradCAM\(\), with brackets"),
    "no explainer": (lambda: callback(explainers=[]), ValueError, "explainers is empty"),
    "explainers is a number": (lambda: callback(explainers=3), TypeError, "explainers must be a list of .* it is 3"),
    "no log_dir": (lambda: callback(log_dir=None), TypeError, "log_dir must be a path; it is None"),
    "bad samples": (lambda: callback(samples=X[0]), ValueError, r"single image.*x\[None\]"),
    "LIME's settings": (lambda: kx.callbacks.LIMECallback(X, num_samples=0), ValueError, "num_samples must be"),
}

RESULTS = {
    "alpha above 1": (lambda: grad_cam().overlay(alpha=2), ValueError, "alpha is an opacity from 0"),
    "vmax of another number": (
        lambda: grad_cam().overlay(vmax=[1.0, 2.0]),
        ValueError,
        "vmax must be one number or 4 of",
    ),
    "entropy of one map": (lambda: kx.metrics.entropy(X[0, ..., 0]), ValueError, r"maps must have shape \(n, h, w\)"),
    "drift between shapes": (lambda: kx.metrics.drift(X[..., 0], X[:2, ..., 0]), ValueError, "must have one shape"),
    "a slash in a log's name": (lambda: ExplanationLog("logs", "a/b", None), ValueError, "must not .* '/', got 'a/b'"),
    "maps of no cell": (lambda: ExplanationLog("logs", "a", None, resolution=0), ValueError, "at least 1, got 0"),
    "a log in a bucket": (
        lambda: ExplanationLog("gs://b", "a", None),
        ValueError,
        "only be written to a local directory",
    ),
    "no log": (lambda: read_log("nowhere"), FileNotFoundError, "no explanations in nowhere: expected event files"),
}

MAPS = X[..., 0]
PICTURES = {
    "pictures of floats": (lambda: kx.render.overlay(X, MAPS), TypeError, r"uint8 .*got float32.*\(255 \* images\)"),
    "one picture": (lambda: kx.render.overlay(PHOTOS[0], MAPS), ValueError, r"got \(8, 8, 3\). Add .*images\[None\]"),
    "maps of another size": (lambda: kx.render.overlay(PHOTOS, MAPS[:, :4]), ValueError, r"\(4, 8, 8\), .*Resize them"),
    "complex maps": (
        lambda: kx.render.overlay(PHOTOS, MAPS * 1j),
        TypeError,
        "maps must hold real numbers, got complex",
    ),
    "opacity below 0": (
        lambda: kx.render.overlay(PHOTOS, MAPS, alpha=-0.1),
        ValueError,
        "alpha is an opacity .*got -0.1",
    ),
    "scales of another number": (
        lambda: kx.render.overlay(PHOTOS, MAPS, vmax=[1, 2]),
        ValueError,
        "one number or 4 of",
    ),
    "too few captions": (lambda: montage(captions=["a"]), ValueError, "captions must hold 4 strings, .* got 1"),
    "captions in one string": (
        lambda: montage(captions="abcd"),
        TypeError,
        "captions must be a list of strings.*'abcd'",
    ),
    "no column": (lambda: montage(columns=0), ValueError, "columns must be at least 1, or None to choose, got 0"),
    "segments of floats": (lambda: montage(segments=MAPS), TypeError, "segments must be integer labels.*got float32"),
    "segments elsewhere": (
        lambda: montage(segments=PHOTOS[:1, ..., 0]),
        ValueError,
        r"segments must have shape \(4, 8, 8\)",
    ),
    "a quality of 100": (
        lambda: kx.render.jpeg(PHOTOS[0], quality=100),
        ValueError,
        "quality must be from 1 .*got 100",
    ),
    "a picture of floats": (lambda: kx.render.png(X[0]), TypeError, "to encode must be uint8, got float32"),
    "four pictures in one": (
        lambda: kx.render.png(PHOTOS),
        ValueError,
        r"shape \(height, width, 3\) .*got \(4, 8, 8, 3\)",
    ),
}


def montage(captions=("a", "b", "c", "d"), **options):
    return kx.render.montage(PHOTOS, MAPS, captions, 1.0, **options)


def twins():
    """Two backbones with layers of the same names."""
    inputs = keras.Input((8, 8, 3))
    pooled = []
    for name in ("one", "two"):
        image = keras.Input((8, 8, 3))
        backbone = keras.Model(image, keras.layers.Conv2D(2, 3, name="conv2")(image), name=name)
        pooled.append(keras.layers.GlobalAveragePooling2D()(backbone(inputs)))
    return keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Add()(pooled)))


class Spare(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv = keras.layers.Conv2D(2, 3)
        self.spare = keras.layers.Conv2D(2, 3, name="spare")
        self.spare.build((None, 8, 8, 3))
        self.out = keras.layers.Dense(3)

    def call(self, x):
        return self.out(keras.ops.mean(self.conv(x), axis=(1, 2)))


def with_a_spare():
    spare = Spare()
    spare(X)
    return spare


def flat():
    inputs = keras.Input((8, 8, 3))
    return keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(inputs)))


def siamese():
    """One convolution on the image and on its mirror image, side by side."""
    inputs = keras.Input((8, 8, 3))
    conv = keras.layers.Conv2D(4, 3, name="conv2")
    pooled = [keras.layers.GlobalAveragePooling2D()(conv(x)) for x in (inputs, keras.ops.flip(inputs, axis=2))]
    return filled(keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Concatenate()(pooled))))


def total(outputs, targets):
    return keras.ops.sum(outputs)


def one_row(num_samples, num_segments, generator):
    return np.ones((1, num_segments), bool)


def same(image, row, tables):
    return image


def ask(question):
    return engine_for(model()).answer(kx.Samples(X), [question])[0]


def method(question, raw):
    class Method(kx.Explainer):
        name = "method"

        def explain(self, samples, plan):
            yield question
            return raw

    return Method()


class Lazy(kx.Explainer):
    name = "lazy"


class Silent(kx.Explainer):
    name = "silent"

    def explain(self, samples, plan):
        return np.zeros((4, 2, 2))
        yield


GROUPS = {
    "samples": SAMPLES,
    "call": CALLS,
    "score": SCORES,
    "explainer": EXPLAINERS,
    "question": QUESTIONS,
    "callback": CALLBACKS,
    "result": RESULTS,
    "picture": PICTURES,
}


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [pytest.param(*case, id=f"{group}: {name}") for group, cases in GROUPS.items() for name, case in cases.items()],
)
def test_is_refused(call, error, words):
    with pytest.raises(error, match=f"(?s){words}"):
        call()


def test_an_explanation_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.npz"):
        kx.Explanation.load(tmp_path / "nowhere.npz")


def test_a_file_that_is_no_explanation(tmp_path):
    (tmp_path / "notes.npz").write_text("maps")
    with pytest.raises(ValueError, match="notes.npz' is not a saved keras_xai.Explanation"):
        kx.Explanation.load(tmp_path / "notes.npz")


def test_an_archive_of_something_else(tmp_path):
    np.savez(tmp_path / "weights.npz", X)
    with pytest.raises(ValueError, match="weights.npz' is not a saved keras_xai.Explanation"):
        kx.Explanation.load(tmp_path / "weights.npz")


def test_an_explanation_of_a_later_version(tmp_path):
    header = b'{"format": "keras_xai.Explanation", "version": 2, "state": {}}'
    np.savez(tmp_path / "later.npz", header=np.frombuffer(header, np.uint8))
    with pytest.raises(ValueError, match="version 2; expected 'keras_xai.Explanation' version 1.*newer keras_xai"):
        kx.Explanation.load(tmp_path / "later.npz")


def test_there_are_many():
    """Over the whole public surface; what is added to it brings wrong calls of its own."""
    assert sum(map(len, GROUPS.values())) >= 130
