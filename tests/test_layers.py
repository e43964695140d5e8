"""Which layer is looked at: chosen automatically as the literature does, or named in any way there is."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import keras_xai as kx
from keras_xai.engine import engine_for
from keras_xai.interception import named_operations


def topology(model, shape=(16, 16, 3)):
    x = np.zeros((1, *shape), np.float32)
    return engine_for(model).topology(kx.Samples(x))


def chosen(model, shape=(16, 16, 3), output=None):
    found = topology(model, shape)
    return found.automatic(found.head(output)).path


def classifier(make, shape=(16, 16, 3)):
    inputs = keras.Input(shape)
    return keras.Model(inputs, make(inputs))


def conv(name=None, channels=4, kernel=3, **arguments):
    return layers.Conv2D(channels, kernel, padding="same", name=name, **arguments)


def vgg(x):
    x = conv("block1", activation="relu")(x)
    x = layers.MaxPooling2D()(conv("block2", activation="relu")(x))
    x = layers.Dense(8, activation="relu")(layers.Flatten()(x))
    return layers.Dense(3, activation="softmax")(layers.Dropout(0.5)(x))


def residual(x):
    x = conv("stem")(x)
    branch = layers.BatchNormalization(name="bn")(conv("branch")(layers.ReLU()(x)))
    x = layers.ReLU(name="out")(layers.Add(name="add")([x, branch]))
    return layers.Dense(3)(layers.GlobalAveragePooling2D()(x))


def preactivated(x):
    x = layers.Add(name="add")([conv("stem")(x), conv("branch")(x)])
    x = layers.ReLU(name="post_relu")(layers.BatchNormalization(name="post_bn")(x))
    return layers.Dense(3)(layers.GlobalAveragePooling2D()(x))


def dense_connections(x):
    x = conv("stem")(x)
    x = layers.Concatenate(name="concat")([x, conv("branch")(x)])
    x = layers.ReLU(name="relu")(layers.BatchNormalization(name="bn")(x))
    return layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(x))


def mobile(x):
    """Its class scores come from a convolution after pooling."""
    x = layers.ReLU(6.0, name="last")(layers.BatchNormalization()(conv("stem")(x)))
    x = layers.Dropout(0.1)(layers.GlobalAveragePooling2D(keepdims=True)(x))
    return layers.Activation("softmax")(layers.Reshape((3,))(layers.Conv2D(3, 1)(x)))


def squeeze(x):
    """Its class scores are a map that is pooled."""
    x = conv("stem", activation="relu")(x)
    x = layers.ReLU(name="class_maps")(layers.Conv2D(3, 1, name="conv10")(layers.Dropout(0.5)(x)))
    return layers.Softmax()(layers.GlobalAveragePooling2D()(x))


def excited(x):
    x = conv("stem", activation="relu")(x)
    gates = layers.Dense(4, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    return layers.Dense(3)(layers.GlobalMaxPooling2D()(layers.Multiply(name="excited")([x, gates])))


def padded(x):
    """What comes after the convolution moves or thins out its map."""
    x = layers.ZeroPadding2D()(layers.Dropout(0.2)(conv("last")(x)))
    x = layers.Permute((2, 1, 3))(layers.Cropping2D()(layers.AveragePooling2D(2)(x)))
    return layers.Dense(3)(layers.Flatten()(layers.Reshape((15, 15, 4))(layers.Identity()(layers.ZeroPadding2D(3)(x)))))


def rescaled(x):
    return layers.Dense(3)(layers.GlobalAveragePooling2D()(conv("only")(layers.Rescaling(1 / 255)(x))))


def patches(x):
    x = layers.Reshape((16, 8))(layers.Conv2D(8, 4, strides=4, name="patches")(x))
    x = layers.Add()([x, layers.MultiHeadAttention(2, 4)(x, x)])
    return layers.Dense(3)(layers.GlobalAveragePooling1D()(layers.LayerNormalization(name="tokens")(x)))


def shrunk(x):
    x = conv("two_by_two", strides=2)(conv(strides=4)(x))
    return layers.Dense(3)(layers.Flatten()(conv("one_cell", strides=2, activation="relu")(x)))


def by_operations(x):
    x = conv("last")(x)
    return layers.Dense(3)(ops.mean(x, axis=(1, 2)))


def with_a_dead_end(x):
    used = conv("used")(x)
    conv("dead_end")(used)
    return layers.Dense(3)(layers.GlobalAveragePooling2D()(used))


def segmenting(x):
    return layers.Conv2D(3, 1, activation="softmax", name="pixels")(conv("features", activation="relu")(x))


AUTOMATIC = {
    vgg: "block2",
    residual: "out",
    preactivated: "post_relu",
    dense_connections: "relu",
    mobile: "last",
    squeeze: "class_maps",
    excited: "excited",
    padded: "last",
    rescaled: "only",
    patches: "tokens",
    shrunk: "two_by_two",
    by_operations: "last",
    with_a_dead_end: "used",
    segmenting: "features",
}


class TestAutomaticChoice:
    @pytest.mark.parametrize("make", AUTOMATIC, ids=lambda make: make.__name__)
    def test_is_the_last_map_after_its_activation(self, make):
        assert chosen(classifier(make)) == AUTOMATIC[make]

    @pytest.mark.parametrize("make", [vgg, residual, mobile], ids=lambda make: make.__name__)
    def test_looks_through_nested_models(self, make):
        inner = keras.Model(*(lambda x: (x, make(x)))(keras.Input((16, 16, 3))), name="inner")
        outer = keras.Sequential([keras.Input((16, 16, 3)), inner], name="outer")
        model = classifier(lambda x: layers.Dense(2)(outer(layers.RandomFlip()(x))))
        assert chosen(model) == f"outer/inner/{AUTOMATIC[make]}"

    def test_looks_into_subclassed_models(self):
        class Network(keras.Model):
            def __init__(self):
                super().__init__()
                self.blocks = [conv("a"), conv("b")]
                self.unused = conv("unused")
                self.head = layers.Dense(3)

            def build(self, shape):
                for layer in (*self.blocks, self.unused):
                    layer.build((*shape[:3], layer.filters if layer.name == "b" else 3))
                self.head.build((None, 4))

            def call(self, x):
                for block in self.blocks:
                    x = ops.relu(block(x)) * 2.0
                return self.head(ops.mean(x, axis=(1, 2)))

        model = Network()
        model.build((None, 16, 16, 3))
        assert chosen(model) == "b"

    def test_a_block_that_ends_in_operations_is_looked_at_as_a_whole(self):
        class Block(layers.Layer):
            def __init__(self, **arguments):
                super().__init__(**arguments)
                self.conv = conv("conv")

            def call(self, x):
                return ops.relu(x[..., :1] + self.conv(x))

        model = classifier(lambda x: layers.Dense(3)(layers.GlobalAveragePooling2D()(Block(name="block")(x))))
        assert chosen(model) == "block"

    def test_each_output_has_its_own(self):
        def make(x):
            x = conv("stem")(x)
            left, right = (layers.GlobalAveragePooling2D()(conv(name)(x)) for name in ("left", "right"))
            return {"a": layers.Dense(3)(left), "b": layers.Dense(3)(right)}

        model = classifier(make)
        assert chosen(model, output="a") == "left"
        assert chosen(model, output="b") == "right"

    def test_channels_first(self):
        def make(x):
            x = layers.Conv2D(4, 3, data_format="channels_first", name="last")(x)
            return layers.Dense(3)(
                layers.GlobalAveragePooling2D(data_format="channels_first")(layers.ReLU(name="relu")(x))
            )

        found = topology(classifier(make, (3, 16, 12)), (3, 16, 12))
        call = found.automatic(found.heads[0])
        assert (call.path, call.shape, call.channels_first) == ("relu", (14, 10, 4), True)

    def test_is_reported(self):
        model = classifier(residual)
        assert kx.GradCAM()(model, np.zeros((1, 16, 16, 3), np.float32)).details["layer"] == "out"

    @pytest.mark.parametrize(
        "make",
        [
            lambda x: layers.Dense(3)(layers.Flatten()(x)),
            lambda x: layers.Dense(3)(layers.Flatten()(layers.MaxPooling2D()(layers.Rescaling(2.0)(x)))),
            lambda x: layers.Dense(3)(layers.GlobalAveragePooling2D()(layers.Conv2D(4, 16)(x))),
        ],
    )
    def test_without_a_learned_map_says_what_to_do(self, make):
        with pytest.raises(
            ValueError, match="No layer of this model computes a map with learned kernels.*keras_xai.LIME"
        ):
            chosen(classifier(make))

    def test_a_shared_layer_is_ambiguous(self):
        shared = conv("shared")

        def make(x):
            both = [layers.GlobalAveragePooling2D()(shared(view)) for view in (x, ops.flip(x, axis=2))]
            return layers.Dense(3)(layers.Concatenate()(both))

        with pytest.raises(ValueError, match="Layer 'shared' is shared: it runs 2 times in one forward pass"):
            chosen(classifier(make))

    def test_a_layer_applied_repeatedly_is_looked_at_in_the_end(self):
        again = conv("again")
        model = classifier(lambda x: layers.Dense(3)(layers.GlobalAveragePooling2D()(again(again(conv("stem")(x))))))
        found = topology(model)
        call = found.automatic(found.heads[0])
        assert (call.path, call.index) == ("again", 1)


@pytest.fixture(scope="module")
def nested():
    backbone = keras.Sequential([keras.Input((16, 16, 3)), conv("conv"), conv("last")], name="backbone")

    def make(x):
        x = conv("conv")(backbone(x))
        return layers.Dense(3, name="classes")(layers.GlobalAveragePooling2D(name="pool")(x))

    return classifier(make)


class TestNamingLayers:
    def resolve(self, model, layer):
        found = topology(model)
        return [call.path for call in found.resolve(layer, found.heads[0])]

    def test_by_name_path_index_and_object(self, nested):
        backbone = nested.get_layer("backbone")
        assert self.resolve(nested, "conv") == ["conv"]  # a path of its own comes before the end of another
        assert self.resolve(nested, "last") == ["backbone/last"]
        assert self.resolve(nested, "backbone/conv") == ["backbone/conv"]
        assert self.resolve(nested, 2) == self.resolve(nested, -3) == ["conv"]
        assert self.resolve(nested, backbone.layers[0]) == ["backbone/conv"]
        assert self.resolve(nested, backbone) == ["backbone"]
        assert self.resolve(nested, ["last", 2, "conv", None]) == ["backbone/last", "conv"]

    @pytest.mark.parametrize(
        ("layer", "error", "message"),
        [
            (
                "lsat",
                ValueError,
                r"has no layer 'lsat'\. Did you mean \['backbone/last'\]\? Layers with maps: .*'conv'",
            ),
            ("zzz", ValueError, r"has no layer 'zzz'\. Layers with maps"),
            (9, ValueError, "layer=9 is out of range: the model has 5 layers"),
            (-6, ValueError, "layer=-6 is out of range"),
            (
                "classes",
                ValueError,
                r"output of layer 'classes' has shape \('batch', 3\), but a map needs.*Layers that fit",
            ),
            ("pool", ValueError, r"'pool' has shape \('batch', 4\)"),
            ([], ValueError, r"layer=\[\] names no layer"),
            (True, TypeError, "layer must be None, a name, a path such as .*; it is True of type bool"),
            (1.5, TypeError, "layer must be None, .*; it is 1.5 of type float"),
        ],
    )
    def test_what_is_no_layer_is_refused(self, nested, layer, error, message):
        with pytest.raises(error, match=message):
            self.resolve(nested, layer)

    def test_a_layer_of_another_model_is_refused(self, nested):
        with pytest.raises(ValueError, match="The layer object 'stranger' is not part of this model"):
            self.resolve(nested, conv("stranger"))

    def test_one_name_in_two_nested_models_needs_the_path(self):
        def stage(name):
            return keras.Sequential([keras.Input((16, 16, 4)), conv("conv")], name=name)

        first, second = stage("first"), stage("second")
        model = classifier(lambda x: layers.Flatten()(second(first(conv("stem")(x)))))
        with pytest.raises(ValueError, match=r"Several layers are called 'conv': \['first/conv', 'second/conv'\]"):
            self.resolve(model, "conv")
        assert self.resolve(model, "second/conv") == ["second/conv"]

    def test_a_layer_that_does_not_run_is_refused(self):
        class Network(keras.Model):
            def __init__(self):
                super().__init__()
                self.used, self.idle = conv("used"), conv("idle")

            def build(self, shape):
                self.used.build(shape)
                self.idle.build(shape)

            def call(self, x):
                return ops.mean(self.used(x), axis=(1, 2))

        model = Network()
        model.build((None, 16, 16, 3))
        with pytest.raises(ValueError, match=r"Layer 'idle' does not run in a forward pass.*Layers with maps: 'used'"):
            self.resolve(model, "idle")

    def test_a_shared_layer_is_refused(self):
        again = conv("again")
        model = classifier(lambda x: layers.Flatten()(again(again(conv("stem")(x)))))
        with pytest.raises(
            ValueError, match="'again' is shared: it runs 2 times.*Choose a layer that runs once.*'stem'"
        ):
            self.resolve(model, "again")

    def test_two_layers_of_one_name_in_a_subclassed_model(self):
        class Network(keras.Model):
            def __init__(self):
                super().__init__()
                self.a, self.b = conv("same"), conv("same")

            def call(self, x):
                return ops.mean(self.b(self.a(x)), axis=(1, 2))

        model = Network()
        model(np.zeros((1, 16, 16, 3), np.float32))
        assert [path for path, _ in named_operations(model)] == ["same", "same'"]
        assert chosen(model) == "same'"


class TestHeads:
    @pytest.mark.parametrize(
        ("head", "activation"),
        [
            (lambda x: layers.Dense(3, activation="softmax")(x), "softmax"),
            (lambda x: layers.Dense(3, activation="sigmoid")(x), "sigmoid"),
            (lambda x: layers.Dense(3)(x), None),
            (lambda x: layers.Dense(3, activation="relu")(x), None),
            (lambda x: layers.Activation("softmax")(layers.Dense(3)(x)), "softmax"),
            (lambda x: layers.Softmax()(layers.Dense(3)(x)), "softmax"),
            (lambda x: layers.Rescaling(2.0)(layers.Dense(3, activation="softmax")(x)), None),
        ],
    )
    def test_where_the_logits_are(self, head, activation):
        model = classifier(lambda x: head(layers.GlobalAveragePooling2D()(conv("last")(x))))
        (found,) = topology(model).heads
        assert found.activation == activation
        assert found.shape == (3,)
        assert found.num_classes == 3

    def test_one_unit_has_two_classes(self):
        model = classifier(lambda x: layers.Dense(1, activation="sigmoid")(layers.Flatten()(x)))
        assert topology(model).heads[0].num_classes == 2

    def test_names_of_several(self):
        def make(x):
            x = layers.Flatten()(x)
            return [layers.Dense(2, name="first")(x), layers.Dense(3, name="second")(x)]

        found = topology(classifier(make))
        assert [head.name for head in found.heads] == ["first", "second"]
        assert found.head("second") == found.head(1) == found.head(-1)
        with pytest.raises(ValueError, match="has 2 outputs"):
            found.head(None)


def test_looking_leaves_the_layers_as_they_were_also_after_an_error():
    model = classifier(residual)
    before = {path: dict(vars(operation)) for path, operation in named_operations(model)}
    images = np.zeros((2, 16, 16, 3), np.float32)

    def broken(outputs, targets):
        raise RuntimeError("broken score")

    kx.GradCAM()(model, images)
    with pytest.raises(RuntimeError, match="broken score"):
        kx.GradCAM(score=broken)(model, images)
    with pytest.raises(ValueError, match="has no layer"):
        kx.GradCAM(layer="missing")(model, images)
    for path, operation in named_operations(model):
        after = vars(operation)
        assert list(after) == list(before[path])
        assert all(after[name] is value for name, value in before[path].items())
