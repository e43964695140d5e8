"""Training on several devices, pretended ones: they share the explaining, too, and the result is that of one."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_xai as kx
from keras_xai.log import read_log
from tests.requirements import require_backend
from tests.training.networks import SIZE, small
from tests.training.running import samples

ROOT = Path(__file__).parents[2]

START = {
    "tensorflow": """
        import tensorflow as tf
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
        devices, scope = strategy.num_replicas_in_sync, strategy.scope
        """,
    "jax": """
        import contextlib
        import jax
        import keras
        keras.distribution.set_distribution(keras.distribution.DataParallel())
        devices, scope = len(jax.devices()), contextlib.nullcontext
        """,
}

FIT = """
    import json
    import sys
    import warnings
    from pathlib import Path
    import keras
    import numpy as np
    from keras_xai.callbacks import ExplanationCallback
    from keras_xai.forward import Forward
    from tests.test_engine import Counting
    from tests.training.networks import compiled
    from tests.training.running import fit, samples
    from tests.training.test_distribution import METHODS, network

    out = Path(sys.argv[1])
    counting = Counting()
    with scope():
        model = compiled(network(counting))
    callback = ExplanationCallback(samples(6), METHODS[:2], log_dir=out)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", DeprecationWarning)
        fit(model, [callback])
    np.savez(out / "weights.npz", *model.get_weights())
    np.savez(out / "maps.npz", **{method.name: method(model, samples(6)).raw for method in METHODS})

    parts = []
    if keras.config.backend() == "jax":
        run = Forward.__call__

        def watched(self, arguments):
            result = run(self, arguments)
            parts.append([len(shard.data) for shard in result["scores"].addressable_shards])
            return result

        Forward.__call__ = watched
    counting.seen()
    for method in METHODS[:2]:
        method(model, samples(6))
        parts += [counting.seen()] if keras.config.backend() == "tensorflow" else []
    (out / "parts.json").write_text(json.dumps([devices, parts]))
    """

METHODS = [
    kx.GradCAM(),
    kx.LIME(num_samples=12, segments="grid"),
    kx.IntegratedGradients(steps=3),
    kx.VarGrad(num_samples=3),
]


def network(*first):
    """`small` with something before it."""
    return keras.Sequential([keras.Input((SIZE, SIZE, 3)), *first, *small().layers])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """What a fit on several devices wrote."""
    require_backend("tensorflow", "jax", reason="Keras distributes there only")
    folder = tmp_path_factory.mktemp("devices")
    script = textwrap.dedent(START[keras.backend.backend()]) + textwrap.dedent(FIT)
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=4"
    environment = {**os.environ, "XLA_FLAGS": flags}
    command = [sys.executable, "-c", script, str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_callback_explains_every_epoch(trained):
    records = [record for record in read_log(trained) if record["kind"] != "inputs"]
    assert [(record["kind"], record["epoch"]) for record in records] == [("baseline", -1), ("epoch", 0), ("epoch", 1)]
    assert {entry["method"] for entry in records[-1]["maps"]} == {"grad_cam", "lime"}


def test_the_work_is_shared(trained):
    """Images per device in each pass: of six plain ones, then of these and their 72 queries."""
    devices, parts = json.loads((trained / "parts.json").read_text())
    if keras.backend.backend() == "tensorflow":
        assert (devices, parts) == (2, [[3, 3], [3, 3, 36, 36]])
    else:  # six are padded to eight
        assert (devices, parts) == (4, [[2, 2, 2, 2], [2, 2, 2, 2], [18, 18, 18, 18]])


def test_the_maps_are_those_of_one_device(trained):
    single = network()
    with np.load(trained / "weights.npz") as weights:
        single.set_weights(list(weights.values()))
    with np.load(trained / "maps.npz") as maps:
        for method in METHODS:
            expected = method(single, samples(6)).raw
            largest = np.abs(expected).max()
            assert largest > 0
            np.testing.assert_allclose(maps[method.name], expected, rtol=0, atol=1e-5 * largest)
