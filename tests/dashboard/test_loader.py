"""How TensorBoard gets the plugin, and that it lives on without it."""

import argparse
import logging
import pathlib
import subprocess
import sys
import types

import pytest

from keras_xai.dashboard.loader import Loader
from keras_xai.dashboard.plugin import ExplanationsPlugin
from tests.browser.tensorboard_process import tensorboard
from tests.dashboard.answers import get
from tests.test_backend_rule import imported

DASHBOARD = pathlib.Path(__file__).parents[2] / "keras_xai" / "dashboard"
HEAVY = {"keras", "tensorflow", "jax", "torch", "skimage", "sklearn", "PIL"}


def context(provider=None):
    return types.SimpleNamespace(data_provider=provider, multiplexer=None, flags=None)


def test_only_what_tensorboard_brings_is_imported():
    allowed = {"tensorboard", "werkzeug", "google", "numpy", "keras_xai", *sys.stdlib_module_names}
    files = [*DASHBOARD.rglob("*.py"), DASHBOARD.parent / "event_files.py"]
    assert len(files) > 10
    assert {
        path.name: imported(path.read_text()) - allowed for path in files if imported(path.read_text()) - allowed
    } == {}
    for path in files:
        for line in path.read_text().splitlines():
            if line.startswith(("from keras_xai", "import keras_xai")):
                assert line.startswith(("from keras_xai.dashboard.", "from keras_xai.event_files "))


@pytest.mark.parametrize(
    ("module", "heavy"), [("loader", {"numpy", "werkzeug", *HEAVY}), ("plugin", HEAVY), ("report", HEAVY)]
)
def test_a_fresh_interpreter_loads_nothing_heavy(module, heavy):
    code = f"import sys, keras_xai.dashboard.{module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert f"keras_xai.dashboard.{module}" in loaded
    assert not loaded & heavy


def test_the_newest_value_of_a_record_is_kept_unless_the_user_says_otherwise():
    flags = argparse.Namespace(samples_per_plugin={"images": 7})
    Loader().fix_flags(flags)
    assert flags.samples_per_plugin == {"images": 7, "keras_xai": 1}
    flags.samples_per_plugin["keras_xai"] = 5
    Loader().fix_flags(flags)
    assert flags.samples_per_plugin["keras_xai"] == 5
    Loader().fix_flags(argparse.Namespace())


def test_a_plugin_is_loaded():
    plugin = Loader().load(context(provider=object()))
    assert isinstance(plugin, ExplanationsPlugin)
    assert (plugin.plugin_name, plugin.is_active()) == ("keras_xai", False)
    assert plugin.frontend_metadata().es_module_path in plugin.get_plugin_apps()


def test_without_data_provider_there_is_no_plugin(caplog):
    with caplog.at_level(logging.WARNING, "tensorboard"):
        assert Loader().load(context()) is None
    (record,) = caplog.records
    assert record.getMessage() == (
        "TensorBoard has no Explanations tab (keras_xai): "
        "ValueError: TensorBoard runs without a data provider (--generic_data=false)"
    )


def test_a_broken_plugin_is_one_line_and_no_tab(caplog, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_xai.dashboard.plugin", None)
    with caplog.at_level(logging.WARNING, "tensorboard"):
        assert Loader().load(context(provider=object())) is None
    (record,) = caplog.records
    assert "\n" not in record.getMessage()
    assert "TensorBoard has no Explanations tab (keras_xai): ModuleNotFoundError" in record.getMessage()


def test_tensorboard_lives_without_us(tmp_path):
    """The installed package, with the plugin's module broken on purpose."""
    with tensorboard(tmp_path, "false", without=["keras_xai.dashboard.plugin"]) as address:
        assert get(f"{address}data/plugins_listing")[0] == 200
        assert get(f"{address}data/plugin/keras_xai/index")[0] == 404
        assert get(f"{address}data/runs")[2] == b"[]"
