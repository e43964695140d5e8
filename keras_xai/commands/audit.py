"""`keras-xai audit`"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from keras_xai.commands.parsing import add_model_arguments, at_least, command
from keras_xai.commands.starting_keras import start_keras

DESCRIPTION = """\
Find out which classes of a saved model rely on a small region or on a
property of the whole picture (brightness, colour, sharpness, ...).

DIRECTORY holds one folder of held-out images per class, in the alphabetical
order of the model's classes. Regions and properties are swapped between
images of different classes; what changes the model's mind is reported, with a
stated rate of false alarms. Some 200 images per class are enough.
"""

EPILOG = """\
it writes into the log directory:
  audit.md           what was found, and what could not be examined and why
  and what TensorBoard shows: the alerts with pictures before and after

examples:
  keras-xai audit model.keras held_out/
  keras-xai audit model.keras held_out/ --log-dir runs/audit --limit 100
  keras-xai audit resnet.keras held_out/ \\
      --preprocess keras.applications.resnet50:preprocess_input
"""


def add(commands: Any) -> None:
    """Adds the command."""
    summary = "find out what a saved model relies on"
    parser = command(commands, "audit", _audit, summary, DESCRIPTION, EPILOG)
    parser.add_argument("model", metavar="MODEL.keras", help="what model.save(...) wrote")
    parser.add_argument("directory", metavar="DIRECTORY", help="holds one folder of images per class")
    add_model_arguments(parser)
    parser.add_argument(
        "--limit", type=at_least(16), default=192, metavar="N", help="images per class, drawn by chance (default: 192)"
    )
    parser.add_argument("--seed", type=at_least(0), default=0, metavar="N", help="of all draws (default: 0)")
    parser.add_argument(
        "--log-dir", default="keras-xai-audit", metavar="DIR", help="where to write (default: keras-xai-audit)"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress, only what was found")


def _audit(arguments: argparse.Namespace) -> None:
    from keras_xai.commands.image_folders import choose_images, find_classes, numbered_classes

    names = find_classes(arguments.directory)
    keras = start_keras()
    from keras_xai.commands.images import read_images
    from keras_xai.commands.preprocessing import preprocessing
    from keras_xai.commands.saved_model import image_shape, load_model

    class_names = _class_names(arguments.class_names)
    model = load_model(arguments.model, arguments.modules)
    height, width, channels, channels_first = image_shape(model, arguments.image_size)
    preprocess, how = preprocessing(arguments.preprocess, model)
    classes = numbered_classes(names, class_names, _num_classes(model))
    paths, labels = choose_images(arguments.directory, classes, arguments.limit, arguments.seed)
    pixels = read_images(paths, (height, width), channels)
    samples = _samples(preprocess(pixels), pixels, paths, labels, class_names or names, channels_first)

    def say(text: str) -> None:
        if not arguments.quiet:
            print(text, flush=True)

    say(f"{len(paths)} images of {len(names)} classes as {height}x{width}x{channels}, preprocessed: {how}")
    say(f"The model recognises {_accuracy(model, samples):.0%} of them.")
    _conclude(_run(model, samples, arguments, keras), Path(arguments.log_dir))


def _num_classes(model: Any) -> int:
    shape = model.output_shape
    if not isinstance(shape, tuple) or len(shape) != 2:
        raise ValueError(
            f"The model {model.name!r} puts out {shape}; expected one score per class, (batch, classes). Audit other models "
            "in Python: keras_xai.audit(model, samples)."
        )
    return max(2, shape[1])


def _class_names(path: str | None) -> list[str] | None:
    return None if path is None else Path(path).read_text(encoding="utf-8").splitlines()


def _samples(
    inputs: Any, pixels: Any, paths: list[Path], labels: list[int], class_names: list[str], channels_first: bool
) -> Any:
    import numpy as np

    import keras_xai as kx

    return kx.Samples(
        np.moveaxis(inputs, -1, 1) if channels_first else inputs,
        labels=labels,
        images=pixels,
        names=[f"{path.parent.name}/{path.name}" for path in paths],
        class_names=class_names,
        data_format="channels_first" if channels_first else "channels_last",
    )


def _accuracy(model: Any, samples: Any) -> float:
    """The first sign of a wrong --preprocess or of folders in another order."""
    import numpy as np

    from keras_xai.spurious.asking import Oracle

    return float((Oracle(model, samples).classes(np.arange(len(samples))) == samples.labels).mean())


def _run(model: Any, samples: Any, arguments: argparse.Namespace, keras: Any) -> Any:
    import keras_xai as kx

    bars: list[Any] = []

    def progress(done: int, total: int) -> None:
        if not bars:
            bars.append(keras.utils.Progbar(total, unit_name="class"))
        bars[0].update(done)

    return kx.audit(
        model,
        samples,
        log_dir=arguments.log_dir,
        per_class=arguments.limit,
        seed=arguments.seed,
        progress=None if arguments.quiet else progress,
    )


def _conclude(findings: Any, log_dir: Path) -> None:
    summary = log_dir / "audit.md"
    log_dir.mkdir(parents=True, exist_ok=True)
    summary.write_text(findings.report() + "\n", encoding="utf-8")
    for alert in findings:
        print(f"\n{alert.sentence}")
    if not findings:
        print("\nNo reliance on a small region or a global property was verified.")
    print(f"\nAll numbers: {summary}\nPictures: tensorboard --logdir {log_dir}", flush=True)
