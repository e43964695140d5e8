"""Which segments to show in which query: masks for LIME and its kin."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def random_masks(num_samples: int, num_segments: int, generator: np.random.Generator) -> np.ndarray:
    """Every segment shown with probability ½; the first mask shows all. (num_samples, num_segments) bool."""
    masks = generator.integers(0, 2, (num_samples, num_segments), dtype=np.int8).astype(bool)
    masks[0] = True
    return masks


def paired_masks(num_samples: int, num_segments: int, generator: np.random.Generator) -> np.ndarray:
    """Random masks, each followed by its complement: what a mask and its complement share cannot be taken for an effect.

    Where `num_samples` is odd, the last mask shows all. (num_samples, num_segments) bool.
    """
    masks = generator.integers(0, 2, (num_samples // 2, num_segments), dtype=np.int8).astype(bool)
    return _up_to(num_samples, [with_complements(masks)])


def fold_over_masks(num_samples: int, num_segments: int, generator: np.random.Generator) -> np.ndarray:
    """Folded-over Hadamard matrices: a balanced design, an orthogonal array of strength 3.

    In each block every segment is shown in half of the masks and every three segments in an eighth, so that the effect of a
    segment is confused neither with another one's nor with what two segments do together. A block takes twice as many masks
    as there are segments, or a few more; what is left over begins another. With fewer masks than that there is no folding: a
    Plackett–Burman design (or a part of one) keeps the segments apart from each other, but not from pairs of others.
    Columns are drawn and turned round at random, so that each mask by itself is one with probability ½ for each segment.

    Returns:
        (num_samples, num_segments) bool; the last mask shows all where one is left over.

    Reference: Box and Wilson, "On the Experimental Attainment of Optimum Conditions", 1951 (folding); Plackett and Burman,
    "The Design of Optimum Multifactorial Experiments", 1946; Paley, "On Orthogonal Matrices", 1933.
    """
    smallest = next_order(num_segments)
    if num_samples < 2 * smallest:
        order = next_order(max(num_samples, num_segments + 1))
        return _columns(hadamard(order), 1, num_segments, generator)[:num_samples]
    blocks, left = [], num_samples
    while left > 1:
        order = max(previous_order(left // 2), smallest)
        blocks.append(with_complements(_columns(hadamard(order), 0, num_segments, generator))[: left // 2 * 2])
        left -= len(blocks[-1])
    return _up_to(num_samples, blocks)


DESIGNS: dict[str, Callable] = {"fold_over": fold_over_masks, "paired": paired_masks, "random": random_masks}


def with_complements(masks: np.ndarray) -> np.ndarray:
    """(r, k) bool -> (2 r, k) bool: each mask and then its complement."""
    return np.stack([masks, ~masks], axis=1).reshape(-1, masks.shape[1])


def hadamard(order: int) -> np.ndarray:
    """A matrix of −1 and 1 with orthogonal rows and columns, by Paley's first construction and by doubling.

    Args:
        order: 1, 2, or one of those for which `is_order` is true.

    Returns:
        (order, order) int8; the first column is 1.
    """
    if order == 1:
        return np.ones((1, 1), np.int8)
    prime = order - 1
    if not (order % 4 == 0 and _is_prime(prime)):
        return np.kron(hadamard(order // 2), np.array([[1, 1], [1, -1]], np.int8))
    numbers = np.arange(prime)
    character = np.where(np.isin(numbers, numbers[1:] ** 2 % prime), 1, -1).astype(np.int8)
    matrix = np.ones((order, order), np.int8)
    matrix[1:, 1:] = character[(numbers[:, None] - numbers) % prime]
    matrix[1:, 1:][numbers, numbers] = -1
    return matrix


def is_order(order: int) -> bool:
    """Whether `hadamard` makes a matrix of this order."""
    return order in (1, 2) or (order % 4 == 0 and (_is_prime(order - 1) or is_order(order // 2)))


def next_order(least: int) -> int:
    """The smallest order of a Hadamard matrix that is not below `least`."""
    return next(order for order in range(max(least, 1), 2 * least + 2) if is_order(order))


def previous_order(most: int) -> int:
    """The largest order of a Hadamard matrix that is not above `most`, which is at least 1."""
    return next(order for order in range(most, 0, -1) if is_order(order))


def _columns(matrix: np.ndarray, first: int, count: int, generator: np.random.Generator) -> np.ndarray:
    """`count` of a matrix's columns from `first` on and all its rows in random order, columns turned round at random."""
    columns = first + generator.permutation(matrix.shape[1] - first)[:count]
    turned = generator.integers(0, 2, count, dtype=np.int8) * 2 - 1
    return (matrix[:, columns] * turned)[generator.permutation(len(matrix))] > 0


def _up_to(num_samples: int, blocks: list[np.ndarray]) -> np.ndarray:
    """Blocks below each other; a mask that is missing shows all."""
    masks = np.concatenate(blocks)
    return np.pad(masks, ((0, num_samples - len(masks)), (0, 0)), constant_values=True)


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % divisor for divisor in range(2, int(number**0.5) + 1))
