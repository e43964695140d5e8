"""Samples from whatever Keras trains on: which are chosen, and that the data does not notice."""

import itertools
import random

import keras
import numpy as np
import pytest

import keras_xai as kx
from keras_xai.data.restoring import restored
from keras_xai.data.sampling import Candidate, as_labels, best
from tests.requirements import require_module

COUNT = 60
# Sample number i is an image full of i / 100; 48 samples of class 0, nine of class 1, three of class 2, in blocks.
LABELS = np.repeat([0, 1, 2], [48, 9, 3])
IMAGES = (np.arange(COUNT, dtype=np.float32) / 100)[:, None, None, None] * np.ones((1, 4, 5, 3), np.float32)


def numbers(samples):
    """Which of IMAGES the samples are."""
    return np.round(samples.image[:, 0, 0, 0] * 100).astype(int).tolist()


def check(samples, count=6):
    """Two samples of each class, each with its own label and name."""
    found = numbers(samples)
    assert len(set(found)) == count
    np.testing.assert_array_equal(samples.labels, LABELS[found])
    np.testing.assert_array_equal(samples.labels, np.tile([0, 1, 2], count // 3))
    assert samples.names == [str(number) for number in found]
    np.testing.assert_array_equal(samples.x, IMAGES[found])


class Batches(keras.utils.PyDataset):
    """As users write them: a generator of its own, an order that changes after each epoch, a count of what was asked."""

    def __init__(self, augment=False, **options):
        super().__init__(**options)
        self.generator = np.random.default_rng(3)
        self.seeds = keras.random.SeedGenerator(4)
        self.order = np.arange(COUNT)
        self.asked = 0
        self.log = []
        self.augment = augment
        self.epochs_ended = 0

    def __len__(self):
        return 8

    def __getitem__(self, index):
        self.asked += 1
        self.log.append(index)
        self.last = index
        chosen = self.order[8 * index : 8 * index + 8]
        images = IMAGES[chosen]
        if self.augment:
            noise = self.generator.normal() + random.random() + np.random.random()  # noqa: NPY002
            noise += float(keras.ops.convert_to_numpy(keras.random.uniform((), seed=self.seeds)))
            images = images + 0.001 * noise
        return images, LABELS[chosen]

    def on_epoch_end(self):
        self.epochs_ended += 1
        self.generator.shuffle(self.order)


def epochs(data, count=2):
    """What a data set gives over some epochs, bit by bit."""
    given = []
    for _ in range(count):
        for batch in data if not isinstance(data, keras.utils.PyDataset) else (data[i] for i in range(len(data))):
            leaves = keras.tree.flatten(batch)
            given.append([np.asarray(leaf).tobytes() for leaf in leaves])
        if isinstance(data, keras.utils.PyDataset):
            data.on_epoch_end()
    return given


def seed_everything():
    keras.utils.set_random_seed(5)


def unnoticed(make, **options):
    """Two data sets made alike give the same later epochs, whether or not samples were taken from the second."""
    seed_everything()
    alone = epochs(make())
    seed_everything()
    data = make()
    samples = kx.Samples.from_data(data, count=6, **options)
    assert epochs(data) == alone
    assert len({*map(repr, alone)}) > 8  # epochs differ, or the comparison would say little
    return samples


class TestArrays:
    def test_every_class_as_often_and_first_of_all(self):
        check(kx.Samples.from_data((IMAGES, LABELS), count=6))

    def test_the_seed_decides(self):
        first, again, other = (numbers(kx.Samples.from_data((IMAGES, LABELS), count=6, seed=s)) for s in (0, 0, 1))
        assert first == again
        assert first != other

    def test_what_a_class_lacks_others_give(self):
        samples = kx.Samples.from_data((IMAGES, LABELS), count=20)
        np.testing.assert_array_equal(np.bincount(samples.labels), [9, 8, 3])

    def test_fewer_samples_than_asked_for(self):
        assert sorted(numbers(kx.Samples.from_data((IMAGES, LABELS), count=1000))) == list(range(COUNT))

    def test_without_labels(self):
        for data in (IMAGES, (IMAGES,), list(IMAGES)):
            samples = kx.Samples.from_data(data, count=6)
            assert len(set(numbers(samples))) == 6
            assert samples.labels is None

    def test_weight_zero_is_no_sample(self):
        weights = np.where(np.arange(COUNT) % 2, 0.5, 0)
        found = numbers(kx.Samples.from_data((IMAGES, LABELS, weights), count=COUNT))
        assert sorted(found) == list(range(1, COUNT, 2))

    def test_weights_of_places(self):
        weights = np.zeros((COUNT, 4, 5))
        weights[7, 2, 2] = 1
        assert numbers(kx.Samples.from_data((IMAGES, LABELS, weights))) == [7]

    def test_a_label_that_is_nan_is_no_sample(self):
        labels = np.where(LABELS == 2, 2.0, np.nan)
        samples = kx.Samples.from_data((IMAGES, labels))
        assert sorted(numbers(samples)) == [57, 58, 59]
        np.testing.assert_array_equal(samples.labels, [2, 2, 2])

    def test_one_hot(self):
        samples = kx.Samples.from_data((IMAGES, np.eye(3)[LABELS]), count=6)
        np.testing.assert_array_equal(samples.labels, np.eye(3)[[0, 1, 2, 0, 1, 2]])

    def test_one_column(self):
        check(kx.Samples.from_data((IMAGES, LABELS[:, None]), count=6))

    def test_of_several_labels_the_rare_one_counts(self):
        labels = np.eye(3)[LABELS]
        labels[:, 0] = 1  # all are class 0 as well
        samples = kx.Samples.from_data((IMAGES, labels), count=6)
        np.testing.assert_array_equal(samples.labels.sum(axis=0), [6, 2, 2])

    def test_no_label_among_several_is_a_stratum_of_its_own(self):
        labels = np.eye(4)[np.where(np.arange(COUNT) == 30, 3, LABELS)][:, :3]
        assert 30 in numbers(kx.Samples.from_data((IMAGES, labels), count=4))

    @pytest.mark.parametrize(
        "y", [np.linspace(0.1, 3, COUNT), np.full((COUNT, 2), -3.0), IMAGES, {"a": LABELS, "b": LABELS}]
    )
    def test_what_is_no_class_is_no_label(self, y):
        assert kx.Samples.from_data((IMAGES, y), count=6).labels is None

    def test_several_inputs(self):
        x = {"image": IMAGES, "number": np.arange(COUNT)[:, None]}
        samples = kx.Samples.from_data((x, LABELS), count=6)
        np.testing.assert_array_equal(samples.x["number"][:, 0], numbers(samples))

    def test_scanning_a_part_spreads_over_all(self):
        samples = kx.Samples.from_data((IMAGES, LABELS), count=6, scan=20)
        assert all(number % 3 == 0 for number in numbers(samples))
        np.testing.assert_array_equal(samples.labels, [0, 1, 2, 0, 1, 0])  # 57 is the only third of class 2

    def test_only_what_is_scanned_is_read(self):
        class Recorded:
            """An array on disk, such as HDF5's."""

            def __init__(self, array):
                self.array, self.shape, self.dtype, self.rows = array, array.shape, array.dtype, 0

            def __len__(self):
                return len(self.array)

            def __getitem__(self, rows):
                self.rows += len(self.array[rows])
                return self.array[rows]

            def __array__(self, *args, **kwargs):
                raise AssertionError("all of it was read")

        images = Recorded(IMAGES)
        kx.Samples.from_data((images, LABELS), count=6, scan=20)
        assert images.rows == 20

    def test_does_not_keep_the_data_in_memory(self):
        samples = kx.Samples.from_data((IMAGES, LABELS), count=6)
        assert not np.shares_memory(samples.x, IMAGES)

    def test_what_samples_take_is_passed_on(self):
        samples = kx.Samples.from_data((IMAGES, LABELS), count=3, class_names=["a", "b", "c"], targets="predicted")
        assert samples.class_names == ["a", "b", "c"]
        assert samples.targets == "predicted"


def test_pieces_give_the_same_as_the_whole():
    generator = np.random.default_rng(0)
    candidates = [
        Candidate(key, stratum, position, None, None)
        for position, (key, stratum) in enumerate(
            zip(generator.random(200), generator.integers(0, 5, 200) ** 2, strict=True)
        )
    ]
    kept = []
    for start in range(0, 200, 7):
        kept = best(kept + candidates[start : start + 7], 13)
    assert kept == best(candidates, 13)
    by_class = {
        stratum: sorted(one.key for one in candidates if one.stratum == stratum) for stratum in (0, 1, 4, 9, 16)
    }
    assert sorted(one.key for one in kept if one.stratum == 9) in (by_class[9][:2], by_class[9][:3])


def test_labels_are_whole_or_shares():
    assert as_labels(np.array([0.5, 1])) is None
    np.testing.assert_array_equal(as_labels(np.array([[3.0], [4.0]])), [3, 4])


class TestPyDataset:
    def test_chooses_by_class(self):
        check(kx.Samples.from_data(Batches(), count=6))

    def test_later_epochs_do_not_notice(self):
        samples = unnoticed(lambda: Batches(augment=True))
        np.testing.assert_array_equal(samples.labels, [0, 1, 2, 0, 1, 2])

    def test_nothing_is_left_on_it(self):
        data = Batches(augment=True)
        before = dict(vars(data))
        kx.Samples.from_data(data, count=6)
        assert vars(data).keys() == before.keys()
        assert all(vars(data)[name] is before[name] for name in before)
        assert data.log == []
        assert data.asked == data.epochs_ended == 0

    def test_reads_no_more_batches_than_it_needs(self):
        read = []

        class Watched(Batches):
            def __getitem__(self, index):
                read.append(index)
                return super().__getitem__(index)

        kx.Samples.from_data(Watched(), count=6, scan=24)
        assert read == [0, 3, 7]

    def test_without_an_end(self):
        class Endless(Batches):
            num_batches = None

            def __getitem__(self, index):
                return super().__getitem__(index % 8)

        check(kx.Samples.from_data(Endless(), count=6, scan=60))

    def test_one_that_holds_an_iterator_is_refused(self):
        data = Batches()
        data.source = iter([1, 2, 3])
        with pytest.raises(TypeError, match=r"Batches holds an iterator \(list_iterator\).*give samples="):
            kx.Samples.from_data(data)
        assert next(data.source) == 1


def test_a_list_of_batches_and_of_samples():
    check(kx.Samples.from_data([(IMAGES[i : i + 8], LABELS[i : i + 8]) for i in range(0, COUNT, 8)], count=6))
    check(kx.Samples.from_data(list(zip(IMAGES, LABELS, strict=True)), count=6))


def test_what_reading_uses_up_is_refused():
    generator = ((IMAGES[i : i + 8], LABELS[i : i + 8]) for i in range(0, COUNT, 8))
    with pytest.raises(TypeError, match="from generator without using it up.*give samples="):
        kx.Samples.from_data(generator)
    assert len(list(generator)) == 8


class NoBatches(keras.utils.PyDataset):
    def __len__(self):
        return 0

    def __getitem__(self, number):
        raise IndexError(number)


def test_labels_in_a_list():
    listed, array = (kx.Samples.from_data((IMAGES, labels), count=6) for labels in (list(LABELS), LABELS))
    assert numbers(listed) == numbers(array)
    np.testing.assert_array_equal(listed.labels, array.labels)


def test_empty_batches_are_passed_over():
    samples = kx.Samples.from_data([(IMAGES[:0], LABELS[:0]), (IMAGES, LABELS)], count=6)
    assert len(samples) == 6


@pytest.mark.parametrize(
    ("data", "options", "words"),
    [
        ((IMAGES, LABELS), {"count": 0}, "count must be an int of at least 1; it is 0"),
        ((IMAGES, LABELS), {"count": 2.0}, "count must be an int"),
        ((IMAGES, LABELS), {"seed": -1}, "seed must be an int of at least 0"),
        ((IMAGES, LABELS), {"scan": True}, "scan must be an int"),
        ((IMAGES, LABELS[:5]), {}, r"must have one length; they have \[5, 60\]"),
        ((IMAGES, LABELS, np.zeros(COUNT)), {}, "holds no sample: 60 were read, none with a weight"),
        ((IMAGES, LABELS, None, None), {}, r"must be x, \(x, y\) or \(x, y, sample_weight\); it is a tuple of 4"),
        ((IMAGES[:0], LABELS[:0]), {}, "holds no sample: 0 were read"),
        ([(IMAGES[:0], LABELS[:0])], {}, "holds no sample: 0 were read"),
        (NoBatches(), {}, "holds no sample: 0 were read"),
        (
            (IMAGES, np.array(["cat", "dog"])[LABELS % 2]),
            {},
            r"are text, such as '(cat|dog)'. Number them: class_names, y",
        ),
    ],
)
def test_wrong_calls(data, options, words):
    with pytest.raises(ValueError, match=words):
        kx.Samples.from_data(data, **options)


class TestTensorFlowData:
    """On every backend: Keras trains on tf.data with each of them."""

    @pytest.fixture(autouse=True)
    def _needs_tensorflow(self):
        require_module("tensorflow")

    @staticmethod
    def dataset(x=IMAGES):
        import tensorflow as tf

        return tf.data.Dataset.from_tensor_slices((x, LABELS))

    def test_batched_or_not(self):
        check(kx.Samples.from_data(self.dataset(), count=6))
        check(kx.Samples.from_data(self.dataset().batch(8), count=6))

    def test_unknown_length(self):
        check(kx.Samples.from_data(self.dataset().filter(lambda x, y: y >= 0).batch(8), count=6))

    def test_dict_of_inputs(self):
        x = {"image": IMAGES, "number": np.arange(COUNT, dtype=np.int32)[:, None]}
        for data in (self.dataset(x), self.dataset(x).batch(7)):
            samples = kx.Samples.from_data(data, count=6)
            np.testing.assert_array_equal(samples.x["number"][:, 0], numbers(samples))

    def test_shuffled_repeated_cached(self, tmp_path):
        def make():
            data = self.dataset().cache(str(tmp_path / f"cache{next(made)}")).shuffle(60, seed=2)
            return data.repeat(2).batch(8).prefetch(1)

        made = itertools.count()
        samples = unnoticed(make)
        check(samples)
        assert not list(tmp_path.glob("*.lockfile"))

    def test_random_augmentation(self):
        import tensorflow as tf

        def noisy(x, y):
            return x + tf.random.uniform((), 0, 0.004, seed=3), y

        samples = unnoticed(lambda: self.dataset().shuffle(60).map(noisy).batch(8))
        np.testing.assert_array_equal(samples.labels, [0, 1, 2, 0, 1, 2])

    def test_a_split_of_what_is_shuffled_once_is_kept(self):
        whole = self.dataset().shuffle(60, reshuffle_each_iteration=False)
        held_out = {round(100 * float(x[0, 0, 0])) for x, _ in whole.take(20)}
        assert set(numbers(kx.Samples.from_data(whole.take(20).batch(8), count=20))) == held_out

    def test_scans_the_first(self):
        samples = kx.Samples.from_data(self.dataset().batch(8), count=6, scan=20)
        assert max(numbers(samples)) < 24

    def test_repeated_for_ever(self):
        assert len(kx.Samples.from_data(self.dataset().repeat().batch(8), count=100)) == COUNT

    def test_a_variable_that_is_read_stays_what_it_is(self):
        import tensorflow as tf

        factor = tf.Variable(2.0)
        data = self.dataset().map(lambda x, y: (x * factor, y)).batch(8)
        factor.assign(0.5)
        found = kx.Samples.from_data(data, count=6)
        np.testing.assert_array_equal(found.x, IMAGES[[int(name) for name in found.names]] / 2)
        assert factor.numpy() == 0.5

    def test_a_variable_that_is_changed_is_refused(self):
        import tensorflow as tf

        read = tf.Variable(0, dtype=tf.int64)
        data = self.dataset().map(lambda x, y: (x, y + read.assign_add(1)))
        with pytest.raises(TypeError, match="it runs AssignAddVariableOp"):
            kx.Samples.from_data(data)
        assert read.numpy() == 0

    def test_python_code_is_refused(self):
        import tensorflow as tf

        called = []

        def generate():
            called.append(1)
            yield from range(3)

        data = tf.data.Dataset.from_generator(generate, output_signature=tf.TensorSpec((), tf.int64))
        with pytest.raises(TypeError, match="without changing later epochs: it runs .*PyFunc.*give samples="):
            kx.Samples.from_data(data)
        assert not called

    def test_a_part_of_what_is_shuffled_anew_is_refused(self):
        with pytest.raises(TypeError, match="takes a part of what is shuffled anew.*give samples="):
            kx.Samples.from_data(self.dataset().shuffle(60).take(20).batch(4))

    def test_a_generator_shared_with_others_is_refused(self):
        import tensorflow as tf

        shared = tf.random.Generator.from_seed(1)
        data = self.dataset().map(lambda x, y: (x + shared.uniform(()), y))
        with pytest.raises(TypeError, match="it runs .*RngReadAndSkip"):
            kx.Samples.from_data(data)


class TestTorchData:
    """On every backend: Keras trains on a DataLoader with each of them."""

    @pytest.fixture(autouse=True)
    def _needs_torch(self):
        require_module("torch")

    @staticmethod
    def dataset(augment=False):
        import torch

        class Pictures(torch.utils.data.Dataset):
            classes = ("a", "b", "c")

            def __init__(self):
                self.generator = torch.Generator().manual_seed(7)

            def __len__(self):
                return COUNT

            def __getitem__(self, index):
                noise = torch.rand(()) + torch.rand((), generator=self.generator) if augment else 0
                return torch.from_numpy(IMAGES[index]) + 0.001 * noise, LABELS[index]

        return Pictures()

    def test_chooses_by_class(self):
        from torch.utils.data import DataLoader

        for options in ({"batch_size": 8}, {"batch_size": 8, "shuffle": True}, {"batch_size": None}):
            samples = kx.Samples.from_data(DataLoader(self.dataset(), **options), count=6)
            check(samples)
            assert samples.class_names == ["a", "b", "c"]

    def test_a_dataset_without_a_loader(self):
        check(kx.Samples.from_data(self.dataset(), count=6))

    @pytest.mark.parametrize("own", [False, True])
    def test_later_epochs_do_not_notice(self, own):
        import torch
        from torch.utils.data import DataLoader

        def make():
            generator = torch.Generator().manual_seed(3) if own else None
            torch.manual_seed(9)
            return DataLoader(self.dataset(augment=True), batch_size=8, shuffle=True, generator=generator)

        samples = unnoticed(make)
        np.testing.assert_array_equal(samples.labels, [0, 1, 2, 0, 1, 2])

    def test_only_what_the_sampler_may_draw(self):
        from torch.utils.data import DataLoader, SubsetRandomSampler

        loader = DataLoader(self.dataset(), batch_size=8, sampler=SubsetRandomSampler(range(0, COUNT, 3)))
        assert sorted(numbers(kx.Samples.from_data(loader, count=COUNT))) == list(range(0, COUNT, 3))

    def test_a_stream_is_refused(self):
        from torch.utils.data import DataLoader, IterableDataset

        class Stream(IterableDataset):
            def __iter__(self):
                raise AssertionError("it was read")

        with pytest.raises(TypeError, match="from DataLoader without using it up.*give samples="):
            kx.Samples.from_data(DataLoader(Stream()))


def test_restored_puts_files_containers_and_closures_back(tmp_path):
    (tmp_path / "numbers").write_text("0123456789")

    class Holder:
        pass

    holder, generator = Holder(), random.Random(1)
    with open(tmp_path / "numbers") as holder.file:
        holder.cache, holder.draw = {"a": [1]}, lambda: generator.random()
        state = generator.getstate()
        with restored(holder):
            assert holder.file.read(4) == "0123"
            holder.cache["a"].append(2)
            holder.cache["b"] = 3
            holder.draw()
            del holder.cache["a"]
            holder.new = 1
        assert holder.file.read(4) == "0123"
    assert holder.cache == {"a": [1]}
    assert generator.getstate() == state
    assert not hasattr(holder, "new")
