"""Which epochs of a run get a picture."""

PICTURES = 10  # as many as TensorBoard's Images tab keeps of one tag; of more it drops some at random


class Thinning:
    """Chooses the epochs of a run to draw, evenly where its length is known, ever more rarely where it is not.

    Together with the last epoch, which is drawn in any case, there are never more than `most`. Works with whichever epochs
    are asked about: callbacks may explain every fifth only, or resume in the middle.

    Args:
        epochs: how many the run will have; None where unknown.
        most: how many to choose at most.
    """

    def __init__(self, epochs: int | None = None, most: int = PICTURES):
        self._epochs = epochs
        self._most = most
        self._start: int | None = None
        self._asked = 0
        self._last_slot = -1

    def due(self, epoch: int) -> bool:
        """Says whether this epoch gets a picture. Ask once per explained epoch, in order.

        Args:
            epoch: 0-based.
        """
        slot = self._slot(epoch)
        self._asked += 1
        if slot is None or slot <= self._last_slot:
            return False
        self._last_slot = slot
        return True

    def _slot(self, epoch: int) -> int | None:
        if self._epochs:
            # A resumed run has fewer epochs to come than its total.
            self._start = epoch if self._start is None else self._start
            ahead = max(self._epochs - self._start, 1)
            slots = self._most - 1 if ahead > self._most else ahead
            return min((epoch - self._start) * slots // ahead, slots - 1)
        # the 1st, 2nd, 3rd, 5th, 9th, 17th, ... explained epoch
        is_power_of_two = self._asked & (self._asked - 1) == 0
        return min(self._asked.bit_length(), self._most - 2) if is_power_of_two else None
