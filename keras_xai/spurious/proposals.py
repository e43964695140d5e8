"""Windows that may hold what a class is recognised by: proposed by maps, never judged by them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from keras_xai.log.area_average import area_average
from keras_xai.spurious.windows import Region, Shape, fullest_windows, shapes, usual_places

SOURCES = ("hires_cam", "gradient_x_input")


@dataclass(frozen=True)
class Candidate:
    """A rule that says for each image of a class where its window is.

    Attributes:
        source: which map proposed it: a position in `SOURCES`, or −1 where none did.
        shape: of the window.
        region: the same for all images; None where each image has its own, at its map's fullest place.
    """

    source: int
    shape: Shape
    region: Region | None = None

    def windows(self, maps: np.ndarray) -> list[Region]:
        """One window per image.

        Args:
            maps: (2, n, height, width), as `Oracle.maps` gives them.
        """
        if self.region is not None:
            return [self.region] * maps.shape[1]
        return fullest_windows(maps[self.source], self.shape)

    @property
    def moves(self) -> bool:
        """Whether each image has its own place."""
        return self.region is None

    @property
    def area(self) -> int:
        """In pixels."""
        return self.shape.height * self.shape.width


def candidates(maps: np.ndarray, seed: int = 0) -> list[Candidate]:
    """Windows at each image's own fullest place, at that of the mean map, and at those of clusters of maps; usual places.

    Args:
        maps: (2, n, height, width) of the proposing images of one class, each of sum 1.
        seed: of the clustering.

    Returns:
        Different candidates, at most about forty.
    """
    size = maps.shape[2:]
    found = [Candidate(source, shape) for source in range(len(SOURCES)) for shape in shapes(size)]
    for source, own in enumerate(maps):
        mean, groups = own.mean(axis=0), cluster_means(own, seed)
        for shape in shapes(size):
            # Groups are small and many, so that they propose squares only.
            maps_of = [mean, *groups] if shape.height == shape.width else [mean]
            found += [Candidate(source, shape, region) for region in fullest_windows(maps_of, shape)]
    found += [Candidate(-1, Shape(region.height, region.width), region) for region in usual_places(size)]
    unique: dict = {}
    for candidate in found:
        unique.setdefault(candidate.region or (candidate.source, candidate.shape), candidate)
    return list(unique.values())


def cluster_means(maps: np.ndarray, seed: int = 0, count: int = 3) -> list[np.ndarray]:
    """The mean maps of groups of alike maps, as in SpRAy: a cue that a part of the class carries shows in one of them.

    Args:
        maps: (n, height, width) of one class. seed: of the clustering. count: of groups.

    Returns:
        Up to `count` maps (height, width); none from fewer than 4 images a group.

    Reference: Lapuschkin et al., "Unmasking Clever Hans predictors", Nature Communications 2019.
    """
    from sklearn.cluster import KMeans

    if len(maps) < 4 * count:
        return []
    small = area_average(maps, 8).reshape(len(maps), -1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fewer different maps than groups
        groups = KMeans(count, n_init=1, random_state=seed).fit_predict(small)
    return [maps[groups == group].mean(axis=0) for group in np.unique(groups)]
