"""The engine: merged passes, full batches, current weights, sums on the device, and nothing kept alive."""

import gc
import weakref

import keras
import numpy as np
import pytest
from keras import layers, ops

import keras_xai as kx
from keras_xai import backend
from keras_xai.callbacks.progress import Progress
from keras_xai.engine import batch_size, engine_for
from keras_xai.explainers.explainer import explain
from keras_xai.queries import Queries, activations_at, gradient_at, gradient_at_input
from tests.requirements import require_backend

IMAGES = np.random.default_rng(0).normal(size=(5, 8, 8, 3)).astype(np.float32)


def network(*first):
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            *first,
            layers.Conv2D(4, 3, activation="relu", name="early"),
            layers.Conv2D(6, 3, activation="relu", name="late"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax", name="classes"),
        ]
    )


@pytest.fixture(scope="module")
def model():
    return network()


def answer(model, queries, samples=None, score=None):
    """The answer to one table about `IMAGES`, targets 0, 1, 2, 0, 1."""
    samples = kx.Samples(IMAGES, targets=[0, 1, 2, 0, 1]) if samples is None else samples
    return engine_for(model).answer(samples, [queries], score)[0]


def logits_of(model, images, targets):
    plain = keras.Sequential([*model.layers[:-1]])
    weights, bias = model.layers[-1].get_weights()
    features = plain.predict(images, verbose=0)
    return (features @ weights + bias)[np.arange(len(images)), targets]


class Counting(layers.Layer):
    """Counts the forward passes that really run, compiled or not, and the images in them."""

    def __init__(self):
        super().__init__()
        self.batches = []

    def call(self, x):
        backend = keras.backend.backend()
        if backend == "tensorflow":
            import tensorflow as tf

            with tf.control_dependencies([tf.py_function(self.note, [tf.shape(x)[0]], [])]):
                return tf.identity(x)
        if backend == "jax":
            import jax

            jax.debug.callback(lambda: self.note(x.shape[0]))
        else:
            self.note(x.shape[0])
        return x

    def note(self, count):
        self.batches.append(int(count))

    def seen(self):
        """What ran since the last time, as the number of images in each pass."""
        if keras.backend.backend() == "jax":
            import jax

            jax.effects_barrier()
        seen, self.batches = self.batches, []
        return seen


class TestMerging:
    explainers = (
        kx.GradCAM(),
        kx.HiResCAM(layer="early"),
        kx.Activations(channels=2, depth=2),
        kx.GradCAM(["early", "late"]),
    )

    def test_together_is_as_alone(self, model):
        samples = kx.Samples(IMAGES, labels=[0, 1, 2, 0, 1])
        together = explain(model, self.explainers, samples, [None] * 4)
        for explainer, found in zip(self.explainers, together, strict=True):
            alone = explainer(model, samples)
            assert alone.raw.max() > 0
            np.testing.assert_allclose(found.raw, alone.raw, rtol=1e-5, atol=1e-7)
            np.testing.assert_allclose(found.scores, alone.scores, rtol=1e-6)
            assert found.details["layer"] == alone.details["layer"]

    def test_one_pass_serves_all(self):
        counting = Counting()
        model = network(counting)
        samples = kx.Samples(IMAGES)
        explain(model, self.explainers, samples, [None] * 4)
        counting.seen()
        explain(model, self.explainers, samples, [None] * 4)
        assert counting.seen() == [5]

    def test_perturbed_questions_cost_their_rows_and_one_pass_for_the_plain_images(self):
        counting = Counting()
        model = network(counting)
        lime = kx.LIME(num_samples=60)
        samples = kx.Samples(IMAGES)
        plan = lime.prepare(samples)
        explain(model, [lime, kx.GradCAM()], samples, [plan, None])
        counting.seen()
        explain(model, [lime, kx.GradCAM()], samples, [plan, None])
        full = 256 if keras.backend.backend() == "jax" else 44
        assert counting.seen() == [5, 256, full]  # 5 images, then 5 · 60 = 300 masked ones

    def test_another_score_needs_another_pass(self):
        counting = Counting()
        model = network(counting)
        pair = [kx.GradCAM(), kx.GradCAM(score=kx.scores.Probability())]
        samples = kx.Samples(IMAGES)
        explain(model, pair, samples, [None] * 2)
        counting.seen()
        logit, probability = explain(model, pair, samples, [None] * 2)
        assert counting.seen() == [5, 5]
        np.testing.assert_allclose(probability.scores, logit.predictions.max(axis=1), rtol=1e-5)

    def test_one_failure_does_not_touch_the_others(self, model):
        samples = kx.Samples(IMAGES)
        broken, fine = explain(model, [kx.GradCAM(layer="missing"), kx.GradCAM()], samples, [None] * 2)
        assert isinstance(broken, ValueError)
        np.testing.assert_allclose(fine.raw, kx.GradCAM()(model, samples).raw, rtol=1e-6)


