"""The command line: worth reading, quick to help, and clear about what to change."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import keras_xai
from keras_xai.cli import main
from keras_xai.commands.starting_keras import check_backend

REPOSITORY = Path(__file__).parents[2]


def run(*arguments, cwd, **environment):
    """The command in a process of its own, as a user runs it."""
    settings = os.environ | {"PYTHONPATH": str(REPOSITORY)} | environment
    return subprocess.run(
        [sys.executable, "-m", "keras_xai.cli", *arguments], cwd=cwd, env=settings, capture_output=True, text=True
    )


def refusal(capsys, *arguments):
    """What is said when arguments are refused."""
    assert main(arguments) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert "Traceback" not in output.err
    return output.err


@pytest.fixture
def keras_home(tmp_path, monkeypatch):
    """A directory for keras.json, with no KERAS_BACKEND to overrule it."""
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    return tmp_path


def test_help_loads_nothing_heavy():
    code = (
        "import sys\n"
        "from keras_xai.cli import main\n"
        "try: main(['demo', '--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "print({'keras', 'numpy', 'tensorboard', 'tensorflow', 'jax', 'torch', 'skimage'} & set(sys.modules))\n"
    )
    output = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert output.stdout.splitlines()[-1] == "set()"


@pytest.mark.parametrize("arguments", [["--help"], *([command, "--help"] for command in ("demo", "explain", "audit"))])
def test_help_fits_into_80_columns_and_a_plain_terminal(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert max(len(line) for line in text.splitlines()) <= 80
    assert text.isascii()


def test_demo_help_says_what_how_long_and_what_it_writes(capsys):
    with pytest.raises(SystemExit):
        main(["demo", "--help"])
    text = capsys.readouterr().out
    for needed in ("shortcut", "about two minutes", "filmstrip.png", "keras-xai demo --serve", "--log-dir", "--epochs",
                   "--seed", "--port", "--quiet"):  # fmt: skip
        assert needed in text


def test_without_a_command_the_help_is_shown(capsys):
    assert main([]) == 0
    assert "demo" in capsys.readouterr().out


def test_version(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"keras-xai {keras_xai.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["demo", "--epochs", "0"], "argument --epochs: expected a whole number of 1 or more, got '0'"),
        (["demo", "--epochs", "many"], "argument --epochs: expected a whole number of 1 or more, got 'many'"),
        (["demo", "--seed", "-1"], "argument --seed: expected a whole number of 0 or more, got '-1'"),
        (["dance"], "invalid choice: 'dance'"),
    ],
)
def test_mistyped_arguments_end_with_code_2(arguments, message, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert message in capsys.readouterr().err


def test_a_directory_in_use_is_refused(tmp_path, capsys):
    (tmp_path / "events").touch()
    message = refusal(capsys, "demo", "--log-dir", str(tmp_path))
    assert message.startswith("keras-xai demo: The log directory")
    assert "Delete it, or give another one with --log-dir." in message


def test_a_port_out_of_range_is_refused(tmp_path, capsys):
    message = refusal(capsys, "demo", "--log-dir", str(tmp_path), "--serve", "--port", "70000")
    assert "between 1 and 65535" in message


def test_traceback_on_request(tmp_path):
    (tmp_path / "events").touch()
    with pytest.raises(ValueError, match="is not empty"):
        main(["demo", "--log-dir", str(tmp_path), "--traceback"])


def test_a_missing_package_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert main(["demo", "--log-dir", str(tmp_path), "--quiet"]) == 2
    assert "The package 'sklearn.datasets' is missing. Mend" in capsys.readouterr().err


def test_ctrl_c_ends_without_a_traceback(monkeypatch, capsys):
    def interrupted(**arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("keras_xai.demo.run.run", interrupted)
    assert main(["demo"]) == 130
    assert capsys.readouterr().err == "\nStopped.\n"


def test_a_backend_without_gradients_is_refused(monkeypatch, capsys):
    monkeypatch.setenv("KERAS_BACKEND", "numpy")
    message = refusal(capsys, "demo")
    assert "The environment variable KERAS_BACKEND names the Keras backend 'numpy'" in message
    assert "runs on tensorflow, jax, torch. Choose one that is installed" in message


def test_a_backend_that_is_not_installed_is_refused_with_those_that_are(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "jax", None)  # as if it were not there
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    message = refusal(capsys, "demo")
    assert "'jax', which is not installed" in message
    assert "for instance KERAS_BACKEND=tensorflow keras-xai" in message


def test_no_backend_at_all_says_what_to_install(monkeypatch):
    for name in ("tensorflow", "jax", "torch"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    with pytest.raises(ValueError, match="pip install tensorflow"):
        check_backend()


def test_keras_json_is_read_where_keras_reads_it(keras_home):
    (keras_home / "keras.json").write_text('{"backend": "theano"}')
    with pytest.raises(
        ValueError, match=re.escape(f"The file {keras_home / 'keras.json'} names the Keras backend 'thea")
    ):
        check_backend()


def test_the_environment_variable_overrules_keras_json(keras_home, monkeypatch):
    (keras_home / "keras.json").write_text('{"backend": "theano"}')
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    check_backend()


@pytest.mark.parametrize("content", [None, "not json", "[]", "{}"])
def test_without_a_readable_keras_json_the_default_counts(content, keras_home, monkeypatch):
    if content is not None:
        (keras_home / "keras.json").write_text(content)
    check_backend()
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(
        ValueError, match="Keras's default names the Keras backend 'tensorflow', which is not installed"
    ):
        check_backend()


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Two epochs of the demo, run as a user runs it."""
    directory = tmp_path_factory.mktemp("demo")
    return directory, run("demo", "--log-dir", "here", "--epochs", "2", cwd=directory)


