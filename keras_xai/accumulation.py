"""Sums over the questions about a sample, one batch at a time, on the device: memory does not grow with their number."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_xai import backend


def accumulated(how: str, values: Any, arguments: dict[str, Any], n: Any) -> Any:
    """What one batch adds to each of n samples: a weighted sum, or (count, mean, sum of squared deviations).

    Args:
        values: nested tensors; so are the sum, the mean and the deviations.
    """
    from keras import ops

    def total(tensor, weights):
        return backend.summed(tensor * _column(weights, tensor), arguments["index"], n)

    if how == "weighted_sum":
        return _map(lambda tensor: total(tensor, arguments["weights"]), values)
    real = arguments["real"]
    count = total(real, ops.ones_like(real))
    mean = _map(lambda tensor: total(tensor, real) / _column(ops.maximum(count, 1.0), tensor), values)
    deviations = _map(lambda tensor, centre: tensor - backend.looked_up(centre, arguments["index"]), values, mean)
    return count, mean, _map(lambda tensor: total(ops.square(tensor), real), deviations)


def merged(how: str, a: Any, b: Any) -> Any:
    """Two batches' contributions as one; moments by the update of Chan, Golub and LeVeque (1983)."""
    from keras import ops

    if how == "weighted_sum":
        return _map(lambda one, two: one + two, a, b)
    count = a[0] + b[0]
    share = b[0] / ops.maximum(count, 1.0)

    def mean(one, two):
        return one + (two - one) * _column(share, one)

    def deviations(one, two, centre, other_centre):
        return one + two + ops.square(other_centre - centre) * _column(a[0] * share, one)

    return count, _map(mean, a[1], b[1]), _map(deviations, a[2], b[2], a[1], b[1])


def finished(how: str, total: Any) -> Any:
    """The answer from all contributions, NumPy: the sum, or (mean, variance)."""
    total = backend.to_numpy(total)
    if how == "weighted_sum":
        return total
    count, mean, deviations = total
    return mean, _map(lambda array: array / np.maximum(count, 1.0).reshape(-1, *[1] * (array.ndim - 1)), deviations)


def _map(function: Any, *structures: Any) -> Any:
    import keras

    return keras.tree.map_structure(function, *structures)


def _column(vector: Any, like: Any) -> Any:
    from keras import ops

    return ops.reshape(vector, (-1,) + (1,) * (len(like.shape) - 1))