class TestBatches:
    @pytest.mark.parametrize("explainer", [kx.GradCAM(), kx.GradCAM("early"), kx.LIME(num_samples=20, segments="grid")])
    def test_a_sample_is_explained_alike_in_any_company(self, model, explainer):
        together = explainer(model, kx.Samples(IMAGES))
        for i in range(5):
            alone = explainer(model, kx.Samples(IMAGES[i : i + 1]))
            scale = np.abs(together.raw[i]).max()
            np.testing.assert_allclose(alone.raw[0], together.raw[i], rtol=1e-4, atol=1e-5 * scale)
            assert alone.targets[0] == together.targets[i]

    def test_more_images_than_a_batch_holds(self):
        counting = Counting()
        model = network(counting)
        many = np.random.default_rng(1).normal(size=(300, 8, 8, 3)).astype(np.float32)
        assert batch_size((8, 8, 3)) == 256
        found = kx.GradCAM()(model, many)
        assert counting.seen()[-2:] == [256, 256 if keras.backend.backend() == "jax" else 44]
        assert found.raw.shape == (300, 4, 4)
        np.testing.assert_allclose(found.predictions, model.predict(many, verbose=0), rtol=1e-4, atol=1e-6)
        few = kx.GradCAM()(model, many[250:262])
        np.testing.assert_allclose(found.raw[250:262], few.raw, rtol=1e-4, atol=1e-6)

    @pytest.mark.parametrize(
        ("shape", "expected"), [((28, 28, 1), 256), ((32, 32, 3), 256), ((224, 224, 3), 16), ((4096, 4096, 3), 1)]
    )
    def test_hold_about_four_million_values(self, shape, expected):
        assert batch_size(shape) == expected


class TestTracing:
    def traces(self, model, number):
        assert engine_for(model).num_traces == (0 if keras.backend.backend() == "torch" else number)

    def test_once_for_new_weights_and_a_smaller_last_batch(self):
        model = network()
        explainer = kx.GradCAM()
        many = kx.Samples(np.random.default_rng(1).normal(size=(300, 8, 8, 3)))
        for _ in range(3):
            explainer(model, many)
            model.set_weights([1.1 * weight for weight in model.get_weights()])
        self.traces(model, 1)

    def test_once_for_lime(self):
        model = network()
        samples = kx.Samples(IMAGES)
        for seed in range(3):
            explainer = kx.LIME(num_samples=60, segments="grid", seed=seed)
            explain(model, [explainer], samples, [explainer.prepare(samples)])
            model.set_weights([1.1 * weight for weight in model.get_weights()])
        self.traces(model, 2)  # the plain images, the masked ones

    def test_once_for_equal_explainers_made_anew(self):
        model = network()
        for _ in range(3):
            kx.Activations(channels=2)(model, IMAGES)
            kx.GradCAM(layer=["early", "late"], score=kx.scores.Contrast(against=1))(model, IMAGES)
        self.traces(model, 2)

    @pytest.mark.parametrize(
        "explainer", [kx.GradCAM(), kx.LIME(num_samples=10), kx.VarGrad(num_samples=3)], ids=lambda one: one.name
    )
    def test_once_for_fewer_samples(self, explainer):
        """The last ones of a data set, or those that a budget allows: the same maps without another trace."""
        model = network()
        whole = explainer(model, IMAGES)
        before = engine_for(model).num_traces
        for count in (4, 3):
            found = explainer(model, IMAGES[:count])
            np.testing.assert_allclose(found.raw, whole.raw[:count], rtol=1e-4, atol=1e-6)
        assert engine_for(model).num_traces == before

    def test_a_first_call_that_takes_seconds_is_told_once(self, monkeypatch, caplog, capsys):
        require_backend("tensorflow", "jax", reason="torch compiles nothing")
        monkeypatch.setattr("keras_xai.engine._PATIENCE", 0.0)
        caplog.set_level("INFO", "keras_xai")
        model, progress = network(), Progress("explaining epoch 1")
        for _ in range(2):
            with engine_for(model).reporting(progress):
                kx.GradCAM()(model, IMAGES)
        assert [record.getMessage().partition(" in ")[0] for record in caplog.records] == [
            f"{model.name}: traced and compiled"
        ]
        assert capsys.readouterr().out.count("keras_xai: compiled in ") == 1

    def test_scores_made_anew_at_every_call_do_not_fill_the_memory(self, monkeypatch):
        monkeypatch.setattr("keras_xai.engine._MAX_COMPILED", 3)
        model = network()
        for factor in range(6):
            found = answer(model, Queries(), score=lambda outputs, targets, factor=factor: factor * outputs[:, 0])
            np.testing.assert_allclose(found.scores, factor * found.predictions[:, 0], rtol=1e-5)
            assert len(engine_for(model)._forwards) == min(factor + 1, 3)
        self.traces(model, 6)


