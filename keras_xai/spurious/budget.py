"""What the monitor may spend: a share of the time that training takes."""

from __future__ import annotations

# Classes that come on top: the first one compiles, the second one says what a class costs.
_FREE = 2


class Budget:
    """An account of seconds: decides how many classes can be afforded, by what classes have cost so far.

    Two classes come on top, one after the other: the first one compiles, the second one says what a class costs. From then
    on nothing is begun that the account does not hold, and all is charged. What is spent so stays within the share, but
    for the difference between a class and the last one, which is paid back first.

    Args:
        share: of the training time, in (0, 1]; None affords everything.
    """

    def __init__(self, share: float | None):
        self._share = share
        self._balance = self._cost = 0.0
        self._classes = 0

    def earn(self, seconds: float) -> None:
        """Training took so long."""
        self._balance += (self._share or 0.0) * seconds

    def affordable(self, wanted: int) -> int:
        """How many of so many classes can be examined now."""
        if self._share is None:
            return wanted
        if self._classes < _FREE:
            return min(wanted, 1)
        # Rounding must not make a class wait for one epoch more.
        return max(0, min(wanted, int(self._balance * (1 + 1e-9) / max(self._cost, 1e-9))))

    def pay(self, count: int, seconds: float) -> None:
        """So many classes took so long."""
        if self._classes >= _FREE:
            self._balance -= seconds
        self._classes += count
        self._cost = seconds / count

    def charge(self, seconds: float) -> None:
        """So long was spent without examining a class."""
        self._balance -= seconds

    def text(self) -> str:
        """Why the monitor waits, in words."""
        return f"a class would take {self._cost:.2g} s and {max(self._balance, 0):.2g} s are saved up"
