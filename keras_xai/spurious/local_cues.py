"""Small regions: which one a class may rely on (some of the images say), and whether it does (the others do)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from keras_xai.spurious.asking import Oracle
from keras_xai.spurious.decision import threshold
from keras_xai.spurious.effects import Effect, Trials, averaged, balanced, effect_of, paired
from keras_xai.spurious.probe import Probe
from keras_xai.spurious.proposals import Candidate, candidates
from keras_xai.spurious.windows import Region, control_window

# What choosing costs: images that are screened for a cue, and images a candidate is tried on, first and in the final.
_SCREENED, _SCREENING_HOSTS, _SUSPECTS, _SUSPECT_HOSTS = 48, 2, 16, 8
_FIRST_HOSTS, _FINALISTS, _FINAL_HOSTS = 14, 6, 36
# A single image speaks for a cue where its window turns so many others into its class.
_ALONE = 0.85
# Necessary may be a window that takes at most this share of the image from the middle: of a larger one, with much of
# the object in it, every model has need.
_LARGEST_NECESSARY = 0.12
# What testing costs: images, and donors for each.
_TESTED, _NECESSITY_DONORS, _SUFFICIENCY_DONORS = 128, 2, 2


@dataclass(frozen=True)
class Rule:
    """Where the pixels of one intervention are replaced.

    Attributes:
        candidate: says where the class in question has its window.
        swap: whether the other image loses a window of its own too: "necessary" to its class, or "alike", chosen in it as
            the candidate chooses. Where every class has a swatch of its own, an image would otherwise keep the one that
            speaks for its own class.
    """

    candidate: Candidate
    swap: str | None = None

    def share(self, size: tuple[int, int]) -> float:
        """Of the image's area."""
        return self.candidate.share(size) * (2 if self.swap else 1)


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

    def effects(self) -> dict[int, list[Effect]]:
        """Class -> what was found about its chosen rules on the test images: necessity and sufficiency."""
        self._map(np.concatenate([self._proposing[c] for c in self._classes]))
        options: dict[int, list[Any]] = {
            c: candidates(self._own(self._proposing[c]), self._seed) for c in self._classes
        }
        carriers = self._carriers(options)
        small = {c: [one for one in options[c] if one.share(self._size) <= _LARGEST_NECESSARY] for c in self._classes}
        self._necessary = self._most_necessary({c: small[c] or options[c] for c in self._classes})
        plain: dict[int, list[Any]] = {c: [Rule(one) for one in options[c]] for c in self._classes}
        sufficient = self._most_sufficient(plain, carriers)
        swaps: dict[int, list[Any]] = {c: [sufficient[c], *self._swaps(sufficient[c], c)] for c in self._classes}
        sufficient = self._best(swaps, self._try_sufficiency(swaps, carriers, _FINAL_HOSTS))
        self._map(np.concatenate([self._testing[c] for c in self._classes]))
        necessity, sufficiency = self._necessity(), self._sufficiency(sufficient, carriers)
        return {c: [necessity[c], sufficiency[c]] for c in self._classes}

    def _swaps(self, rule: Rule, label: int) -> list[Rule]:
        both = dict.fromkeys([rule.candidate, self._necessary[label]])
        small = [
            one for one in both if one.share(self._size) <= _LARGEST_NECESSARY and one.shape.height < self._size[0] / 2
        ]
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
            for number, candidate in enumerate(_screening(options[c]))
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

    def _taken(self, pastes: dict[tuple[int, int, int], Region], count: int) -> dict[tuple[int, int, int], float]:
        """(class, rule, donor) -> the share of other classes' proposing images that its window turns into the class."""
        trials, asked = Trials.empty(), {}
        hosts = {c: self._others(c, self._proposing)[: 6 * count] for c in self._classes}
        for key, window in pastes.items():
            chosen = self._generator.permutation(hosts[key[0]])[:count]
            asked[key] = [trials.add(host, key[2], window) for host in chosen]
        outcomes = trials.pasted(self._oracle)
        return {key: float(np.mean(outcomes[positions] == key[0])) for key, positions in asked.items()}

    def _most_necessary(self, options: dict[int, list[Any]]) -> dict[int, Candidate]:
        first = self._best_few(options, self._try_necessity(options, _FIRST_HOSTS))
        return self._best(first, self._try_necessity(first, _FINAL_HOSTS))

    def _most_sufficient(self, options: dict[int, list[Any]], carriers: dict[int, np.ndarray]) -> dict[int, Rule]:
        first = self._best_few(options, self._try_sufficiency(options, carriers, _FIRST_HOSTS))
        return self._best(first, self._try_sufficiency(first, carriers, _FINAL_HOSTS))

    def _try_necessity(self, options: dict[int, list[Any]], count: int) -> dict[int, list[float]]:
        """Class -> for each candidate the share of proposing images that leave the class without their window."""
        trials, asked = Trials.empty(), {}
        for c in self._classes:
            hosts = self._proposing[c][:count]
            strangers = np.resize(self._others(c, self._proposing), len(hosts))
            for number, candidate in enumerate(options[c]):
                places = self._places(candidate, hosts)
                asked[c, number] = [
                    trials.add(host, donor, places[int(host)]) for host, donor in zip(hosts, strangers, strict=True)
                ]
        replaced, removed = trials.pasted(self._oracle), trials.smoothed(self._oracle)

        def left(c, number):
            positions = asked[c, number]
            return float(np.mean([replaced[positions] != c, removed[positions] != c]))

        return {c: [left(c, number) for number in range(len(options[c]))] for c in self._classes}

    def _try_sufficiency(
        self, options: dict[int, list[Any]], carriers: dict[int, np.ndarray], count: int
    ) -> dict[int, list[float]]:
        """Class -> for each rule the share of other classes' proposing images that it turns into the class."""
        trials, asked = Trials.empty(), {}
        for c in self._classes:
            hosts = self._others(c, self._proposing)[:count]
            donors = np.resize(self._generator.permutation(carriers[c]), len(hosts))
            for number, rule in enumerate(options[c]):
                regions = self._regions(rule, hosts, donors[:, None])
                asked[c, number] = [
                    trials.add(*one) for one in zip(hosts, donors, [row[0] for row in regions], strict=True)
                ]
        outcomes = trials.pasted(self._oracle)
        return {c: [float(np.mean(outcomes[asked[c, k]] == c)) for k in range(len(options[c]))] for c in self._classes}

    def _best_few(self, options: dict[int, list[Any]], scores: dict[int, list[float]]) -> dict[int, list[Any]]:
        """Those furthest above what they have to exceed, the smaller first."""
        found = {}
        for c in self._classes:
            ranks = [
                (
                    threshold("sufficiency", one.share(self._size), self._oracle.num_classes, _swaps(one)) - score,
                    one.share(self._size),
                )
                for one, score in zip(options[c], scores[c], strict=True)
            ]
            order = sorted(range(len(ranks)), key=ranks.__getitem__)
            found[c] = [options[c][k] for k in order[:_FINALISTS]]
        return found

    def _best(self, options: dict[int, list[Any]], scores: dict[int, list[float]]) -> dict[int, Any]:
        return {c: few[0] for c, few in self._best_few(options, scores).items()}

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
            strangers = np.resize(self._others(c, self._testing), (len(hosts), _NECESSITY_DONORS))
            places = self._places(candidate, hosts)
            regions = [[places[int(host)]] * _NECESSITY_DONORS for host in hosts]
            asked[c] = paired(trials, hosts, strangers, strangers, regions, self._elsewhere(regions))
            rules[c] = Rule(candidate)
        outcomes, removed = trials.pasted(self._oracle), self._removed()
        labels = self._probe.labels
        return {
            c: averaged(
                effect_of("necessity", asked[c], trials, outcomes, labels, lambda to, c=c: to != c, rules[c]),
                removed[c],
            )
            for c in asked
        }

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
        return {c: outcomes[positions] != c for c, positions in asked.items()}

    def _sufficiency(self, rules: dict[int, Rule], carriers: dict[int, np.ndarray]) -> dict[int, Effect]:
        trials, asked = Trials.empty(), {}
        for c, rule in rules.items():
            hosts = self._others(c, self._testing)[:_TESTED]
            donors = np.resize(self._generator.permutation(carriers[c]), (_SUFFICIENCY_DONORS, len(hosts))).T
            regions = self._regions(rule, hosts, donors)
            asked[c] = paired(trials, hosts, donors, donors, regions, self._elsewhere(regions))
        outcomes = trials.pasted(self._oracle)
        labels = self._probe.labels
        return {
            c: effect_of("sufficiency", asked[c], trials, outcomes, labels, lambda to, c=c: to == c, rules[c])
            for c in asked
        }


def _screening(options: list[Candidate]) -> list[Candidate]:
    """Those that screen: each image's own square windows but the smallest."""
    own = [one for one in options if one.region is None and one.shape.height == one.shape.width]
    return [one for one in own if one.shape > min(other.shape for other in own)]


def _swaps(option: Candidate | Rule) -> bool:
    return isinstance(option, Rule) and option.swap is not None
