import pathlib
import tomllib

import pytest

from keras_xai.dashboard.refusal import Refusal
from keras_xai.dashboard.static_files import read_static, static_files

ROOT = pathlib.Path(__file__).parents[2]
STATIC = ROOT / "keras_xai" / "dashboard" / "static"


def test_every_file_of_the_front_end_may_be_served():
    files = static_files()
    assert files.keys() == {path.name for path in STATIC.iterdir()}
    assert files["index.js"] == "text/javascript"
    assert files["style.css"] == "text/css"
    assert read_static("index.js") == ((STATIC / "index.js").read_bytes(), "text/javascript")


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../plugin.py", "/etc/passwd", "static/index.js", "index.js/", "INDEX.JS", "index.js\x00"]
)
def test_nothing_else_may(name):
    with pytest.raises(Refusal, match="The Explanations tab has no file") as refused:
        read_static(name)
    assert refused.value.status == 404


def test_the_front_end_is_part_of_the_package():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packed = {path for pattern in settings["package-data"]["keras_xai"] for path in (ROOT / "keras_xai").glob(pattern)}
    assert set(STATIC.iterdir()) <= packed
    assert (ROOT / "keras_xai" / "dashboard" / "__init__.py").exists()  # packages are found by it
