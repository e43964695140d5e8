"""Small regions: which one a class may rely on (some of the images say), and whether it does (the others do)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from keras_xai.spurious.asking import Oracle
from keras_xai.spurious.decision import SMALL, is_small
from keras_xai.spurious.effects import Effect, Trials, averaged, balanced, effect_of, leaves_class, paired
from keras_xai.spurious.probe import Probe
from keras_xai.spurious.proposals import Candidate, candidates
from keras_xai.spurious.rules import LOST, Rule, cut, ranked, screening, smallest
from keras_xai.spurious.windows import Region, control_window

# What choosing costs: images that are screened for a cue, and rounds of choice, each of (images on which all that are
# left have been tried by then, how many are kept).
_SCREENED, _SCREENING_HOSTS, _SUSPECTS, _SUSPECT_HOSTS = 48, 2, 16, 8
_ROUNDS = ((6, 16), (16, 5), (36, 1))
# A window that flips so many is cut down, so many times, as long as no more than `LOST` is lost: first by half a side, and
# where that is too much by a quarter, an eighth, …. So many images are tried in all.
_WORTH, _CUTS, _CHOOSING = 0.2, 6, 100
# A single image speaks for a cue where its window turns so many others into its class.
_ALONE = 0.85
# The images that test. Each has one donor and one control: what is independent is the image.
_TESTED = 128


class LocalCues:
    """The local branch at one moment.

    Args:
        oracle: the model.
        probe: the images.
        predicted: (n,) what the model takes the images for.
        classes: to examine.
        seed: of donors and controls.
    """

    def __init__(self, oracle: Oracle, probe: Probe, predicted: np.ndarray, classes: list[int], seed: int):
        self._oracle, self._probe = oracle, probe
        self._classes, self._seed = classes, seed
        self._size = probe.samples.size
        self._generator = np.random.default_rng([seed, 1])
        right = predicted == probe.labels
        self._proposing = {c: p[right[p]] for c, p in probe.proposing.items()}
        self._testing = {c: p[right[p]] for c, p in probe.testing.items()}
        self._maps: dict[int, np.ndarray] = {}
        self._necessary: dict[int, Candidate] = {}
        self._strangers = {c: self._others(c, self._proposing) for c in classes}

    def effects(self) -> dict[int, list[Effect]]:
        """Class -> what was found about its chosen rules on the test images: necessity, sufficiency, and both together."""
        self._map(np.concatenate([self._proposing[c] for c in self._classes]))
        proposed = {c: candidates(self._own(self._proposing[c]), self._seed) for c in self._classes}
        options = {c: [one for one in proposed[c] if self._is_small(one, c)] for c in self._classes}
        carriers = self._carriers(options)
        pixels = SMALL * self._size[0] * self._size[1]
        small = {c: [one for one in options[c] if one.area <= pixels] or options[c] for c in self._classes}
        self._necessary = self._narrowed(small, self._try_necessity)
        plain: dict[int, list[Any]] = {c: [Rule(one) for one in options[c]] for c in self._classes}
        sufficient = self._narrowed(
            plain, lambda left, some: self._try_sufficiency(left, self._givers(carriers, self._generator), some)
        )
        swaps: dict[int, list[Any]] = {c: [sufficient[c], *self._swaps(sufficient[c], c)] for c in self._classes}
        final = slice(_ROUNDS[-1][0])
        tried = self._try_sufficiency(swaps, self._givers(carriers, self._generator), final)
        sufficient = {c: ranked(swaps[c], tried[c])[0] for c in self._classes}
        givers = self._givers(carriers, np.random.default_rng([self._seed, 2]))
        sufficient = self._tightened(sufficient, lambda left, some: self._try_sufficiency(left, givers, some))
        self._map(np.concatenate([self._testing[c] for c in self._classes]))
        needed, enough = self._necessity(), self._sufficiency(sufficient, carriers)
        return {c: [needed[c], enough[c], *self._anywhere(needed[c], enough[c])] for c in self._classes}

    def _anywhere(self, needed: Effect, enough: Effect) -> list[Effect]:
        """Both effects as one, where each image has a small window of its own and nothing is taken from the others."""
        rules = needed.rule, enough.rule
        if not all(one.moves and one.swap is None and is_small(one, self._size) for one in rules):
            return []
        return [replace(needed, given=enough)]

    def _is_small(self, candidate: Candidate, label: int) -> bool:
        some = self._proposing[label][: _ROUNDS[-1][0]]
        return self._probe.taken(self._places(candidate, some)) <= SMALL

    def _swaps(self, rule: Rule, label: int) -> list[Rule]:
        both = dict.fromkeys([rule.candidate, self._necessary[label]])
        small = [one for one in both if one.shape.height < self._size[0] / 2]
        return [Rule(one, swap) for one in small for swap in ("necessary", "alike")]

    def _map(self, indices: np.ndarray) -> None:
        """Makes the maps of more images, for their own class."""
        maps = self._oracle.maps(indices, self._probe.labels[indices])
        self._maps |= {int(index): maps[:, position] for position, index in enumerate(indices)}

    def _own(self, indices: np.ndarray) -> np.ndarray:
        return np.stack([self._maps[int(index)] for index in indices], axis=1)

    def _others(self, label: int, pool: dict[int, np.ndarray]) -> np.ndarray:
        """Correctly classified images of other classes, in a new random order in which classes take turns."""
        indices = np.concatenate([members for other, members in pool.items() if other != label])
        return balanced(self._generator.permutation(indices), self._probe.labels, len(indices))

    def _places(self, candidate: Candidate, indices: np.ndarray) -> dict[int, Region]:
        """Image -> its window."""
        windows: list[Any] = [candidate.region] * len(indices)
        if candidate.region is None and len(indices):
            windows = candidate.windows(self._own(indices))
        return {int(index): window for index, window in zip(indices, windows, strict=True) if window is not None}

    def _carriers(self, options: dict[int, list[Candidate]]) -> dict[int, np.ndarray]:
        """Class -> its proposing images whose own windows take other images along; all of them where hardly one does."""
        pastes = {
            (c, number, int(donor)): window
            for c in self._classes
            for number, candidate in enumerate(screening(options[c]))
            for donor, window in self._places(candidate, self._proposing[c][:_SCREENED]).items()
        }
        first = self._taken(pastes, _SCREENING_HOSTS)
        suspects: dict[tuple[int, int, int], Region] = {}
        for c in self._classes:
            taking = [key for key, share in first.items() if key[0] == c and share == 1]
            suspects |= {key: pastes[key] for key in taking[:_SUSPECTS]}
        shares = self._taken(suspects, _SUSPECT_HOSTS)
        found = {}
        for c in self._classes:
            best = max((share for key, share in shares.items() if key[0] == c), default=0)
            strong = {key[2] for key, share in shares.items() if key[0] == c and share >= max(0.5, 0.7 * best)}
            enough = len(strong) > 1 or best >= _ALONE
            found[c] = np.array(sorted(strong)) if enough else self._proposing[c]
        return found

    def _givers(self, carriers: dict[int, np.ndarray], generator: np.random.Generator) -> dict[int, np.ndarray]:
        """Class -> its carriers in a new random order."""
        return {c: generator.permutation(carriers[c]) for c in self._classes}

    def _taken(self, pastes: dict[tuple[int, int, int], Region], count: int) -> dict[tuple[int, int, int], float]:
        """(class, rule, donor) -> the share of other classes' proposing images that its window turns into the class."""
        trials, asked = Trials.empty(), {}
        hosts = {c: self._others(c, self._proposing)[: 6 * count] for c in self._classes}
        for key, window in pastes.items():
            chosen = self._generator.permutation(hosts[key[0]])[:count]
            asked[key] = [trials.add(host, key[2], window) for host in chosen]
        outcomes = trials.pasted(self._oracle)
        return {key: float(np.mean(outcomes[positions] == key[0])) for key, positions in asked.items()}

    def _narrowed(self, options: dict[int, list[Any]], attempt: Callable) -> dict[int, Any]:
        """Class -> the option that flips most proposing images, the smaller of equals.

        All are tried on a few images, the better ones on more, and so on.

        Args:
            attempt: from the options that are left and a slice of each class's images to the flips of each option.
        """
        left = dict(options)
        tried: dict[int, list[np.ndarray]] = {c: [np.zeros(0)] * len(options[c]) for c in self._classes}
        begin = 0
        for end, kept in _ROUNDS:
            more = attempt(left, slice(begin, end))
            begin = end
            for c in self._classes:
                joined = [np.concatenate(two) for two in zip(tried[c], more[c], strict=True)]
                found = {id(option): flips for option, flips in zip(left[c], joined, strict=True)}
                left[c] = ranked(left[c], joined)[:kept]
                tried[c] = [found[id(option)] for option in left[c]]
        return {c: left[c][0] for c in self._classes}

    def _tightened(self, rules: dict[int, Rule], attempt: Callable) -> dict[int, Rule]:
        """Class -> its rule, a window of one place without the parts that proposing images do not need.

        The images that say what to cut off are then no judges of what is left: among a window and its cuts other proposing
        images choose.

        Args:
            attempt: from rules and a slice of images to the flips of each, with the same donors at every call.
        """
        first, last = slice(_ROUNDS[-1][0]), slice(_ROUNDS[-1][0], _CHOOSING)
        chains = {c: [rule] for c, rule in rules.items() if not rule.moves}
        flips = {c: float(found[0].mean()) for c, found in attempt(chains, first).items()}
        shares = {c: 0.5 for c in flips if flips[c] >= _WORTH}
        for _ in range(_CUTS):
            cuts = {c: cut(chains[c][-1], share, self._size) for c, share in shares.items()}
            for c, found in attempt(cuts, first).items():
                means = [float(one.mean()) for one in found]
                if max(means, default=0.0) >= flips[c] - LOST:
                    chains[c].append(cuts[c][int(np.argmax(means))])
                else:
                    shares[c] /= 2
        shorter = {c: chain for c, chain in chains.items() if len(chain) > 1}
        return rules | {c: smallest(shorter[c], found) for c, found in attempt(shorter, last).items()}

    def _try_necessity(self, options: dict[int, list[Any]], some: slice) -> dict[int, list[np.ndarray]]:
        """Class -> for each candidate which proposing images leave the class without their window."""
        trials, asked = Trials.empty(), {}
        for c in self._classes:
            hosts = self._proposing[c][some]
            strangers = np.resize(self._strangers[c][some.start or 0 :], len(hosts))
            for number, candidate in enumerate(options[c]):
                places = self._places(candidate, hosts)
                asked[c, number] = [
                    trials.add(host, donor, places[int(host)]) for host, donor in zip(hosts, strangers, strict=True)
                ]
        replaced, removed = trials.pasted(self._oracle), trials.smoothed(self._oracle)

        def left(c, number):
            positions = asked[c, number]
            return np.mean([leaves_class(replaced[positions], c), leaves_class(removed[positions], c)], axis=0)

        return {c: [left(c, number) for number in range(len(options[c]))] for c in self._classes}

    def _try_sufficiency(
        self, options: dict[int, list[Any]], givers: dict[int, np.ndarray], some: slice
    ) -> dict[int, list[np.ndarray]]:
        """Class -> for each rule which of other classes' proposing images it turns into the class."""
        trials, asked = Trials.empty(), {}
        for c, rules in options.items():
            hosts = self._strangers[c][some]
            donors = np.resize(givers[c], len(hosts))
            for number, rule in enumerate(rules):
                regions = self._regions(rule, hosts, donors[:, None])
                asked[c, number] = [
                    trials.add(*one) for one in zip(hosts, donors, [row[0] for row in regions], strict=True)
                ]
        outcomes = trials.pasted(self._oracle)
        return {c: [outcomes[asked[c, k]] == c for k in range(len(options[c]))] for c in options}

    def _regions(self, rule: Rule, hosts: np.ndarray, donors: np.ndarray) -> list[list[Any]]:
        """What is replaced in each host by each of its donors, [n][k]."""
        given = self._places(rule.candidate, np.unique(donors))
        own: dict[int, Region] = {}
        if rule.swap == "alike" and rule.candidate.source >= 0:
            known = np.array([host for host in hosts if int(host) in self._maps], int)
            own = self._places(replace(rule.candidate, region=None), known)
        elif rule.swap == "necessary":
            for label in np.unique(self._probe.labels[hosts]):
                if label in self._necessary:
                    own |= self._places(self._necessary[label], hosts[self._probe.labels[hosts] == label])
        return [
            [(given[int(one)], own[int(host)]) if int(host) in own else given[int(one)] for one in row]
            for host, row in zip(hosts, donors, strict=True)
        ]

    def _elsewhere(self, regions: list[list[Any]]) -> list[list[Any]]:
        """Controls: random windows of the same shapes."""

        def control(region):
            if isinstance(region, Region):
                return control_window(region, self._size, self._generator)
            return tuple(control(one) for one in region)

        return [[control(region) for region in row] for row in regions]

    def _necessity(self) -> dict[int, Effect]:
        trials, asked, rules = Trials.empty(), {}, {}
        for c, candidate in self._necessary.items():
            hosts = self._testing[c][:_TESTED]
            strangers = np.resize(self._others(c, self._testing), (len(hosts), 1))
            places = self._places(candidate, hosts)
            regions = [[places[int(host)]] for host in hosts]
            asked[c] = paired(trials, hosts, strangers, regions, [(strangers, self._elsewhere(regions))])
            rules[c] = Rule(candidate)
        removed = self._removed()
        found = self._told("necessity", asked, trials, rules, leaves_class)
        return {c: averaged(effect, removed[c]) for c, effect in found.items()}

    def _removed(self) -> dict[int, np.ndarray]:
        """Class -> which of its test images leave it when the window is filled with the colour around it.

        Pixels of other classes may flip a prediction by what they add; a cue flips it by being gone. Necessity is the
        mean of both.
        """
        trials, asked = Trials.empty(), {}
        for c, candidate in self._necessary.items():
            hosts = self._testing[c][:_TESTED]
            places = self._places(candidate, hosts)
            asked[c] = [trials.add(host, host, places[int(host)]) for host in hosts]
        outcomes = trials.smoothed(self._oracle)
        return {c: leaves_class(outcomes[positions], c) for c, positions in asked.items()}

    def _sufficiency(self, rules: dict[int, Rule], carriers: dict[int, np.ndarray]) -> dict[int, Effect]:
        trials, asked = Trials.empty(), {}
        for c, rule in rules.items():
            hosts = self._others(c, self._testing)[:_TESTED]
            donors = np.resize(self._generator.permutation(carriers[c]), (len(hosts), 1))
            regions = self._regions(rule, hosts, donors)
            strangers = np.resize(self._strangers[c], donors.shape)
            # Neither another place of the class's images may do it, nor this place of other images.
            controls = [(donors, self._elsewhere(regions)), (strangers, regions)]
            asked[c] = paired(trials, hosts, donors, regions, controls)
        return self._told("sufficiency", asked, trials, rules, lambda to, c: to == c)

    def _told(
        self, kind: str, asked: dict[int, Any], trials: Trials, rules: dict[int, Rule], flipped: Callable
    ) -> dict[int, Effect]:
        """Class -> the effect on its test images, with what the pixels in its regions alone tell."""
        outcomes, labels = trials.pasted(self._oracle), self._probe.labels
        found = {}
        for c, rule in rules.items():
            found[c] = effect_of(kind, asked[c], trials, outcomes, labels, lambda to, c=c: flipped(to, c), rule)
            found[c].telling = self._telling(rule.candidate, c)
        return found

    def _telling(self, candidate: Candidate, label: int) -> float:
        known, places = (self._places(candidate, pool[label][:_TESTED]) for pool in (self._proposing, self._testing))
        strangers = np.resize(self._others(label, self._testing), len(places))
        return self._probe.telling(known, places, strangers)
