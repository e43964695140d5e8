"""Training on several devices, two pretended ones: explained as on one."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import keras
import numpy as np

from keras_xai.log import read_log
from tests.requirements import require_backend

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
    import sys
    import warnings
    import keras
    import numpy as np
    import keras_xai as kx
    from keras_xai.callbacks import ExplanationCallback
    from tests.training.networks import compiled, small
    from tests.training.running import fit, samples

    assert devices == 2
    with scope():
        model = compiled(small())
    explainers = [kx.GradCAM(), kx.LIME(num_samples=12, segments="grid")]
    callback = ExplanationCallback(samples(5), explainers, log_dir=sys.argv[1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", DeprecationWarning)
        fit(model, [callback])
    single = small()
    single.set_weights(model.get_weights())
    here, there = callback.explanations["grad_cam"], kx.GradCAM()(single, samples(5))
    np.savez(sys.argv[1] + "/maps.npz", here=here.raw, there=there.raw)
    """


def test_two_devices(tmp_path):
    require_backend("tensorflow", "jax", reason="Keras distributes there only")
    backend = keras.backend.backend()
    script = textwrap.dedent(START[backend]) + textwrap.dedent(FIT)
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"
    environment = {**os.environ, "XLA_FLAGS": flags}
    command = [sys.executable, "-c", script, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    records = [record for record in read_log(tmp_path) if record["kind"] != "inputs"]
    assert [(record["kind"], record["epoch"]) for record in records] == [("baseline", -1), ("epoch", 0), ("epoch", 1)]
    assert {entry["method"] for entry in records[-1]["maps"]} == {"grad_cam", "lime"}
    with np.load(tmp_path / "maps.npz") as maps:
        largest = np.abs(maps["there"]).max()
        assert largest > 0
        np.testing.assert_allclose(maps["here"], maps["there"], rtol=0, atol=1e-4 * largest)
