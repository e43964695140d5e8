"""Interrupted, damaged, full, or called with something else: nothing is lost, and nothing is mixed."""

import contextlib
import signal
import subprocess
import sys
import textwrap
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import keras_xai as kx
from tests.explained_dataset.toy import COUNT, IMAGES, LABELS, SHARD, Batches, files, fresh_network, network
from tests.training.running import told
from tests.training.test_failures import largest_file

ROOT = Path(__file__).parents[2]


def explained(data, folder, model=None, explainer="grad_cam", **options):
    options = {"shard_size": SHARD, "verbose": 0, **options}
    return kx.explain_dataset(network() if model is None else model, data, explainer, folder, **options)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nothing befell, as files."""
    folder = tmp_path_factory.mktemp("whole")
    explained(Batches(), folder)
    return files(folder)


def interrupted(folder, **options):
    """Two of three shards."""

    def stop():
        raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        explained(Batches(stop), folder, **options)
    assert {"shard-000000.npz", "shard-000001.npz", "manifest.json"} == files(folder).keys()


def test_a_killed_run_goes_on(tmp_path, whole):
    script = """
        import os, signal, sys
        import keras_xai as kx
        from tests.explained_dataset.toy import Batches, network
        data = Batches(lambda: os.kill(os.getpid(), signal.SIGKILL))
        kx.explain_dataset(network(), data, "grad_cam", sys.argv[1], shard_size=8)
        """
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)]
    assert subprocess.run(command, cwd=ROOT, check=False, capture_output=True).returncode == -signal.SIGKILL
    before = {path.name: path.stat().st_ino for path in tmp_path.glob("shard-*")}
    assert "shard-000000.npz" in before
    assert "shard-000002.npz" not in before
    found = explained(Batches(), tmp_path)
    assert files(tmp_path) == whole
    done = len(before) - 1  # the last one may not have been noted yet
    assert [(tmp_path / name).stat().st_ino for name in sorted(before)[:done]] == [before[n] for n in sorted(before)][
        :done
    ]
    assert found.complete


def test_what_is_there_is_not_explained_again(tmp_path, whole, capsys):
    interrupted(tmp_path)
    partial = kx.ExplainedDataset(tmp_path)
    assert (len(partial), partial.complete) == (16, False)
    assert "not complete" in repr(partial)
    capsys.readouterr()
    explained(Batches(), tmp_path, verbose=1)
    printed = capsys.readouterr().out
    assert "16 samples are there already" in printed
    assert "5/9" in printed  # of at most 25 in five batches
    assert files(tmp_path) == whole


def test_a_second_call_has_nothing_to_do(tmp_path, whole, capsys):
    explained(Batches(), tmp_path)

    def fail():
        raise AssertionError("read further than the first batch")

    found = explained(Batches(fail), tmp_path)
    assert files(tmp_path) == whole
    assert len(found) == COUNT
    assert capsys.readouterr().out == ""


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("befall", [damage, truncate, Path.unlink])
def test_a_damaged_shard_is_made_again(tmp_path, whole, befall):
    explained(Batches(), tmp_path)
    path = tmp_path / "shard-000001.npz"
    befall(path)
    with pytest.raises(
        ValueError, match=r"shard-000001.npz' is (damaged|missing): .*explain_dataset, called as before"
    ):
        list(kx.ExplainedDataset(tmp_path))
    (message,) = told(lambda: explained(Batches(), tmp_path))
    assert "missing or damaged, and are made again: shard-000001.npz" in message
    assert files(tmp_path) == whole


def test_data_that_are_shuffled_anew(tmp_path):
    interrupted(tmp_path)
    with pytest.raises(ValueError, match=r"Sample 15 of the data is not the one .* shuffled anew or augmented"):
        explained(Batches(order=np.arange(COUNT)[::-1]), tmp_path)


def other_network():
    model = fresh_network()
    model.layers[-1].bias.assign([1, 2, 3])
    return model


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"explainer": kx.GradCAM(layer="conv")}, "explainer.config.layer was None, and is now 'conv'"),
        ({"explainer": "hires_cam"}, "explainer.method was 'grad_cam', and is now 'hires_cam'"),
        ({"shard_size": 4}, "settings.shard_size was 8, and is now 4"),
        ({"targets": "predicted"}, "settings.targets was None, and is now 'predicted'"),
        ({"dtype": "float16"}, "settings.dtype was 'float32', and is now 'float16'"),
        ({"model": other_network}, "model.weights was"),
    ],
)
def test_another_run_is_refused(tmp_path, options, message):
    interrupted(tmp_path)
    before = files(tmp_path)
    if "model" in options:
        options = {"model": options["model"]()}
    with pytest.raises(ValueError, match=rf"begun in another way.*{message}.*Give another out="):
        explained(Batches(), tmp_path, **options)
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (IMAGES, "data.labels was 'class numbers', and is now None"),
        ((IMAGES[:, :-1], LABELS), r"data.inputs was '\(12, 12, 3\) float32', and is now '\(11, 12, 3\) float32'"),
        ((IMAGES[:10], LABELS[:10]), "fewer than the 16 samples that are explained already"),
    ],
)
def test_other_data_are_refused(tmp_path, data, message):
    interrupted(tmp_path)
    with pytest.raises(ValueError, match=message):
        explained(data, tmp_path)


@pytest.mark.parametrize("count", [16, 19])
def test_a_complete_data_set_that_has_grown(tmp_path, count):
    explained((IMAGES[:count], LABELS[:count]), tmp_path)
    with pytest.raises(ValueError, match=f"hold more than the {count} samples"):
        explained((IMAGES, LABELS), tmp_path)


def test_a_wrapper_is_its_plain_model(tmp_path, whole):
    explained(Batches(), tmp_path, kx.ExplainedModel(network()))
    assert files(tmp_path) == whole


def test_a_full_disk_loses_nothing(tmp_path, whole):
    with largest_file(1_500), pytest.raises(OSError, match=r"could not be written .* make room, and call") as caught:
        explained(Batches(), tmp_path)
    assert caught.value.errno
    assert not list(tmp_path.glob("*unfinished*"))
    explained(Batches(), tmp_path)
    assert files(tmp_path) == whole


def test_memory_does_not_grow_with_the_data(tmp_path):
    size = 64
    images, labels = np.zeros((size, 12, 12, 3), np.float32), np.zeros(size, int)

    def peak(shards):
        data = ((images.copy(), labels) for _ in range(shards))
        tracemalloc.start()
        explained(data, tmp_path / str(shards), shard_size=size)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(2)  # compiled for
    maps_of_a_shard = images.nbytes // 3
    assert peak(40) - peak(10) < 30 * maps_of_a_shard * 0.75  # it is a line in the manifest each


class TestBadInput:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"targets": "all"}, "targets must be None"),
            ({"targets": 1.5}, "targets must be None"),
            ({"shard_size": 0}, "shard_size must be a number of samples"),
            ({"dtype": "int8"}, 'dtype must be "float32" or "float16"'),
            ({"verbose": 3}, "verbose must be 0, 1"),
        ],
    )
    def test_arguments(self, tmp_path, options, message):
        with pytest.raises(ValueError, match=message):
            explained(IMAGES, tmp_path, **options)
        assert not files(tmp_path)

    def test_data_of_no_known_kind(self, tmp_path):
        with pytest.raises(TypeError, match="data must be arrays.* it is int"):
            explained(3, tmp_path)

    def test_no_sample(self, tmp_path):
        with pytest.raises(ValueError, match="data hold no sample"):
            explained(IMAGES[:0], tmp_path)

    def test_data_without_end(self, tmp_path):
        class Endless(Batches):
            @property
            def num_batches(self):
                return None

        with pytest.raises(ValueError, match="This Endless has no end"):
            explained(Endless(), tmp_path)

    def test_a_pipeline_without_end(self, tmp_path):
        tf = pytest.importorskip("tensorflow")
        data = tf.data.Dataset.from_generator(lambda: iter(IMAGES), tf.float32).repeat()
        with pytest.raises(ValueError, match=r"has no end: leave out its repeat\(\)"):
            explained(data, tmp_path)

    def test_a_sample_that_is_not_finite_is_named(self, tmp_path):
        images = IMAGES.copy()
        images[10] = np.nan
        with pytest.raises(ValueError, match="non-finite") as caught:
            explained(images, tmp_path)
        assert caught.value.__notes__ == ["This was at samples 8 to 15 of the data."]

    def test_a_directory_with_something_else(self, tmp_path):
        (tmp_path / "thesis.tex").write_text("…")
        with pytest.raises(ValueError, match="is not empty and holds no explained data set"):
            explained(IMAGES, tmp_path)

    def test_reading_where_there_is_nothing(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="holds no explained data set"):
            kx.ExplainedDataset(tmp_path)

    @pytest.mark.parametrize(
        ("content", "message"), [("{", "cannot be read"), ('{"format": "x", "version": 2}', "x version 2")]
    )
    def test_a_damaged_manifest(self, tmp_path, content, message):
        (tmp_path / "manifest.json").write_text(content)
        with pytest.raises(ValueError, match=message):
            kx.ExplainedDataset(tmp_path)

    def test_a_shard_that_is_not_there(self, tmp_path):
        found = explained(IMAGES, tmp_path)
        with pytest.raises(IndexError, match="There is no shard 3; there are 3, 0 to 2"):
            found.shard(3)
