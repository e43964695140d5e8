"""What the monitor may spend: a share of the time that training takes."""

from __future__ import annotations


class Budget:
    """Decides whether a block of classes can be afforded, by what classes have cost so far.

    The first block ever compiles and is free; the second one, whose cost is not known yet, is one class.

    Args:
        share: of the training time, in (0, 1]; None affords everything.
    """

    def __init__(self, share: float | None):
        self._share = share
        self._earned = self._spent = 0.0
        self._blocks = 0
        self._cost: float | None = None

    def earn(self, seconds: float) -> None:
        """Training took so long."""
        self._earned += (self._share or 0.0) * seconds

    def affordable(self, wanted: int) -> int:
        """How many of so many classes can be examined now."""
        if self._share is None or self._blocks == 0:
            return wanted
        if self._cost is None:
            return min(wanted, int(self._earned > 0))
        return max(0, min(wanted, int((self._earned - self._spent) / self._cost)))

    def pay(self, count: int, seconds: float) -> None:
        """So many classes took so long."""
        self._blocks += 1
        if self._blocks > 1:
            self._spent += seconds
            self._cost = seconds / count
