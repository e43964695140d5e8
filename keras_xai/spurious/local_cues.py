"""Small regions: which one a class may rely on (half of the images say), and whether it does (the others do)."""

from __future__ import annotations

import numpy as np

from keras_xai.spurious.asking import Oracle
from keras_xai.spurious.effects import Effect, Trials, balanced, effect_of, paired
from keras_xai.spurious.probe import Probe
from keras_xai.spurious.proposals import Candidate, candidates
from keras_xai.spurious.windows import Region, control_window

# Images and interventions that choose among the candidates of one class.
_CHOOSING_HOSTS = 12
_SCREENING_HOSTS = 3
# A window that is larger must be clearly better to be chosen: by this much.
_MARGIN = 0.1


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
        self._oracle, self._probe, self._predicted = oracle, probe, predicted
        self._classes = classes
        self._generator = np.random.default_rng([seed, 1])
        self._seed = seed
        right = predicted == probe.labels
        self._proposing = {c: p[right[p]] for c, p in probe.proposing.items()}
        self._testing = {c: p[right[p]] for c, p in probe.testing.items()}
        self._maps: dict[int, np.ndarray] = {}

    def effects(self) -> dict[int, list[Effect]]:
        """Class -> what was found about its chosen candidates on the test images."""
        self._map({c: self._proposing[c] for c in self._classes})
        options = {c: candidates(self._own(self._proposing[c]), self._seed) for c in self._classes}
        carriers = self._carriers(options)
        necessary, sufficient = self._choose(options, carriers)
        self._map({c: self._testing[c] for c in self._classes if necessary[c].region is None})
        found = {c: [one] for c, one in self._necessity(necessary).items()}
        for c, one in self._sufficiency(sufficient, carriers).items():
            found[c].append(one)
        return found

    def _map(self, images: dict[int, np.ndarray]) -> None:
        indices = np.concatenate([np.zeros(0, int), *images.values()])
        indices = indices[[index not in self._maps for index in indices]] if len(indices) else indices
        maps = self._oracle.maps(indices, self._probe.labels[indices])
        self._maps |= {int(index): maps[:, position] for position, index in enumerate(indices)}

    def _own(self, indices: np.ndarray) -> np.ndarray:
        return np.stack([self._maps[int(index)] for index in indices], axis=1)

    def _others(self, label: int, pool: dict[int, np.ndarray]) -> np.ndarray:
        """Correctly classified images of other classes, in a new random order in which classes take turns."""
        indices = np.concatenate([members for other, members in pool.items() if other != label])
        return balanced(self._generator.permutation(indices), self._probe.labels, len(indices))

    def _carriers(self, options: dict[int, list[Candidate]]) -> dict[int, np.ndarray]:
        """Class -> its proposing images whose own windows take other images along; all of them where none does."""
        trials, asked = Trials.empty(), []
        for c in self._classes:
            members = self._proposing[c]
            windows = {
                candidate: candidate.windows(self._own(members))
                for candidate in options[c]
                if candidate.region is None and candidate.shape.height == candidate.shape.width
            }
            hosts = self._others(c, self._proposing)[: 3 * _SCREENING_HOSTS]
            for position, donor in enumerate(members):
                for places in windows.values():
                    for host in self._generator.permutation(hosts)[:_SCREENING_HOSTS]:
                        asked.append((c, position, id(places), trials.add(host, donor, places[position])))
        outcomes = trials.pasted(self._oracle)
        found = {}
        for c in self._classes:
            score = np.zeros(len(self._proposing[c]))
            tally: dict = {}
            for label, position, rule, trial in asked:
                if label == c:
                    tally.setdefault((position, rule), []).append(outcomes[trial] == c)
            for (position, _), flips in tally.items():
                score[position] = max(score[position], np.mean(flips))
            strong = score >= 2 / 3
            members = self._proposing[c]
            found[c] = members[strong] if strong.sum() >= 2 else members
        return found

    def _choose(self, options, carriers):
        """Class -> the candidate that seems most necessary, and the one that seems most sufficient."""
        trials, asked = Trials.empty(), {}
        for c in self._classes:
            members = self._proposing[c]
            spots = {index: position for position, index in enumerate(members)}
            strangers, others = self._others(c, self._proposing), self._others(c, self._proposing)[:_CHOOSING_HOSTS]
            for number, candidate in enumerate(options[c]):
                places = candidate.windows(self._own(members))
                removed = [
                    trials.add(host, strangers[k % len(strangers)], places[k])
                    for k, host in enumerate(members[:_CHOOSING_HOSTS])
                ]
                put = [
                    trials.add(host, donor, places[spots[donor]])
                    for host, donor in zip(others, np.resize(carriers[c], len(others)), strict=True)
                ]
                asked[c, number] = removed, put
        outcomes = trials.pasted(self._oracle)
        necessary, sufficient = {}, {}
        size = self._oracle.samples.size
        for c in self._classes:
            left = [np.mean(outcomes[asked[c, number][0]] != c) for number in range(len(options[c]))]
            taken = [np.mean(outcomes[asked[c, number][1]] == c) for number in range(len(options[c]))]
            necessary[c] = smallest_good(options[c], left, size)
            sufficient[c] = smallest_good(options[c], taken, size)
        return necessary, sufficient

    def _necessity(self, chosen: dict[int, Candidate], donors: int = 3, limit: int = 128) -> dict[int, Effect]:
        trials, asked = Trials.empty(), {}
        for c, candidate in chosen.items():
            hosts = self._testing[c][:limit]
            strangers = np.resize(self._others(c, self._testing), (len(hosts), donors))
            places = [[place] * donors for place in self._places(candidate, hosts)]
            asked[c] = paired(trials, hosts, strangers, strangers, places, self._elsewhere(places))
        outcomes = trials.pasted(self._oracle)
        labels = self._probe.labels
        return {
            c: effect_of("necessity", asked[c], trials, outcomes, labels, lambda to, c=c: to != c, chosen[c])
            for c in chosen
        }

    def _sufficiency(
        self, chosen: dict[int, Candidate], carriers: dict[int, np.ndarray], donors: int = 2, limit: int = 128
    ) -> dict[int, Effect]:
        trials, asked = Trials.empty(), {}
        for c, candidate in chosen.items():
            hosts = self._others(c, self._testing)[:limit]
            givers = np.resize(self._generator.permutation(carriers[c]), (donors, len(hosts))).T
            windows = dict(zip(carriers[c], self._places(candidate, carriers[c]), strict=True))
            places = [[windows[donor] for donor in row] for row in givers]
            asked[c] = paired(trials, hosts, givers, givers, places, self._elsewhere(places))
        outcomes = trials.pasted(self._oracle)
        labels = self._probe.labels
        return {
            c: effect_of("sufficiency", asked[c], trials, outcomes, labels, lambda to, c=c: to == c, chosen[c])
            for c in chosen
        }

    def _places(self, candidate: Candidate, indices: np.ndarray) -> list[Region]:
        if candidate.region is not None:
            return [candidate.region] * len(indices)
        return candidate.windows(self._own(indices))

    def _elsewhere(self, places: list[list[Region]]) -> list[list[Region]]:
        size = self._oracle.samples.size
        return [[control_window(region, size, self._generator) for region in row] for row in places]


def smallest_good(options: list[Candidate], scores: list[float], size: tuple[int, int]) -> Candidate:
    """The smallest candidate that is hardly worse than the best.

    Args:
        options: candidates. scores: one each. size: (height, width) of the images.
    """
    good = [one for one, score in zip(options, scores, strict=True) if score >= max(scores) - _MARGIN]
    return min(good, key=lambda one: one.share(size))
