"""`keras-xai explain`: the maps are those of the library, on the pixels that it says it used."""

import sys

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

import keras_xai as kx
from keras_xai.cli import main
from keras_xai.commands.images import find_images, read_images
from keras_xai.commands.preprocessing import preprocessing
from keras_xai.commands.saved_model import image_shape, load_model
from tests.models import filled


def network(shape=(8, 12, 3), rescaling=False, data_format="channels_last"):
    inputs = keras.Input(shape)
    x = layers.Rescaling(1 / 255)(inputs) if rescaling else inputs
    x = layers.Conv2D(4, 3, padding="same", activation="relu", data_format=data_format, name="conv")(x)
    x = layers.Conv2D(4, 3, padding="same", activation="relu", data_format=data_format, name="top")(x)
    x = layers.GlobalAveragePooling2D(data_format=data_format)(x)
    return filled(keras.Model(inputs, layers.Dense(3, "softmax")(x)))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A model, two pictures of its size, and the names of its classes."""
    monkeypatch.chdir(tmp_path)
    network().save("model.keras")
    (tmp_path / "photos").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (2, 8, 12, 3), np.uint8)
    for name, image in zip(("a", "b"), pixels, strict=True):
        Image.fromarray(image).save(f"photos/{name}.png")
    (tmp_path / "classes.txt").write_text("cat\ndog\ncup\n")
    return tmp_path, pixels


def explain(*arguments):
    assert main(["explain", "model.keras", "photos", *arguments]) == 0


def refusal(capsys, *arguments):
    assert main(["explain", *arguments]) == 2
    return capsys.readouterr().err


def test_it_writes_the_maps_of_the_library_and_a_page(folder, capsys):
    directory, pixels = folder
    explain("--method", "hires_cam")
    found = kx.Explanation.load("explanations/hires_cam.npz")
    expected = kx.HiResCAM()(keras.models.load_model("model.keras"), pixels.astype("float32") / 255)
    np.testing.assert_allclose(found.maps, expected.maps, atol=1e-6)
    assert found.names == ["a.png", "b.png"]
    np.testing.assert_array_equal(found.images, pixels)
    page = np.asarray(Image.open("explanations/hires_cam.png"))
    assert page.std() > 10
    printed = capsys.readouterr().out
    assert "2 images as 8x12x3, preprocessed: unit" in printed
    predicted = expected.predictions.argmax(axis=1)
    for name, row, index in zip(found.names, expected.predictions, predicted, strict=True):
        assert f"{name}  {index}  {row[index]:6.1%}" in printed
    assert "(layer top)" in printed


def test_layer_target_and_output(folder):
    explain("--layer", "conv", "--target", "dog", "--class-names", "classes.txt", "--out", "here", "--quiet")
    found = kx.Explanation.load("here/grad_cam.npz")
    assert found.details["layer"] == "conv"
    assert found.targets.tolist() == [1, 1]
    assert found.class_names == ["cat", "dog", "cup"]


def test_several_methods_with_a_bar_for_the_long_one(folder, capsys):
    explain("--method", "grad_cam", "--method", "lime", "--target", "2")
    printed = capsys.readouterr().out
    assert "256/256" in printed  # two pictures, 128 passes each
    assert "pass" in printed
    lime = kx.Explanation.load("explanations/lime.npz")
    assert lime.targets.tolist() == [2, 2]


def test_quiet_names_only_what_it_wrote(folder, capsys):
    explain("--method", "lime", "--quiet")
    assert capsys.readouterr().out == "lime: explanations/lime.png, explanations/lime.npz\n"


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_grey_and_channels_first(data_format, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shape = (9, 7, 1) if data_format == "channels_last" else (1, 9, 7)
    if data_format == "channels_first" and keras.config.backend() == "tensorflow":
        height, width, channels, first = image_shape(network(shape, data_format=data_format))
        assert (height, width, channels, first) == (9, 7, 1, True)  # its convolutions cannot run on a CPU
        return
    network(shape, data_format=data_format).save("model.keras")
    Image.new("RGB", (70, 90), "red").save("red.jpg")
    assert main(["explain", "model.keras", "red.jpg", "--quiet"]) == 0
    assert kx.Explanation.load("explanations/grad_cam.npz").maps.shape == (1, 9, 7)


def test_pictures_are_turned_upright_and_resized(tmp_path):
    picture = Image.new("RGB", (40, 20))  # 40 wide
    picture.paste((255, 0, 0), (0, 0, 20, 20))  # its left half is red
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise: left becomes top
    picture.save(tmp_path / "turned.png", exif=exif)
    (image,) = read_images([tmp_path / "turned.png"], (8, 4), 3)
    assert image.shape == (8, 4, 3)
    assert (image[:3] == [255, 0, 0]).all()
    assert not image[5:].any()


def test_folders_are_read_by_name(tmp_path):
    for name in ("b.png", "a.JPG", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in find_images([str(tmp_path)])] == ["a.JPG", "b.png"]


def double(pixels):
    return 2 * pixels


def crop(pixels):
    return pixels[:, 1:]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("none", [0, 51, 255]),
        ("unit", [0, 0.2, 1]),
        ("symmetric", [-1, -0.6, 1]),
        (f"{__name__}:double", [0, 102, 510]),
    ],
)
def test_preprocessing(choice, expected):
    pixels = np.array([0, 51, 255], np.uint8).reshape(1, 1, 1, 3)
    function, name = preprocessing(choice, None)
    np.testing.assert_allclose(function(pixels).ravel(), expected, atol=1e-6)
    assert function(pixels).dtype == np.float32
    assert name == choice


def test_the_statistics_of_imagenet():
    pixels = np.array([124, 116, 104], np.uint8).reshape(1, 1, 1, 3)
    torch_like = preprocessing("torch", None)[0](pixels)
    np.testing.assert_allclose(
        torch_like.ravel(), (np.array([124, 116, 104]) / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225], atol=1e-6
    )
    caffe = preprocessing("caffe", None)[0](pixels)
    np.testing.assert_allclose(caffe.ravel(), [104 - 103.939, 116 - 116.779, 124 - 123.68], atol=1e-4)


def test_the_default_looks_for_a_layer_that_rescales():
    assert preprocessing(None, network())[1] == "unit"
    assert preprocessing(None, network(rescaling=True))[1] == "none"


def test_a_layer_of_ones_own_is_imported(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_layers.py").write_text(
        "import keras\n"
        "@keras.saving.register_keras_serializable('my')\n"
        "class Own(keras.layers.Layer):\n"
        "    def call(self, x): return 2 * x\n"
    )
    sys.path.insert(0, str(tmp_path))
    import my_layers

    inputs = keras.Input((8, 8, 3))
    x = my_layers.Own()(layers.Conv2D(2, 3)(inputs))
    keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(x))).save("own.keras")
    keras.saving.get_custom_objects().clear()
    del sys.modules["my_layers"]
    with pytest.raises(ValueError, match="Keras cannot load 'own.keras'.*name their module with --import"):
        load_model("own.keras")
    assert load_model("own.keras", ["my_layers"]).count_params() == 62


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["model.keras", "nowhere.png"], "There is no image 'nowhere.png': no such file or folder."),
        (["model.keras", "empty"], r"The folder 'empty' holds no images (.jpg"),
        (["model.keras", "classes.txt"], "'classes.txt' cannot be read as an image"),
        (["nowhere.keras", "photos"], "There is no model file 'nowhere.keras'."),
        (["photos", "photos"], "There is no model file 'photos'. It is a folder; save the model to one file"),
        (["classes.txt", "photos"], "Keras cannot load 'classes.txt'"),
        (["model.keras", "photos", "--method", "magic"], "--method magic: there is no such method; there are"),
        (["model.keras", "photos", "--method", "lime", "--layer", "conv"], "--layer conv: lime looks at no layer"),
        (["model.keras", "photos", "--layer", "convv"], "convv"),
        (["model.keras", "photos", "--target", "dog"], "--target dog: expected a class number or 'predicted'; a name"),
        (["model.keras", "photos", "--target", "7"], "targets[0] is 7, but the explained output has 3 classes"),
        (["model.keras", "photos", "--preprocess", "magic"], "--preprocess magic: expected one of none, unit"),
        (["model.keras", "photos", "--preprocess", "nowhere:f"], "The module 'nowhere' cannot be imported"),
        (["model.keras", "photos", "--preprocess", "os:f"], "--preprocess os:f: the module 'os' has no function 'f'"),
        (["model.keras", "photos", "--preprocess", f"{__name__}:crop"], "it must keep the shape"),
        (["model.keras", "photos", "--image-size", "9x9"], "takes images of 8x12, not of 9x9"),
        (["model.keras", "photos", "--class-names", "nowhere.txt"], "No such file or directory: 'nowhere.txt'"),
        (["any.keras", "photos"], "takes images of any size; choose one with --image-size"),
        (["vector.keras", "photos"], "takes inputs of shape (None, 4); expected one image input"),
        (["five.keras", "photos"], "takes images of 5 channels; image files have 1 (grey) or 3 (RGB)"),
    ],
)
def test_bad_arguments_are_refused(arguments, message, folder, capsys):
    directory, _ = folder
    (directory / "empty").mkdir()
    if arguments[0] == "any.keras":
        network((None, None, 3)).save("any.keras")
    if arguments[0] == "vector.keras":
        keras.Sequential([keras.Input((4,)), layers.Dense(2)]).save("vector.keras")
    if arguments[0] == "five.keras":
        network((8, 8, 5)).save("five.keras")
    assert message in refusal(capsys, *arguments)


def test_a_model_of_any_size_is_told_one(folder):
    network((None, None, 3)).save("any.keras")
    assert main(["explain", "any.keras", "photos", "--image-size", "10x6", "--quiet"]) == 0
    assert kx.Explanation.load("explanations/grad_cam.npz").maps.shape == (2, 10, 6)


def test_a_mistyped_size_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["explain", "m", "i", "--image-size", "224"])
    assert "expected HEIGHTxWIDTH such as 224x224, got '224'" in capsys.readouterr().err