def test_the_demo_shows_the_shortcut(demo):
    _, finished = demo
    assert finished.returncode == 0, finished.stderr
    epoch, _, held_out, with_sticker, without, corner = re.search(
        r"^ +(1)" + r" +([\d.]+)%" * 5 + "$", finished.stdout, re.MULTILINE
    ).groups()
    assert float(held_out) > 40
    assert float(with_sticker) > 80
    assert float(without) < 40
    assert float(corner) > 20  # the corner is 10 % of the picture
    text = " ".join(finished.stdout.split())
    assert f"{with_sticker}% of the 7s are recognised; without it, in the very same pictures, {without}%." in text
    assert "gave the shortcut away" in text


def test_the_demo_ends_with_a_verified_alert(demo):
    directory, finished = demo
    from keras_xai.log import read_log

    text = " ".join(finished.stdout.split())
    assert "Alert after epoch 1. The model recognises '7' by a spurious feature, a place that was marked" in text
    assert "at the bottom right" in text
    (alert,) = [
        record
        for record in read_log(directory / "here")
        if record["kind"] == "alert" and (record["class_index"], record["severity"]) == (7, "alert")
    ]
    assert alert["epoch"] == 1
    top, left, height, width = alert["region"]
    on_it = (top + height - max(top, 26)) * (left + width - max(left, 26))  # the sticker is the last 6 pixels both ways
    assert on_it / (height * width + 36 - on_it) > 0.5


def test_the_demo_is_readable_in_any_terminal(demo):
    _, finished = demo
    assert finished.stdout.isascii()
    assert "\x1b" not in finished.stdout
    assert max(len(line) for line in finished.stdout.splitlines()) <= 80
    assert finished.stderr == ""


def test_the_demo_names_the_pictures_it_wrote(demo):
    directory, finished = demo
    named = re.findall(r"^    (here/.*\.png)$", finished.stdout, re.MULTILINE)
    assert named[0] == "here/filmstrip.png"
    assert sorted(named) == ["here/filmstrip-activations.png", "here/filmstrip-lime.png", "here/filmstrip.png"]
    for name in named:
        picture = np.asarray(Image.open(directory / name))
        assert picture.shape[0] > 13 * 32  # a row for each sample
        assert picture.std() > 10
    assert "    tensorboard --logdir here\n" in finished.stdout


def test_the_demo_wrote_what_tensorboard_shows(demo):
    directory, _ = demo
    from keras_xai.log import read_log

    epoch = next(record for record in read_log(directory / "here") if record["kind"] == "epoch")
    assert {entry["method"] for entry in epoch["maps"]} == {"grad_cam", "lime", "activations"}
    # Two pairs of one 7 with and without the sticker, then one of each other digit.
    predicted = [sample["predicted"] for sample in epoch["samples"]]
    assert len(predicted) == 13
    assert predicted[0] == predicted[2] == 7
    assert 7 not in (predicted[1], predicted[3])
    assert epoch["logs"]["val_accuracy"] > 0.4
