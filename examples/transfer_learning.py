"""Transfer learning: a pretrained backbone inside a new model, first frozen, then fine-tuned, watched all the way.

    python examples/transfer_learning.py --weights imagenet     (downloads VGG16's weights once)

The pictures are 32×32, as those of CIFAR-10: digits on photographs, which come with scikit-learn and scikit-image. The
automatic layer looks through the nested model, and the second `fit` goes on where the first one stopped.
"""

import argparse

import keras

import keras_xai as kx
from keras_xai.demo.data import make_data


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--weights", choices=["imagenet"], help="default: random weights, which need no download")
    arguments.add_argument("--count", type=int, default=2000, help="pictures to train on")
    arguments.add_argument("--epochs", type=int, default=3, help="of each of the two phases")
    arguments.add_argument("--log-dir", default="logs/transfer")
    options = arguments.parse_args()

    data = make_data(train_count=options.count, validation_count=200)
    x, y = data.train.images.astype("float32"), data.train.labels
    held_out, labels = data.validation.images.astype("float32"), data.validation.labels

    backbone = keras.applications.VGG16(weights=options.weights, include_top=False, input_shape=(32, 32, 3))
    backbone.trainable = False
    inputs = keras.Input((32, 32, 3))
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    # Of 32×32 pixels block4 leaves 4×4 cells to look at, block5 only 2×2.
    features = keras.Model(backbone.inputs, backbone.get_layer("block4_conv3").output, name="vgg16")(scaled)
    pooled = keras.layers.GlobalAveragePooling2D()(features)
    model = keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(pooled))

    samples = kx.Samples(held_out[:12], labels=labels[:12])
    callback = kx.callbacks.ExplanationCallback(samples, ["grad_cam", "hires_cam"], options.log_dir)
    fit = {"validation_data": (held_out, labels), "callbacks": [callback], "verbose": 2}

    print("Frozen backbone")
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=options.epochs, **fit)

    print("Fine-tuning")
    model.get_layer("vgg16").trainable = True
    model.compile(keras.optimizers.Adam(1e-5), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, initial_epoch=options.epochs, epochs=2 * options.epochs, **fit)

    print("Layer:", callback.explanations["grad_cam"].details["layer"])


if __name__ == "__main__":
    main()
