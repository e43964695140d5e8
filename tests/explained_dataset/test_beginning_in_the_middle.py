"""A run that goes on does not read what is done, wherever the data can be begun in the middle."""

import json

import keras
import numpy as np
import pytest

import keras_xai as kx
from keras_xai.data.in_order import InOrder
from tests.explained_dataset.toy import COUNT, IMAGES, LABELS, SHARD, Batches, files, network


def explained(data, folder):
    return kx.explain_dataset(network(), data, "grad_cam", folder, shard_size=SHARD, verbose=0)


def go_on(folder, data, without="shard-000002.npz"):
    """Explains what a lost shard held once more; the files are what they were."""
    before = files(folder)
    (folder / without).unlink()
    with pytest.warns(UserWarning, match="made again"):
        explained(data, folder)
    assert files(folder) == before


def element_size(folder):
    return json.loads((folder / "manifest.json").read_text())["element_size"]


class Noted:
    """Batches of these sizes, and the numbers of those that were asked for."""

    def __init__(self, sizes):
        self.ends = np.cumsum([0, *sizes])
        self.asked = []

    def __len__(self):
        return len(self.ends) - 1

    def __getitem__(self, index):
        self.asked.append(index)
        some = slice(*self.ends[index : index + 2])
        return IMAGES[some], LABELS[some]


def test_batches_with_numbers(tmp_path):
    explained(Batches(), tmp_path)
    assert element_size(tmp_path) == 5
    data = Batches()
    go_on(tmp_path, data)
    assert data.asked == [3, 4]  # sample 15, which is compared with before, begins batch 3
    data = Batches()
    go_on(tmp_path, data, without="shard-000001.npz")
    assert data.asked == [1, 2, 3, 4]


def test_batches_of_different_sizes_are_read_from_the_beginning(tmp_path):
    explained(Noted([3, 9, 4, 5]), tmp_path)
    assert element_size(tmp_path) is None
    data = Noted([3, 9, 4, 5])
    go_on(tmp_path, data)
    assert data.asked == [0, 1, 2, 3]


def test_batches_of_another_size_than_before(tmp_path):
    explained(Batches(), tmp_path)
    shards = {name: content for name, content in files(tmp_path).items() if name != "manifest.json"}
    (tmp_path / "shard-000002.npz").unlink()
    with pytest.warns(UserWarning, match="made again"):
        explained([(IMAGES[i : i + 4], LABELS[i : i + 4]) for i in range(0, COUNT, 4)], tmp_path)
    assert {name: content for name, content in files(tmp_path).items() if name != "manifest.json"} == shards


def test_a_directory_of_before_batches_were_counted(tmp_path):
    explained(Batches(), tmp_path)
    path = tmp_path / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["element_size"]
    path.write_text(json.dumps(manifest))
    (tmp_path / "shard-000002.npz").unlink()
    data = Batches()
    with pytest.warns(UserWarning, match="made again"):
        explained(data, tmp_path)
    assert data.asked == [0, 1, 2, 3, 4]
    assert element_size(tmp_path) == 5


def counted(dataset, seen, **options):
    """A map that notes the samples it is given."""
    tf = pytest.importorskip("tensorflow")

    def note(number):
        seen.append(int(number))
        return IMAGES[number], LABELS[number]

    def load(number):
        image, label = tf.numpy_function(note, [number], [tf.float32, tf.int64])
        return tf.ensure_shape(image, IMAGES.shape[1:]), tf.ensure_shape(label, ())

    return dataset.map(load, **options)


@pytest.mark.parametrize("form", ["batched", "batched in parallel", "single samples"])
def test_a_pipeline(tmp_path, form):
    tf = pytest.importorskip("tensorflow")
    seen = []
    parallel = form == "batched in parallel"
    data = counted(tf.data.Dataset.range(COUNT), seen, **({"num_parallel_calls": 2} if parallel else {}))
    if form != "single samples":
        data = data.batch(5)
    if parallel:
        data = data.prefetch(2)
    explained(data, tmp_path)
    assert sorted(seen) == list(range(COUNT))
    assert element_size(tmp_path) == (1 if form == "single samples" else 5)
    seen.clear()
    go_on(tmp_path, data)
    assert sorted(seen) == list(range(15, COUNT))


def pipelines():
    tf = pytest.importorskip("tensorflow")
    numbers = tf.data.Dataset.range(23)
    table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer([3, 4, 17], [5, 6, 7], tf.int64, tf.int64), 0)
    variable = tf.Variable(7, dtype=tf.int64)
    options = tf.data.Options()
    options.deterministic = True
    doubled = numbers.map(lambda number: 2 * number)
    return {
        "plain": numbers,
        "batches": numbers.batch(5),
        "batches of batches": numbers.batch(2, drop_remainder=True).batch(3),
        "map, batch, prefetch": doubled.batch(5, num_parallel_calls=2).prefetch(1).with_options(options),
        "zip": tf.data.Dataset.zip((doubled, numbers)).map(lambda one, other: {"sum": one + other}).batch(4),
        "zip of one with itself": tf.data.Dataset.zip((doubled, doubled)).batch(4),
        "filter": numbers.filter(lambda number: number % 2 == 0).batch(2),
        "interleave": numbers.interleave(tf.data.Dataset.from_tensors).batch(5),
        "generator": tf.data.Dataset.from_generator(lambda: iter(range(23)), output_types=tf.int64).batch(5),
        "table": numbers.map(table.lookup).batch(5),
        "variable": numbers.map(lambda number: number + variable).batch(5),
        "take and skip": numbers.skip(2).take(18).batch(5),
        "after the batch": numbers.batch(5).unbatch().map(lambda number: number + 1).batch(3),
    }


@pytest.mark.parametrize(
    "name",
    [
        *("plain", "batches", "batches of batches", "map, batch, prefetch", "zip", "zip of one with itself", "filter"),
        *("interleave", "generator", "table", "variable", "take and skip", "after the batch"),
    ],
)
@pytest.mark.parametrize("number", [1, 3, 50])
def test_the_elements_are_those_of_skip(name, number):
    pytest.importorskip("tensorflow")
    from keras_xai.data.pipelines import from_element

    dataset = pipelines()[name]
    begun = from_element(dataset, number)
    assert begun.element_spec == dataset.element_spec
    expected, found = list(dataset.skip(number).as_numpy_iterator()), list(begun.as_numpy_iterator())
    assert len(found) == len(expected)
    assert number == 50 or len(expected) > 0
    keras.tree.map_structure(np.testing.assert_array_equal, found, expected)


@pytest.mark.parametrize(
    ("sizes", "start", "size", "read", "left"),
    [
        ([4, 4, 4, 2], 9, 4, [2, 3], 5),
        ([4, 4, 4, 2], 13, 4, [3], 1),
        ([4, 4, 4, 2], 13, None, [0, 1, 2, 3], 1),
        ([4, 4, 4, 2], 13, 5, [2, 0, 1, 2, 3], 1),  # a wrong size is not believed
        ([4, 4, 4, 2], 14, 4, [3], 0),
        ([4, 4, 4, 2], 99, 4, [0, 1, 2, 3], 0),
        ([4, 4, 2, 4], 9, 4, [2, 0, 1, 2, 3], 5),  # nor one that only most have
    ],
)
def test_which_batches_are_read(sizes, start, size, read, left):
    data = Noted(sizes)
    source = InOrder(data, start, size)
    labels = [label for _, y in source for label in y]
    assert data.asked == read
    assert labels == LABELS[start : sum(sizes)].tolist()
    assert len(labels) == left
    assert source.element_size == (4 if sizes[2] == 4 else None)
