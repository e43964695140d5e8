"""`keras-xai explain`"""

from __future__ import annotations

import argparse
import inspect
import re
from pathlib import Path
from typing import Any

from keras_xai.commands.parsing import add_model_arguments, command
from keras_xai.commands.starting_keras import start_keras

DESCRIPTION = """\
Explain what a saved model sees in image files.

For every method it writes one page with all images, the maps over them and
their colour scales (METHOD.png), and the maps as numbers (METHOD.npz, for
keras_xai.Explanation.load).
"""

EPILOG = """\
examples:
  keras-xai explain model.keras cat.jpg coffee.jpg
  keras-xai explain model.keras photos/ --method grad_cam --method lime
  keras-xai explain model.keras cat.jpg --layer backbone/block5_conv3
  keras-xai explain model.keras cat.jpg --target 285
  keras-xai explain resnet.keras cat.jpg \\
      --preprocess keras.applications.resnet50:preprocess_input
"""


def add(commands: Any) -> None:
    """Adds the command."""
    parser = command(commands, "explain", _explain, "explain a saved model on image files", DESCRIPTION, EPILOG)
    parser.add_argument("model", metavar="MODEL.keras", help="what model.save(...) wrote")
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="image files, or folders of them")
    parser.add_argument(
        "--method", action="append", metavar="NAME", help="grad_cam (the default), lime, ...; may be given repeatedly"
    )
    parser.add_argument("--layer", metavar="LAYER", help="a name, a path through nested models, or a number")
    parser.add_argument(
        "--target",
        default="predicted",
        metavar="CLASS",
        help="a number, or a name of --class-names (default: predicted)",
    )
    add_model_arguments(parser)
    parser.add_argument("--out", default="explanations", metavar="DIR", help="where to write (default: explanations)")
    parser.add_argument("--quiet", action="store_true", help="no progress, no table")


def _explain(arguments: argparse.Namespace) -> None:
    from keras_xai.commands.images import find_images, read_images

    paths = find_images(arguments.images)
    start_keras()
    from keras_xai.commands.preprocessing import preprocessing
    from keras_xai.commands.saved_model import image_shape, load_model

    explainers = _explainers(arguments.method or ["grad_cam"], arguments.layer)
    model = load_model(arguments.model, arguments.modules)
    height, width, channels, channels_first = image_shape(model, arguments.image_size)
    preprocess, how = preprocessing(arguments.preprocess, model)
    pixels = read_images(paths, (height, width), channels)
    samples = _samples(preprocess(pixels), pixels, paths, channels_first, arguments.class_names, arguments.target)
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    say = _silent if arguments.quiet else _print
    say(f"{len(paths)} images as {height}x{width}x{channels}, preprocessed: {how}")
    for explainer in explainers:
        explanation = _run(explainer, model, samples, quiet=arguments.quiet)
        if explainer is explainers[0]:
            say(_table(explanation))
        page, numbers = out / f"{explainer.name}.png", out / f"{explainer.name}.npz"
        _write_page(explanation, page)
        explanation.save(numbers)
        print(f"{explainer.name}: {page}, {numbers}{_looked_at(explanation)}")


def _explainers(methods: list[str], layer: str | None) -> list[Any]:
    import keras_xai as kx

    known = kx.explainers()
    unknown = [name for name in methods if name not in known]
    if unknown:
        raise ValueError(f"--method {unknown[0]}: there is no such method; there are {', '.join(known)}.")
    options: dict[str, Any] = {}
    if layer is not None:
        options["layer"] = int(layer) if re.fullmatch(r"-?\d+", layer) else layer
        without = [name for name in methods if "layer" not in inspect.signature(known[name]).parameters]
        if without:
            raise ValueError(f"--layer {layer}: {without[0]} looks at no layer; leave it out.")
    return [known[name](**options) for name in dict.fromkeys(methods)]


def _samples(
    inputs: Any, pixels: Any, paths: list[Path], channels_first: bool, names_file: str | None, target: str
) -> Any:
    import numpy as np

    import keras_xai as kx

    class_names = None if names_file is None else Path(names_file).read_text(encoding="utf-8").splitlines()
    return kx.Samples(
        np.moveaxis(inputs, -1, 1) if channels_first else inputs,
        targets=_target(target, class_names, len(paths)),
        images=pixels,
        names=[path.name for path in paths],
        class_names=class_names,
        data_format="channels_first" if channels_first else "channels_last",
    )


def _target(text: str, class_names: list[str] | None, count: int) -> Any:
    if text == "predicted":
        return text
    if class_names and text in class_names:
        return [class_names.index(text)] * count
    if re.fullmatch(r"\d+", text):
        return [int(text)] * count
    known = "the names in --class-names" if class_names else "a name needs --class-names"
    raise ValueError(f"--target {text}: expected a class number or 'predicted'; {known}.")


def _run(explainer: Any, model: Any, samples: Any, quiet: bool) -> Any:
    import keras

    from keras_xai.engine import engine_for

    if quiet:
        return explainer(model, samples)
    bars: dict[int, Any] = {}

    def report(done: int, total: int) -> None:
        if total > len(samples):
            bars.setdefault(total, keras.utils.Progbar(total, unit_name="pass")).update(done)

    with engine_for(model).reporting(report):
        return explainer(model, samples)


def _write_page(explanation: Any, path: Path) -> None:
    from keras_xai import render
    from keras_xai.log.pictures import page

    path.write_bytes(render.png(page(explanation, explanation.method)))


def _table(explanation: Any) -> str:
    from keras_xai.log.outcome import class_name, class_rows, prediction

    rows = []
    for name, row in zip(explanation.names, class_rows(explanation), strict=True):
        predicted, confidence = prediction(row)
        sure = "" if confidence is None else f"{confidence:6.1%}"
        rows.append((name, class_name(explanation.class_names, predicted), sure))
    wide = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "\n".join(f"  {name.ljust(wide[0])}  {what.ljust(wide[1])}  {sure}".rstrip() for name, what, sure in rows)


def _looked_at(explanation: Any) -> str:
    layer = explanation.details.get("layer")
    return f" (layer {layer})" if layer else ""


def _print(text: str) -> None:
    print(text, flush=True)


def _silent(text: str) -> None:
    pass
