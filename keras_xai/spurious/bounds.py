"""Lower bounds of mean effects, and how the permitted rate of false alarms is spent over a run."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

# Bets, as shares of the largest permitted one. A mixture of bets needs no guess of the effect's size.
_BETS = np.array([0.03, 0.06, 0.12, 0.25, 0.5, 0.75, 0.95])


def evidence(effects: Any, delta: float, low: float = -1.0) -> float:
    """How strongly independent effects speak against "their mean is at most delta".

    An e-value: the capital of somebody who starts with 1 and bets, in a game that is fair or worse as long as the mean is
    at most `delta`, on each effect being larger. By Markov's inequality it reaches 1/α with a probability of at most α,
    whatever the distribution of the effects, at any sample size. It adapts to their variance, where a Hoeffding bound
    takes the worst, and unlike an exact binomial test it takes effects that are not 0 or 1.

    Args:
        effects: (n,) float in [low, ∞).
        delta: the mean to speak against, > low.
        low: the least possible effect.

    Returns:
        A natural logarithm; log(1/α) or more refutes at level α.

    Reference: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS B 2024.
    """
    effects = np.asarray(effects, np.float64)
    bets = _BETS / (delta - low)
    capital = np.log1p(bets[:, None] * (effects - delta)).sum(axis=1)
    return float(np.logaddexp.reduce(capital) - math.log(len(bets)))


def lower_bound(effects: Any, level: float, low: float = -1.0) -> float:
    """The largest mean that the effects refute at this level: the true mean is above it but with probability `level`.

    Args:
        effects: (n,) independent, in [low, ∞).
        level: α in (0, 1).
        low: the least possible effect.

    Returns:
        `low` where nothing is refuted.
    """
    effects = np.asarray(effects, np.float64)
    if not len(effects):
        return low
    needed = math.log(1 / level)
    least, most = low, float(max(effects.mean(), low))
    for _ in range(40):
        middle = (least + most) / 2
        if middle > low and evidence(effects, middle, low) >= needed:
            least = middle
        else:
            most = middle
    return least


def level_at(alpha: float, moment: int) -> float:
    """The share of a level that the t-th test of a run may spend: 6α/(π²t²), which sums to α over any number of them.

    Args:
        alpha: for the whole run. moment: t = 1, 2, …
    """
    return alpha * 6 / (math.pi * moment) ** 2


def images_needed(effect: float, delta: float, level: float) -> int:
    """How many images show an effect to be above delta: with them the expected evidence is enough.

    Args:
        effect: the true share of images whose prediction flips, in (delta, 1].
        delta: what it is compared to. level: α of this one test.
    """
    bets = _BETS / (delta + 1)
    growth = effect * np.log1p(bets * (1 - delta)) + (1 - effect) * np.log1p(-bets * delta)
    return math.ceil((math.log(1 / level) + math.log(len(bets))) / growth.max())