class TestWeightsAreCurrent:
    def assert_current(self, model, found):
        np.testing.assert_allclose(found.scores, logits_of(model, IMAGES, found.targets), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found.predictions, model.predict(IMAGES, verbose=0), rtol=1e-4, atol=1e-6)

    def test_after_set_weights(self):
        model = network()
        first = kx.GradCAM()(model, IMAGES)
        model.set_weights([-weight for weight in model.get_weights()])
        model.get_layer("late").bias.assign(np.ones(6))
        second = kx.GradCAM()(model, IMAGES)
        self.assert_current(model, second)
        assert np.abs(second.raw - first.raw).max() > 1e-3

    def test_after_fit(self):
        model = network()
        model.compile("sgd", "sparse_categorical_crossentropy")
        kx.GradCAM()(model, IMAGES)
        for _ in range(2):
            before = model.get_weights()[0].copy()
            model.fit(IMAGES, np.array([0, 1, 2, 0, 1]), epochs=2, verbose=0)
            assert np.abs(model.get_weights()[0] - before).max() > 0
            self.assert_current(model, kx.GradCAM()(model, IMAGES))

    def test_after_lora_is_enabled(self):
        model = network()
        before = kx.GradCAM()(model, IMAGES)
        model.get_layer("classes").enable_lora(2)
        model.get_layer("late").enable_lora(2)
        for layer in ("classes", "late"):
            for matrix in (model.get_layer(layer).lora_kernel_a, model.get_layer(layer).lora_kernel_b):
                matrix.assign(np.random.default_rng(0).normal(size=matrix.shape))
        after = kx.GradCAM()(model, IMAGES)
        np.testing.assert_allclose(after.predictions, model.predict(IMAGES, verbose=0), rtol=1e-4, atol=1e-6)
        assert np.abs(after.predictions - before.predictions).max() > 1e-2

    def test_after_quantization(self):
        model = network()
        before = kx.LIME(num_samples=10)(model, IMAGES)
        model.get_layer("classes").quantize("int8")
        for explainer in (kx.LIME(num_samples=10), kx.GradCAM(layer="late")):
            after = explainer(model, IMAGES)
            np.testing.assert_allclose(after.predictions, model.predict(IMAGES, verbose=0), rtol=1e-4, atol=1e-5)
        assert 0 < np.abs(after.predictions - before.predictions).max() < 0.05


def test_a_dropped_model_is_freed():
    def explained():
        model = network()
        explainers = [kx.GradCAM(), kx.LIME(num_samples=10), kx.Activations()]
        samples = kx.Samples(IMAGES)
        kept = explain(model, explainers, samples, [explainer.prepare(samples) for explainer in explainers])
        assert all(isinstance(one, kx.Explanation) for one in kept)
        return weakref.ref(model), weakref.ref(engine_for(model)), kept

    model, engine, _ = explained()
    gc.collect()
    assert model() is None
    assert engine() is None


