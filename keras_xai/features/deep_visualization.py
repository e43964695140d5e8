"""Deep visualisation in one call: what a layer computes, what drives it, what would drive it ideally."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_xai.explainers.activations import Activations
from keras_xai.features.activation_maximization import activation_maximization
from keras_xai.features.most_activating_samples import most_activating_samples
from keras_xai.samples import Samples


def deep_visualization(
    model: Any,
    samples: Any,
    layers: Any = None,
    data: Any = None,
    channels: int | Sequence[int] = 8,
    *,
    count: int = 6,
    steps: int = 128,
    scan: int | None = 10_000,
    save_to: str | os.PathLike | None = None,
    **options: Any,
) -> dict[str, np.ndarray]:
    """A page for each layer: for a few channels the ideal image, the samples that drive it most, its maps on your images.

    Of the ideal image the middle is shown, twice as wide as what one cell looks at; below it the mean over the map that it
    drives the channel to, below samples the largest value.

    Args:
        model: a built keras.Model. It is left exactly as it was.
        samples: `Samples` or an array: the images on which the channels are shown; a few are enough.
        layers: as in `Activations`: a layer or a list of them; None for a few spread over the depth of the model.
        data: where the samples that drive a channel are looked for, as in `most_activating_samples`; None for `samples`.
        channels: how many channels of each layer, spread evenly over its width; or a list of channel numbers.
        count: how many samples for each channel.
        steps: of the optimisation, which takes nearly all of the time; 0 leaves the ideal images out.
        scan: look at so many samples of `data` at most; None for all.
        save_to: a directory for the pages, as PNG files named after the layers; None writes nothing.
        **options: of `activation_maximization`, such as value_range and seed.

    Returns:
        {path of the layer: uint8 (height, width, 3)}.

    Raises:
        TypeError, ValueError: an argument is not as stated here.

    Reference: Yosinski et al., "Understanding neural networks through deep visualization", 2015,
        https://arxiv.org/abs/1506.06579

    Example:
        >>> pages = keras_xai.deep_visualization(model, samples, "conv5", data=(x_test, y_test), save_to="pages")
    """
    from keras_xai.render.channel_page import ChannelRow, channel_page
    from keras_xai.render.encode import png

    samples = samples if isinstance(samples, Samples) else Samples(samples)
    found = Activations(layers=layers, channels=channels, drivers=0)(model, samples).details
    drawn = {"samples": samples, **options}
    layout = "channels_first" if samples.channels_first else "channels_last"
    same_input = {"image_input": samples.image_key, "data_format": layout}
    pages = {}
    for path in found["layer"]:
        chosen, maps = found["channels"][path], found["feature_maps"][path]
        source = samples.x if data is None else data
        drivers = most_activating_samples(model, source, path, count, chosen, scan=scan, **same_input)
        ideals = activation_maximization(model, path, chosen, steps=steps, **drawn) if steps else None
        rows = []
        for index, channel in enumerate(chosen):
            best = drivers.get(channel, [])
            rows.append(
                ChannelRow(
                    name=f"channel {channel}",
                    ideal=None if ideals is None else middle(ideals.pictures[index], [one.crop[2:] for one in best]),
                    value=0.0 if ideals is None else float(ideals.values[index]),
                    patches=[one.patch for one in best],
                    values=[one.value for one in best],
                    maps=maps[..., index],
                )
            )
        title = f"{path}: {len(chosen)} channels of {maps.shape[1]}x{maps.shape[2]} cells"
        pages[path] = channel_page(samples.images, rows, title)
    if save_to is not None:
        Path(save_to).mkdir(parents=True, exist_ok=True)
        for path, page in pages.items():
            Path(save_to, f"{path.replace('/', '-')}.png").write_bytes(png(page))
    return pages


def middle(picture: np.ndarray, looked_at: Sequence[tuple[int, int]]) -> np.ndarray:
    """The middle of an optimised image, twice as wide as what a cell looks at: all of it would be a texture too fine to see.

    Args:
        picture: (height, width, channels). looked_at: (height, width) in pixels of what cells look at.
    """
    if not looked_at:
        return picture
    sides = [min(whole, 2 * max(one)) for whole, one in zip(picture.shape, zip(*looked_at, strict=True), strict=False)]
    top, left = ((whole - side) // 2 for whole, side in zip(picture.shape, sides, strict=False))
    return picture[top : top + sides[0], left : left + sides[1]]
