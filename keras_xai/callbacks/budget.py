"""How much can be explained in a given share of the training time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

# A method waits for at most so many looks until all of its samples are affordable at once; what costs more takes turns.
PATIENCE = 5
# Of samples that take turns, so many come first at every look: their series have no gaps but those of the method.
FIXED = 4
# A method that takes turns explains at least so many samples at a time.
FEWEST = 2 * FIXED
# Fewer passes of the model than this share of what a method asks for would make other maps, not cheaper ones.
LEAST_PASSES = 0.25


class Plan(NamedTuple):
    """What one look explains.

    Attributes:
        rows: method -> (m,) int, the samples. waiting: method -> seconds it would have taken, seconds it has saved up.
    """

    rows: dict[str, np.ndarray]
    waiting: dict[str, tuple[float, float]]

    def text(self, ids: Sequence[str]) -> str:
        """What is left out, in words; nothing where nothing is. `ids` are those of all samples."""
        parts = [
            f"{method} of {len(rows)} of {len(ids)} samples, {', '.join(ids[row] for row in rows)}"
            for method, rows in self.rows.items()
            if len(rows) < len(ids)
        ]
        parts += [
            f"{method} waits, it would take {price:.2g} s and has saved up {max(saved, 0):.2g} s"
            for method, (price, saved) in self.waiting.items()
        ]
        return "; ".join(parts)


class Budget:
    """Accounts of seconds, one for each method, filled with a share of the training time.

    What training earns is dealt out evenly, and no method gets more than it needs to explain all samples at every look:
    cheap ones are served in full, costly ones share the rest. A method is due as soon as its account holds what it will
    cost; a costly one so looks less often. Where even every fifth look would be too dear it explains fewer samples at a
    time, a few fixed ones first and the others in turn; where that is too dear, with a half or a quarter of its passes of
    the model; and then it waits.

    Args:
        share: of the training time, in (0, 1].
        count: the number of samples.

    Attributes:
        costs: what a sample costs, in seconds, by method, as last measured.
    """

    def __init__(self, share: float, count: int):
        self.share = share
        self.count = count
        self.costs: dict[str, float] = {}
        self._purse = 0.0
        self._accounts: dict[str, float] = {}
        self._overhead = 0.0
        self._turns: dict[str, int] = {}
        self._passes: dict[str, float] = {}

    def plan(self, seconds: float, methods: Mapping[str, bool], cheaper: Callable[[str], bool]) -> Plan:
        """Decide what is explained now.

        Args:
            seconds: of training since the last call. methods: by name, whether a few samples can be explained alone.
            cheaper: makes a method, by name, do with half of its passes from now on; False where it cannot.
        """
        earned = self.share * seconds
        self._purse += earned
        parts = dealt(earned, {one: self._need(one) for one in methods})
        wishes = {method: self._wish(method, parts[method], methods[method], cheaper) for method in methods}
        left = self._purse - self._overhead
        rows: dict[str, np.ndarray] = {}
        waiting: dict[str, tuple[float, float]] = {}
        for method, wish in sorted(wishes.items(), key=lambda item: item[1] * self._cost(item[0])):
            price = wish * self._cost(method)
            # Nobody saves more than all samples cost: time that was not needed is not made up for later.
            saved = min(self._accounts.get(method, 0.0) + parts[method], self._need(method))
            self._accounts[method] = saved
            # Rounding must not make a method wait for one look more.
            if price <= min(saved, left) * (1 + 1e-9):
                rows[method] = turn(self._turns.get(method, 0), self.count, wish)
                left -= price
            else:
                waiting[method] = price, min(saved, left)
        return Plan(rows, waiting)

    def settle(self, total: float, seconds: Mapping[str, float], rows: Mapping[str, np.ndarray]) -> None:
        """A look is over.

        Args:
            total: seconds it took. seconds: what each method took of them.
            rows: method -> (m,) int, what it explained.
        """
        self._purse -= total
        self._overhead = max(total - sum(seconds.values()), 0.0)
        self.learn(seconds, rows)
        for method, taken in seconds.items():
            self._accounts[method] = self._accounts.get(method, 0.0) - taken
            self._turns[method] = self._turns.get(method, 0) + (len(rows[method]) < self.count)

    def learn(self, seconds: Mapping[str, float], rows: Mapping[str, np.ndarray]) -> None:
        """What methods took, by name, for their samples."""
        self.costs |= {method: taken / len(rows[method]) for method, taken in seconds.items()}

    def _cost(self, method: str) -> float:
        return self.costs.get(method, 0.0)

    def _need(self, method: str) -> float:
        """What all samples cost; nobody knows before the first look."""
        return self.costs[method] * self.count if method in self.costs else math.inf

    def _wish(self, method: str, part: float, divisible: bool, cheaper: Callable[[str], bool]) -> int:
        """How many samples the method explains at each look, if need be with fewer passes from now on."""
        payable, fewest = PATIENCE * part, min(FEWEST, self.count) if divisible else self.count
        while self._cost(method) * fewest > payable and self._passes.get(method, 1.0) > LEAST_PASSES:
            if not cheaper(method):
                break
            self._passes[method] = self._passes.get(method, 1.0) / 2
            self.costs[method] /= 2
        if self._cost(method) * self.count <= payable:
            return self.count
        return max(fewest, int(payable / self._cost(method)))


def dealt(amount: float, needs: Mapping[str, float]) -> dict[str, float]:
    """An amount dealt out evenly, to nobody more than needed.

    Args:
        amount: at least 0. needs: at least 0, by name.

    Returns:
        The parts by name; they sum to the amount or to the needs, whichever is less.
    """
    parts: dict[str, float] = {}
    for number, (name, need) in enumerate(sorted(needs.items(), key=lambda item: item[1])):
        parts[name] = min(need, amount / (len(needs) - number))
        amount -= parts[name]
    return parts


def turn(number: int, count: int, size: int) -> np.ndarray:
    """The samples of one turn: the first few always, the others one group after the other.

    Args:
        number: of the turn, from 0. count: of all samples. size: of a turn, at most `count`.

    Returns:
        (size,) int, ascending.
    """
    fixed = size if size == count else min(FIXED, size // 2)
    moving = np.arange(number * (size - fixed), (number + 1) * (size - fixed))
    return np.sort(np.append(np.arange(fixed), fixed + moving % max(count - fixed, 1)))