class TestScores:
    def test_of_ones_own_doubles_the_map(self, model):
        def twice(outputs, targets):
            return 2 * outputs[:, 0]

        once = kx.GradCAM(score=kx.scores.Probability())(model, IMAGES, targets=[0] * 5)
        found = kx.GradCAM(score=twice)(model, IMAGES)
        np.testing.assert_allclose(found.raw, 2 * once.raw, rtol=1e-4, atol=1e-8)
        np.testing.assert_allclose(found.scores, 2 * once.scores, rtol=1e-5)
        assert found.details["score"] == "twice"

    def test_a_contrast_is_the_difference_of_two_logits(self, model):
        """The CAM weights of a contrast are the differences of the two classes' weights."""
        weights = model.get_layer("classes").get_weights()[0]
        activations = answer(model, Queries(activations_at("late"))).activations
        expected = np.maximum(activations @ (weights[:, 2] - weights[:, 0]), 0) / 16
        found = kx.GradCAM(score=kx.scores.Contrast(against=0))(model, IMAGES, targets=[2] * 5)
        np.testing.assert_allclose(found.raw, expected, rtol=1e-4, atol=1e-6)


def shift(x, row, tables):
    return x + ops.reshape(row, (-1, 1, 1, 1))


def shift_by_table(x, row, tables):
    return x * row[:, None, None, None] + tables["image"]


def take_out(x, row, tables):
    """Set the channels where `row` is False to zero."""
    return x * ops.cast(row, x.dtype)[:, None, None, :]


def identity():
    """Its logits are the means of the image's channels, its layer "look" puts out the image."""
    look = layers.Conv2D(3, 1, use_bias=False, name="look")
    model = keras.Sequential([keras.Input((8, 8, 3)), look, layers.GlobalAveragePooling2D()])
    look.set_weights([np.eye(3, dtype=np.float32)[None, None]])
    return model


