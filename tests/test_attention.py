"""Tokens as maps, attention scores and their rollout, against a vision transformer written down in NumPy."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import keras_xai as kx
from keras_xai.calls import token_grid
from keras_xai.engine import engine_for
from keras_xai.explainers.attention_rollout import rollout
from keras_xai.queries import Queries, attention_scores
from tests import numpy_layers as slow
from tests.models import COUNT, KINDS, filled, slow_tokens, weights


@pytest.mark.parametrize(
    ("tokens", "size", "grid"),
    [
        (196, (224, 224), (14, 14)),
        (197, (224, 224), (14, 14)),
        (15, (6, 10), (3, 5)),
        (16, (6, 10), (3, 5)),  # patches of the image before a square of tokens
        (9, (8, 8), (3, 3)),
        (10, (8, 8), (3, 3)),
        (12, (8, 8), None),
        (1, (8, 8), None),
    ],
)
def test_tokens_fill_the_image_or_a_square(tokens, size, grid):
    assert token_grid(tokens, size) == grid


@pytest.fixture(scope="module")
def model():
    return KINDS["vision_transformer"].model()


@pytest.fixture(scope="module")
def samples():
    return kx.Samples(KINDS["vision_transformer"].inputs(), targets=[0, 1, 2])


def expected_scores(model, samples):
    """(COUNT, heads, 16, 16), the class token first."""
    w = weights(model)
    token = slow.layer_norm(w["class_token"]["token"] + w["class_token"]["position"][:, :1], **w["norm"])
    patches = slow_tokens(w, samples.image).reshape(COUNT, 15, 4)
    return slow.attention_scores(np.concatenate([token.repeat(COUNT, axis=0), patches], axis=1), w)


def test_attention_scores_are_those_of_numpy(model, samples):
    (seen,) = engine_for(model).answer(samples, [Queries(attention_scores())])
    assert list(seen.layers) == ["attention"]
    np.testing.assert_allclose(seen.layers["attention"], expected_scores(model, samples), rtol=0, atol=1e-5)


def test_observing_attention_changes_no_output(model, samples):
    plain, observed = (
        engine_for(model).answer(samples, [asked])[0] for asked in (Queries(), Queries(attention_scores()))
    )
    np.testing.assert_array_equal(observed.predictions, plain.predictions)
    np.testing.assert_array_equal(observed.scores, plain.scores)


def test_rollout_of_one_layer_is_what_the_class_token_reads(model, samples):
    found = kx.AttentionRollout()(model, samples)
    expected = 0.5 * expected_scores(model, samples).mean(axis=1)[:, 0, 1:].reshape(COUNT, 3, 5)
    np.testing.assert_allclose(found.raw, expected, rtol=0, atol=1e-5 * expected.max())
    assert found.details["layer"] == ["attention"]


def test_rollout_of_two_layers_by_hand():
    # Each token reads itself and the other half and half, then the first alone.
    half, first = np.full((1, 2, 2), 0.5), np.array([[[1.0, 0], [1, 0]]])
    # ½ A + ½ I: [[¾, ¼], [¼, ¾]], then [[1, 0], [½, ½]].
    np.testing.assert_allclose(rollout([half, first]), [[[0.75, 0.25], [0.5, 0.5]]])
    np.testing.assert_allclose(rollout([first, half]), [[[0.875, 0.125], [0.625, 0.375]]])


def transformer(attend, patches=9, blocks=2):
    """No class token: the mean over tokens goes into the head."""
    inputs = keras.Input((6, 6, 3))
    x = layers.Reshape((patches, 4))(layers.Conv2D(4, 2, strides=2, name="patches")(inputs))
    for block in range(blocks):
        y = layers.LayerNormalization(name=f"norm{block}")(x)
        x = layers.Add(name=f"add{block}")([x, attend(block)(y, y)])
    x = layers.LayerNormalization(name="last_norm")(x)
    return filled(keras.Model(inputs, layers.Dense(3, name="out")(layers.GlobalAveragePooling1D()(x))))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((2, 6, 6, 3), np.float32)


def test_without_a_class_token_the_rollout_is_the_mean_over_tokens(images):
    model = transformer(lambda block: layers.MultiHeadAttention(2, 3, name=f"attend{block}"))
    found = kx.AttentionRollout()(model, images)
    (seen,) = engine_for(model).answer(kx.Samples(images), [Queries(attention_scores())])
    flow = [0.5 * one.mean(axis=1) + 0.5 * np.eye(9) for one in seen.layers.values()]
    np.testing.assert_allclose(found.raw.reshape(2, 9), (flow[1] @ flow[0]).mean(axis=1), rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.raw.sum(axis=(1, 2)), 1, rtol=1e-6)
    assert np.ptp(found.raw) > 1e-3
    alone = kx.AttentionRollout(layer="attend1")(model, images)
    np.testing.assert_allclose(alone.raw.reshape(2, 9), flow[1].mean(axis=1), rtol=0, atol=1e-6)


def test_grouped_query_attention_and_layers_that_return_their_scores(images):
    class Both(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.attend = layers.MultiHeadAttention(2, 3, name="inner")

        def call(self, x, y):
            return self.attend(x, y, return_attention_scores=True)[0]

    makers = [
        lambda block: layers.GroupQueryAttention(3, 4, 2, name=f"attend{block}"),
        lambda block: Both(name=f"attend{block}"),
    ]
    for attend in makers:
        found = kx.AttentionRollout()(transformer(attend), images)
        assert len(found.details["layer"]) == 2
        np.testing.assert_allclose(found.raw.sum(axis=(1, 2)), 1, rtol=1e-5)


def test_the_automatic_layer_without_a_class_token_is_the_last(images):
    model = transformer(lambda block: layers.MultiHeadAttention(2, 3, name=f"attend{block}"))
    found = kx.GradCAM()(model, images)
    assert found.details["layer"] == "last_norm"
    assert found.raw.shape == (2, 3, 3)


def test_with_a_class_token_the_last_layer_has_no_gradient_and_is_not_chosen(model, samples):
    assert kx.GradCAM()(model, samples).details["layer"] == "norm"
    assert not kx.GradCAM(layer="last_norm")(model, samples).raw.any()


def test_a_given_grid_lays_the_last_tokens_out(model, samples):
    usual = kx.HiResCAM(layer="norm")(model, samples)
    flat = kx.HiResCAM(layer="norm", grid=(1, 15))(model, samples)
    np.testing.assert_allclose(flat.raw.reshape(usual.raw.shape), usual.raw, rtol=1e-5, atol=1e-7)
    few = kx.HiResCAM(layer="norm", grid=(2, 5))(model, samples)
    np.testing.assert_allclose(few.raw, usual.raw[:, 1:], rtol=1e-5, atol=1e-7)


def test_two_grids_of_one_layer_can_be_asked_for_together(model, samples):
    from keras_xai.explainers.explainer import explain

    asked = [kx.HiResCAM(layer="norm"), kx.HiResCAM(layer="norm", grid=(5, 3))]
    one, other = explain(model, asked, samples, [None, None])
    np.testing.assert_allclose(one.raw.ravel(), other.raw.ravel(), rtol=1e-6, atol=1e-8)
    assert one.raw.any()


def test_an_mlp_mixer_is_not_taken_for_tokens(images):
    inputs = keras.Input((6, 6, 3))
    x = layers.Conv2D(16, 2, strides=2, activation="relu", name="patches")(inputs)
    x = layers.Dense(9)(layers.Permute((2, 1))(layers.Reshape((9, 16))(x)))  # 16 channels, no grid
    model = filled(keras.Model(inputs, layers.Dense(3, name="out")(layers.GlobalAveragePooling1D()(x))))
    assert kx.GradCAM()(model, images).details["layer"] == "patches"


def of_a_cnn(model, samples):
    return kx.AttentionRollout()(KINDS["functional"].model(), KINDS["functional"].inputs())


REFUSED = {
    "no attention": (of_a_cnn, "no attention layer whose scores can be observed"),
    "no attention layer": (lambda m, s: kx.AttentionRollout(layer="norm")(m, s), r"\['norm'\] are no attention layers"),
    "a grid too large": (
        lambda m, s: kx.GradCAM(grid=(4, 5))(m, s),
        r"grid=\(4, 5\) needs 20 tokens; layer 'norm' has 16",
    ),
    "a rollout grid too large": (
        lambda m, s: kx.AttentionRollout(grid=(4, 5))(m, s),
        r"16 tokens do not fill grid=\(4, 5\)",
    ),
    "a grid for a map": (
        lambda m, s: kx.GradCAM(layer="patches", grid=(3, 5))(m, s),
        "'patches' has shape .*'batch', 3, 5, 4.*, a map already",
    ),
    "one number": (lambda m, s: kx.GradCAM(grid=4), r"grid must be \(rows, columns\).* it is 4"),
    "three numbers": (lambda m, s: kx.GradCAM(grid=(1, 2, 3)), r"grid must be .* it is \(1, 2, 3\)"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused(case, model, samples):
    call, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        call(model, samples)


def test_attention_between_two_sets_of_tokens_is_refused(images):
    inputs = keras.Input((6, 6, 3))
    x = layers.Reshape((9, 4))(layers.Conv2D(4, 2, strides=2)(inputs))
    few = x[:, :4]
    x = layers.MultiHeadAttention(2, 3, name="cross")(few, x)
    model = keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling1D()(x)))
    with pytest.raises(ValueError, match=r"one set of tokens.*'cross': \(4, 9\)"):
        kx.AttentionRollout()(model, images)


def test_flash_attention_is_off_only_while_scores_are_computed(model, samples):
    layer = model.get_layer("attention")
    before = dict(vars(layer))
    kx.AttentionRollout()(model, samples)
    assert vars(layer) == before
    object.__setattr__(layer, "_flash_attention", True)
    try:
        seen = []
        original = layer._compute_attention
        from keras_xai.interception import _showing

        wrapped = _showing(layer, {0: seen.append})(original)
        query = ops.ones((1, 4, 2, 3))
        with pytest.raises(Exception):  # noqa: B017 the layer's own way wants a GPU
            wrapped(query, query, query)
        assert seen[0].shape == (1, 2, 4, 4)
        assert layer._flash_attention is True
    finally:
        object.__setattr__(layer, "_flash_attention", False)
