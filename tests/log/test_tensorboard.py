"""Reading back through TensorBoard itself, next to what keras.callbacks.TensorBoard writes."""

import json
import os
import re
import subprocess
import sys
import time
import types
import urllib.error
import urllib.parse
import urllib.request
import warnings

import numpy as np
import pytest
from log_stand_ins import make_activations, make_explanation, make_lime, make_samples
from tensorboard.backend.event_processing import data_ingester, event_accumulator
from tensorboard.context import RequestContext
from tensorboard.data import provider, server_ingester
from tensorboard.util import grpc_util

from keras_xai.log import ExplanationLog, parse, read_log

RUN = "explanations"
EPOCHS = 12
DEADLINE = 120  # seconds; only a broken TensorBoard takes that long


@pytest.fixture(scope="module")
def log_dir(tmp_path_factory):
    """Twelve epochs of ours beside two of Keras's own callback."""
    import keras

    directory = tmp_path_factory.mktemp("logs")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    data = np.zeros((4, 2), np.float32), np.zeros((4, 1), np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Keras and NumPy among themselves
        model.fit(*data, validation_data=data, epochs=2, verbose=0, callbacks=[keras.callbacks.TensorBoard(directory)])

    samples = make_samples(2)
    log = ExplanationLog(directory, "explanations", samples, session="abc", epochs=EPOCHS)
    log.baseline({"grad_cam": make_explanation(samples, seed=99)})
    for epoch in range(EPOCHS):
        explanations = {
            "grad_cam": make_explanation(samples, seed=epoch),
            "lime": make_lime(samples, seed=epoch),
            "activations": make_activations(samples, seed=epoch),
        }
        log.epoch(epoch, explanations, {"grad_cam": {"entropy": np.full(2, epoch / 4)}}, {"loss": 1.0})
    log.text("xai/alerts", 5, "**Class 6** is read off the corner.")
    alert = {"epoch": 5, "class_index": 6, "cue": "local", "severity": "alert", "sentence": "x"}
    log.alert(alert, [np.zeros((8, 8, 3), np.uint8)])
    log.finish()
    return directory


def poll(read, is_complete):
    """Loading goes on in the background: asks until it is complete."""
    end = time.monotonic() + DEADLINE
    while not is_complete(answer := read()):
        assert time.monotonic() < end, f"TensorBoard still says {answer!r}"
    return answer


def assert_blobs_are_whole(data_provider, log_dir):
    """Every record is there, with its plugin_content, and its blobs are those that were written."""
    context = RequestContext()
    tags = poll(
        lambda: (
            data_provider.list_blob_sequences(context, experiment_id="", plugin_name="keras_xai")
            if any(run.run_name == RUN for run in data_provider.list_runs(context, experiment_id=""))
            else {}
        ).get(RUN, {}),
        lambda tags: len(tags) == 3 + 2 * EPOCHS,
    )
    records = {record["tag"]: record for record in read_log(log_dir)}
    assert set(tags) == set(records)
    for tag, series in tags.items():
        content = json.loads(series.plugin_content)
        assert (content["version"], content["session"], content["name"]) == (1, "abc", "explanations")
        assert content["kind"] == records[tag]["kind"]
        assert content["epoch"] == records[tag].get("epoch")
    wanted = provider.RunTagFilter(runs=[RUN], tags=list(tags))
    read = data_provider.read_blob_sequences(
        context, experiment_id="", plugin_name="keras_xai", downsample=10, run_tag_filter=wanted
    )[RUN]
    for tag, data in read.items():
        blobs = [data_provider.read_blob(context, blob_key=reference.blob_key) for reference in data[-1].values]
        record = parse(blobs)
        assert record["kind"] == records[tag]["kind"]
        if record["kind"] == "epoch":
            np.testing.assert_array_equal(record["maps"][0]["values"], records[tag]["maps"][0]["values"])
    assert set(read) == set(tags)


def test_event_accumulator(log_dir):
    accumulator = event_accumulator.EventAccumulator(str(log_dir / RUN), size_guidance={"tensors": 0})
    accumulator.Reload()
    tags = accumulator.Tags()["tensors"]
    assert len([tag for tag in tags if tag.startswith("keras_xai/")]) == 3 + 2 * EPOCHS
    curve = accumulator.Tensors("xai/entropy/grad_cam")
    assert [event.step for event in curve] == list(range(EPOCHS))
    assert [event.tensor_proto.float_val[0] for event in curve] == [epoch / 4 for epoch in range(EPOCHS)]


def test_python_loader(log_dir):
    flags = types.SimpleNamespace(
        logdir=str(log_dir),
        logdir_spec="",
        samples_per_plugin={},
        purge_orphaned_data=True,
        max_reload_threads=1,
        reload_multifile=False,
        detect_file_replacement=None,
        reload_interval=0,
        reload_task="blocking",
    )
    ingester = data_ingester.LocalDataIngester(flags)
    ingester.start()
    assert_blobs_are_whole(ingester.data_provider, log_dir)


def test_rust_loader(log_dir, tmp_path):
    port_file = tmp_path / "port"
    command = [server_ingester.get_server_binary().path, f"--logdir={log_dir}", "--port=0", f"--port-file={port_file}"]
    with subprocess.Popen([*command, "--reload=1", "--die-after-stdin"], stdin=subprocess.PIPE):
        port = poll(lambda: port_file.read_text() if port_file.exists() else "", lambda text: text.endswith("\n"))
        ingester = server_ingester.ExistingServerDataIngester(
            f"localhost:{int(port)}", channel_creds_type=grpc_util.ChannelCredsType.LOCAL
        )
        ingester.start()
        assert_blobs_are_whole(ingester.data_provider, log_dir)


@pytest.fixture(scope="module", params=["true", "false"])
def address(request, log_dir):
    """A real TensorBoard, with the Rust data server and without."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(log_dir), "--port", "0"]
    command += [f"--load_fast={request.param}", "--reload_interval", "1"]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = []
    try:
        for line in process.stdout:
            said.append(line)
            if found := re.search(r"http://localhost:\d+/", line):
                yield found[0]
                break
        else:
            pytest.fail("TensorBoard did not start:\n" + "".join(said))
    finally:
        process.terminate()
        process.communicate(timeout=60)


def get(address, route, **query):
    try:
        with urllib.request.urlopen(f"{address}data/{route}?{urllib.parse.urlencode(query)}", timeout=60) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        if error.code not in (400, 404):  # not loaded yet
            raise
        return b"{}"


def get_json(address, route, **query):
    return json.loads(get(address, route, **query))


def test_stock_tabs_over_http(address):
    runs = poll(lambda: get_json(address, "runs"), lambda runs: {RUN, "train", "validation"} <= set(runs))
    assert set(runs) == {RUN, "train", "validation"}

    tags = poll(lambda: get_json(address, "plugin/scalars/tags"), lambda tags: len(tags) == 3)
    assert set(tags[RUN]) == {"xai/entropy/grad_cam"}
    assert {"epoch_loss"} <= set(tags["train"])
    assert {"epoch_loss"} <= set(tags["validation"])
    curve = poll(
        lambda: get_json(address, "plugin/scalars/scalars", run=RUN, tag="xai/entropy/grad_cam"),
        lambda curve: len(curve) == EPOCHS,
    )
    assert [(step, value) for _, step, value in curve] == [(epoch, epoch / 4) for epoch in range(EPOCHS)]

    images = poll(lambda: get_json(address, "plugin/images/tags"), lambda images: len(images.get(RUN, {})) == 6)[RUN]
    assert set(images) == {
        f"{group}/{method}" for group in ("explanations", "filmstrip") for method in ("grad_cam", "lime", "activations")
    }
    drawn = poll(
        lambda: get_json(address, "plugin/images/images", run=RUN, tag="explanations/lime", sample=0),
        lambda drawn: [picture["step"] for picture in drawn] == [0, 2, 3, 4, 6, 7, 8, 10, 11],
    )
    picture = get(address, "plugin/images/individualImage", **dict(urllib.parse.parse_qsl(drawn[-1]["query"])))
    assert picture[:3] == b"\xff\xd8\xff"

    text = poll(
        lambda: get_json(address, "plugin/text/text", run=RUN, tag="xai/alerts"),
        lambda text: isinstance(text, list) and text,
    )
    assert [entry["step"] for entry in text] == [5]
    assert "<strong>Class 6</strong> is read off the corner." in text[0]["text"]