class TestRows:
    rows = np.random.default_rng(2).normal(size=(5, 70)).astype(np.float32)

    def test_every_row_is_asked(self):
        found = answer(identity(), Queries(perturb=shift, rows=self.rows))
        expected = IMAGES.mean(axis=(1, 2))[np.arange(5), [0, 1, 2, 0, 1]][:, None] + self.rows
        assert found.scores.shape == (5, 70)
        np.testing.assert_allclose(found.scores, expected, atol=1e-5)
        np.testing.assert_allclose(found.predictions.shape, (5, 70, 3))
        assert found.targets.tolist() == [0, 1, 2, 0, 1]

    def test_what_is_observed_is_stacked_by_row(self):
        found = answer(identity(), Queries([activations_at("look"), gradient_at_input()], shift, rows=self.rows[:, :3]))
        np.testing.assert_allclose(
            found.activations, IMAGES[:, None] + self.rows[:, :3, None, None, None], rtol=1e-5, atol=1e-5
        )
        images, gradients = found.input
        np.testing.assert_allclose(images, found.activations, atol=1e-6)
        expected = np.eye(3)[[0, 1, 2, 0, 1]][:, None, None, None] / 64 * np.ones((5, 3, 8, 8, 1))
        np.testing.assert_allclose(gradients, expected, atol=1e-7)

    def test_only_so_many_rows_of_each_sample_as_counted(self):
        rows = np.random.default_rng(0).normal(size=(5, 40)).astype(np.float32)
        rows[:, 0] = 0
        counts = [3, 0, 40, 1, 0]
        layer = Counting()
        model = network(layer)
        everything = answer(model, Queries(activations_at("late"), perturb=shift, rows=rows))
        layer.seen()
        found = answer(model, Queries(activations_at("late"), perturb=shift, rows=rows, counts=counts))
        asked = layer.seen()
        assert len(asked) == 1  # two batches for all 200 rows
        assert asked[0] == sum(counts) or keras.backend.backend() == "jax"  # whose batches are filled up
        np.testing.assert_array_equal(found.targets, everything.targets)
        for index, count in enumerate(counts):
            for one, other in ((found.scores, everything.scores), (found.activations, everything.activations)):
                np.testing.assert_allclose(one[index, :count], other[index, :count], rtol=1e-5, atol=1e-6)
                assert not one[index, count:].any()

    def test_tables_belong_to_the_sample(self):
        tables = {"image": np.random.default_rng(3).normal(size=IMAGES.shape).astype(np.float32)}
        found = answer(identity(), Queries(activations_at("look"), shift_by_table, rows=self.rows, tables=tables))
        expected = IMAGES[:, None] * self.rows[..., None, None, None] + tables["image"][:, None]
        np.testing.assert_allclose(found.activations, expected, rtol=1e-4, atol=1e-5)

    def test_the_target_is_that_of_the_unperturbed_image(self):
        # Each row adds much to one class in turn; the target stays what the plain image says.
        found = answer(
            identity(),
            Queries(perturb=brighten, rows=np.tile(np.eye(3, dtype=np.float32), (5, 1, 1))),
            kx.Samples(IMAGES),
        )
        expected = IMAGES.mean(axis=(1, 2)).argmax(axis=1)
        assert found.targets.tolist() == expected.tolist()
        np.testing.assert_allclose(found.scores.max(axis=1) - found.scores.min(axis=1), 100, rtol=1e-4)

    def test_weighted_sum_over_rows(self):
        weights = np.random.default_rng(4).normal(size=(5, 70))
        found = answer(
            identity(),
            Queries(activations_at("look"), shift, rows=self.rows, accumulate="weighted_sum", weights=weights),
        )
        each = IMAGES[:, None].astype(float) + self.rows[..., None, None, None]
        assert found.activations.shape == IMAGES.shape
        np.testing.assert_allclose(found.activations, np.einsum("nr,nrhwc->nhwc", weights, each), rtol=1e-4, atol=1e-4)
        assert found.scores.shape == (5, 70)

    @pytest.mark.parametrize("offset", [0, 1e4])
    def test_moments_over_rows(self, offset):
        rows = (self.rows + offset).astype(np.float32)
        found = answer(identity(), Queries(activations_at("look"), shift, rows=rows, accumulate="moments"))
        mean, variance = found.layers["look"]
        each = (IMAGES[:, None] + rows[..., None, None, None]).astype(float)
        np.testing.assert_allclose(mean, each.mean(axis=1), rtol=1e-6, atol=1e-5)
        # Float32 resolves 0.001 at 10,000; the difference of two squares would be wrong by 10.
        np.testing.assert_allclose(variance, each.var(axis=1), rtol=1e-4 if not offset else 3e-3)

    def test_moments_of_gradients(self):
        found = answer(
            network(), Queries(gradient_at_input(reduce=only_gradient), shift, rows=self.rows, accumulate="moments")
        )
        mean, variance = found.input
        assert mean.shape == variance.shape == IMAGES.shape
        assert (variance >= 0).all()
        assert variance.max() > 0

    def test_one_row_has_no_variance(self):
        found = answer(identity(), Queries(activations_at("look"), shift, rows=self.rows[:, :1], accumulate="moments"))
        np.testing.assert_allclose(found.layers["look"][1], 0, atol=1e-10)


def brighten(x, row, tables):
    return x + 100 * row[:, None, None, :]


def only_gradient(values, gradients):
    return gradients


@pytest.mark.parametrize("shape", [(7,), (7, 3)])
def test_entries_are_looked_up_as_numpy_does(shape):
    values = np.random.default_rng(0).random(shape).astype(np.float32)
    places = np.random.default_rng(1).integers(0, 7, (4, 1, 5)).astype(np.int32)
    found = backend.looked_up(ops.convert_to_tensor(values), ops.convert_to_tensor(places))
    np.testing.assert_array_equal(ops.convert_to_numpy(found), values[places])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "int32", "bool"])
def test_floats_are_read_as_float32(dtype):
    found = backend.to_numpy([ops.cast(np.array([0.0, 1.0, 3.0], np.float32), dtype)])[0]
    assert found.dtype == (np.float32 if "float" in dtype else dtype)
    np.testing.assert_array_equal(found, np.array([0, 1, 3], found.dtype))


