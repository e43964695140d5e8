"""Two processes with two devices each explain together, and one of them writes."""

import json
import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from keras_xai.log import read_log
from tests.requirements import require_backend
from tests.training.running import samples
from tests.training.test_distribution import METHODS, network

ROOT = Path(__file__).parents[2]
SECONDS = 240  # a run takes about 20; a deadlock ends here

FIT = """
    import json
    import sys
    import warnings
    from pathlib import Path
    import jax
    import keras
    import numpy as np

    number, address, out = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    jax.distributed.initialize(address, 2, number)
    # Each process feeds its own data; these are the same ones.
    keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))
    keras.utils.set_random_seed(0)

    import keras_xai as kx
    from keras_xai.backend import compiling
    from tests.training.networks import compiled
    from tests.training.running import fit, samples, told
    from tests.training.test_distribution import METHODS, network

    model = compiled(network())
    explaining = kx.callbacks.ExplanationCallback(samples(6), METHODS[:2], log_dir=out / "log", on_error="raise")
    monitor = kx.callbacks.SpuriousFeatureMonitor(samples(48), out / "log", on_error="raise")
    warned = told(lambda: fit(model, [explaining, monitor]))

    parts, spread = [], compiling.spread

    def watched(arguments, whole):
        laid = spread(arguments, whole)
        parts.append([len(shard.data) for shard in laid["candidates"].addressable_shards])
        return laid

    compiling.spread = watched
    maps = {method.name: method(model, samples(6)).raw for method in METHODS}
    np.savez(out / "maps.npz", **maps, **{f"fit/{name}": one.raw for name, one in explaining.explanations.items()})
    np.savez(out / "weights.npz", *[weight.value.addressable_data(0) for weight in model.weights])
    try:
        kx.explain_dataset(model, samples(6).x, "grad_cam", out / "maps")
    except RuntimeError as error:
        refused = str(error)
    told = {"devices": len(jax.devices()), "parts": parts, "warned": warned, "refused": refused}
    (out / "told.json").write_text(json.dumps(told))
    """


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """For each process the directory it was given."""
    require_backend("jax", reason="Keras runs in several processes there only")
    folders = [tmp_path_factory.mktemp(f"process_{number}") for number in range(2)]
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    processes = []
    try:
        for number, folder in enumerate(folders):
            command = [sys.executable, "-c", textwrap.dedent(FIT), str(number), address, str(folder)]
            with open(folder / "stderr", "wb") as stderr:
                processes.append(subprocess.Popen(command, cwd=ROOT, env=environment, stderr=stderr))
        for process, folder in zip(processes, folders, strict=True):
            assert process.wait(SECONDS) == 0, (folder / "stderr").read_text()
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return folders


def told(folder):
    return json.loads((folder / "told.json").read_text())


def test_the_first_process_writes_every_epoch(both):
    records = [record for record in read_log(both[0] / "log") if record["kind"] != "inputs"]
    assert [(record["kind"], record["epoch"]) for record in records] == [("baseline", -1), ("epoch", 0), ("epoch", 1)]
    assert {entry["method"] for entry in records[-1]["maps"]} == {"grad_cam", "lime"}


def test_the_second_process_writes_nothing(both):
    assert not (both[1] / "log").exists()


def test_the_work_is_shared(both):
    """Images per device in each pass: of six plain ones, padded to eight, and of 72, 18 and 18 queries."""
    for folder in both:
        assert told(folder)["devices"] == 4
        assert told(folder)["parts"][:3] == [[2, 2], [2, 2], [18, 18]]
        assert all(parts[0] == parts[1] for parts in told(folder)["parts"])


def test_the_maps_are_those_of_one_process(both):
    single = network()
    with np.load(both[0] / "weights.npz") as weights:
        single.set_weights(list(weights.values()))
    for folder in both:
        with np.load(folder / "maps.npz") as maps:
            for method in METHODS:
                expected = method(single, samples(6)).raw
                largest = np.abs(expected).max()
                assert largest > 0
                np.testing.assert_allclose(maps[method.name], expected, rtol=0, atol=1e-5 * largest)
            for method in METHODS[:2]:  # what the callback saw at the last epoch is what the weights say after it
                np.testing.assert_array_equal(maps[f"fit/{method.name}"], maps[method.name])


def test_what_would_part_the_processes_is_left_out(both):
    for folder in both:
        (warning,) = told(folder)["warned"]
        assert warning.startswith("keras_xai: budget= is ignored in a job of several processes")
        assert "spread over 2 processes, and explain_dataset works in one" in told(folder)["refused"]
        assert not (folder / "maps").exists()
