"""`keras-xai audit`: folders of images in, verified reliance out."""

import keras
import numpy as np
import pytest
from PIL import Image

from keras_xai.cli import main
from keras_xai.commands.image_folders import choose_images, find_classes, numbered_classes
from keras_xai.log import read_log
from tests.spurious.known_models import CLASSES, SIZE, cornered, images

NAMES = ["ant", "bee", "cat", "dog"]


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """A model that tells ants by a bright corner, and a folder of images for each of its classes."""
    directory = tmp_path_factory.mktemp("audit")
    cornered().save(directory / "model.keras")
    pixels, labels = images()
    for number, (image, label) in enumerate(zip(pixels, labels, strict=True)):
        folder = directory / "images" / NAMES[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.round(image[..., 0] * 255).astype(np.uint8)).save(folder / f"{number:03}.png")
    return directory


@pytest.fixture
def here(directory, monkeypatch):
    monkeypatch.chdir(directory)
    return directory


def refusal(capsys, *arguments):
    assert main(["audit", *arguments]) == 2
    return capsys.readouterr().err


def test_it_finds_the_corner_says_so_and_writes_it_down(here, capsys):
    assert main(["audit", "model.keras", "images", "--log-dir", "logs"]) == 0
    printed = capsys.readouterr().out
    assert f"160 images of 4 classes as {SIZE}x{SIZE}x1, preprocessed: unit" in printed
    assert "The model recognises 100% of them." in printed
    assert "4/4" in printed
    assert "recognises 'ant' by a small region" in printed
    assert not any(f"recognises {name!r}" in printed for name in NAMES[1:])
    summary = (here / "logs/audit.md").read_text(encoding="utf-8")
    assert "**Alert**" in summary
    assert "'ant'" in summary
    (alert,) = [record for record in read_log("logs") if record["kind"] == "alert"]
    assert alert["class_index"] == 0
    top, left, height, width = alert["region"]
    assert top + height <= SIZE / 2 <= left + 1
    # The corner is the last three of the first three rows.
    assert max(0, 3 - top) * max(0, min(left + width, SIZE) - max(left, 9)) >= 4


def test_a_limit_holds_for_every_class_and_quiet_says_only_what_was_found(here, capsys):
    arguments = ["audit", "model.keras", "images", "--limit", "16", "--log-dir", "few"]
    assert main(arguments) == 0
    assert "64 images of 4 classes" in capsys.readouterr().out
    assert main([*arguments, "--quiet"]) == 0
    printed = capsys.readouterr().out
    assert "images of 4 classes" not in printed
    assert "few/audit.md" in printed


def test_classes_are_numbered_as_keras_numbers_folders(here):
    names = find_classes("images")
    assert names == keras.utils.image_dataset_from_directory("images", verbose=0).class_names == NAMES
    assert numbered_classes(names, None, CLASSES) == {"ant": 0, "bee": 1, "cat": 2, "dog": 3}
    assert numbered_classes(["dog", "ant"], ["ant", "bee", "cat", "dog"], 4) == {"dog": 3, "ant": 0}


def test_images_are_drawn_from_every_folder(here):
    paths, labels = choose_images("images", {"ant": 0, "cat": 2}, limit=7)
    assert labels == [0] * 7 + [2] * 7
    assert [path.parent.name for path in paths] == ["ant"] * 7 + ["cat"] * 7
    assert len(set(paths)) == 14
    other, _ = choose_images("images", {"ant": 0, "cat": 2}, limit=7, seed=1)
    assert set(paths) != set(other)


def test_a_directory_without_folders(here, capsys):
    assert "There is no directory 'nowhere'; expected one with a folder" in refusal(capsys, "model.keras", "nowhere")
    assert "'images/ant' holds no folder; expected a folder of images" in refusal(capsys, "model.keras", "images/ant")


def test_folders_and_classes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"There are 2 folders \(ant, bee\), but the model has 4 classes"):
        numbered_classes(["ant", "bee"], None, 4)
    with pytest.raises(ValueError, match="--class-names holds 2 names, but the model has 4 classes"):
        numbered_classes(["ant"], ["ant", "bee"], 4)
    with pytest.raises(ValueError, match="--class-names lacks the folders emu; it has ant, bee"):
        numbered_classes(["ant", "emu"], ["ant", "bee"], 2)


def test_one_folder_is_not_enough(tmp_path):
    (tmp_path / "only").mkdir()
    (tmp_path / ".hidden").mkdir()
    with pytest.raises(ValueError, match="holds the one folder 'only'"):
        find_classes(str(tmp_path))


def test_a_model_that_does_not_classify(here, capsys):
    keras.Sequential([keras.Input((SIZE, SIZE, 1)), keras.layers.Conv2D(2, 3)]).save("maps.keras")
    assert "expected one score per class, (batch, classes)" in refusal(capsys, "maps.keras", "images")