class TestAtALayer:
    def test_taking_out_a_channel_is_zeroing_its_kernel(self, model):
        rows = ~np.eye(6, dtype=bool)[None].repeat(5, axis=0)
        found = answer(model, Queries(perturb=take_out, at="late", rows=rows))
        for channel in range(6):
            cut = network()
            cut.set_weights(model.get_weights())
            kernel, bias = cut.get_layer("late").get_weights()
            kernel[..., channel], bias[channel] = 0, 0
            cut.get_layer("late").set_weights([kernel, bias])
            np.testing.assert_allclose(
                found.scores[:, channel], logits_of(cut, IMAGES, found.targets), rtol=1e-4, atol=1e-5
            )
        assert np.ptp(found.scores, axis=1).max() > 1e-3

    def test_what_is_observed_there_is_what_goes_on(self, model):
        rows = ~np.eye(6, dtype=bool)[None].repeat(5, axis=0)
        found = answer(model, Queries(gradient_at("late"), perturb=take_out, at="late", rows=rows))
        plain = answer(model, Queries(gradient_at("late")))
        expected = plain.activations[:, None] * rows[:, :, None, None, :]
        np.testing.assert_allclose(found.activations, expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(
            found.gradients, np.broadcast_to(plain.gradients[:, None], found.gradients.shape), atol=1e-7
        )

    def test_in_channels_first(self):
        first = layers.Conv2D(4, 3, data_format="channels_first", name="look")
        model = keras.Sequential(
            [
                keras.Input((3, 9, 7)),
                first,
                layers.GlobalAveragePooling2D(data_format="channels_first"),
                layers.Dense(2),
            ]
        )
        samples = kx.Samples(np.random.default_rng(0).normal(size=(2, 3, 9, 7)), targets=[0, 1])
        rows = ~np.eye(4, dtype=bool)[None].repeat(2, axis=0)
        found = answer(model, Queries(activations_at("look"), perturb=take_out, at="look", rows=rows), samples)
        assert found.activations.shape == (2, 4, 7, 5, 4)
        for channel in range(4):
            assert not found.activations[:, channel, ..., channel].any()
            assert found.activations[:, channel - 1, ..., channel].any()


class TestRefusals:
    def test_no_keras_model(self):
        with pytest.raises(TypeError, match="model must be a Keras 3 model .*it is builtins.function"):
            kx.GradCAM()(lambda x: x, IMAGES)

    def test_a_model_without_weights(self):
        with pytest.raises(ValueError, match="has no weights yet. Build it first"):
            kx.GradCAM()(keras.Sequential([layers.Conv2D(2, 3), layers.Flatten()]), IMAGES)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"accumulate": "mean"}, 'accumulate must be "stack", "weighted_sum" or "moments"; it is \'mean\''),
            ({"perturb": shift}, "need perturb and rows together"),
            ({"rows": np.zeros((5, 2))}, "need perturb and rows together"),
            ({"perturb": shift, "rows": np.zeros((5, 2)), "accumulate": "weighted_sum"}, "belong together"),
            ({"weights": np.zeros((5, 2))}, "belong together"),
            ({"accumulate": "moments"}, "sums over rows, and these queries have none"),
            ({"counts": [1] * 5}, 'counts=... say how many rows to ask: give rows, and accumulate="stack"'),
        ],
    )
    def test_tables_that_make_no_sense(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            Queries(**arguments)

    def test_rows_for_other_samples(self, model):
        with pytest.raises(ValueError, match=r"rows must be arrays \(n, r, …\) with n = 5 samples"):
            answer(model, Queries(perturb=shift, rows=np.zeros((4, 2), np.float32)))

    @pytest.mark.parametrize("counts", [[1, 2], [1, 2, 3, 0, 0], [1, -1, 1, 1, 1], [0] * 5])
    def test_counts_that_do_not_fit_the_rows(self, model, counts):
        with pytest.raises(ValueError, match=r"counts must be \(5,\) int from 0 to 2, and not all 0; they are \["):
            answer(model, Queries(perturb=shift, rows=np.zeros((5, 2), np.float32), counts=counts))

    def test_answers_to_what_was_not_asked(self, model):
        plain = answer(model, Queries(activations_at("late")))
        with pytest.raises(ValueError, match="did not ask for gradients"):
            _ = plain.gradients
        both = answer(model, Queries(activations_at(["early", "late"])))
        with pytest.raises(ValueError, match=r"Answers hold the layers \['early', 'late'\]"):
            _ = both.activations
