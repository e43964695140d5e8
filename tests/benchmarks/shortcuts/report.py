"""Records as tables for people."""

from collections.abc import Iterator, Sequence

import numpy as np

from tests.benchmarks.shortcuts import score
from tests.benchmarks.shortcuts.score import Record

KINDS = ("local", "global", "decoy")


def tables(records: Sequence[Record]) -> Iterator[str]:
    """Lines of markdown: detection by kind of cue, false alarms, detection by strength, cost."""
    yield _row(
        "runs that rely on their cue",
        "alerted within 2 epochs",
        "ever",
        "delay",
        "region on the cue",
        "IoU",
        "other class",
    )
    yield "|---|---|---|---|---|---|---|"
    for part in (False, True):
        for kind in KINDS:
            some = [one for one in records if one["validation"] == part and one["run"]["kind"] == kind]
            if some:
                yield _detection(f"{kind}, {_part(part)}", some)
    yield ""
    yield "| runs where silence is right | with an alert | with a notice or an alert |"
    yield "|---|---|---|"
    for part in (False, True):
        some = [one for one in records if one["validation"] == part]
        yield _silence(f"no cue, {_part(part)}", [one for one in some if one["run"]["cue"] is None])
        yield _silence(f"cue planted but not used, {_part(part)}", [one for one in some if score.unused(one)])
    yield ""
    yield "| share of the class that carries the cue | 100 % | 90 % | 50 % | 20 % | 5 % |"
    yield "|---|---|---|---|---|---|"
    for kind in ("local", "global"):
        of_kind = [one for one in records if one["run"]["kind"] == kind and score.observed(one)]
        yield _by_strength(f"{kind}: alerted within 2 epochs", of_kind)
    yield ""
    yield from _more(records)


def misses(records: Sequence[Record]) -> Iterator[str]:
    """One line per run that was missed or alarmed in vain, with the command that repeats it."""
    for one in records:
        run, faults = one["run"], []
        if score.observed(one) and not score.in_time(one):
            faults.append(f"missed (delay {score.delay(one)})")
        if score.false_classes(one):
            faults.append(f"alerts on other classes {score.false_classes(one)}")
        if faults:
            planted = f"{run['kind']} {run['cue']} {run['strength']:.0%} on class {run['label']}"
            what = f"{planted}, {run['data']}, {run['network']}"
            relied = f"reliance {one['reliance']}, of the class {one['class_reliance']}" if run["cue"] else ""
            yield f"{'; '.join(faults)}: {what}. {relied} --first {run['number']} --count 1"


def _detection(name: str, records: list[Record]) -> str:
    relying = [one for one in records if score.observed(one)]
    windows = [window for one in relying if (window := score.first_window(one))]
    return _row(
        name,
        score.share(relying, score.in_time),
        score.share(relying, score.true_alerts),
        score.median([score.delay(one) for one in relying]),
        score.share(windows, lambda window: window["overlap"] >= score.HIT),
        score.median([window["iou"] for window in windows]),
        score.share([one for one in records if one["run"]["cue"]], score.false_classes),
    )


def _silence(name: str, records: list[Record]) -> str:
    alerted = score.share(records, lambda one: any(alert["severity"] == "alert" for alert in one["alerts"]))
    return _row(name, alerted, score.share(records, lambda one: one["alerts"]))


def _by_strength(name: str, records: list[Record]) -> str:
    shares = []
    for strength in (1.0, 0.9, 0.5, 0.2, 0.05):
        some = [one for one in records if one["run"]["strength"] == strength]
        shares.append(f"{sum(map(score.in_time, some))}/{len(some)}" if some else "none relies")
    return _row(name, *shares)


def _more(records: Sequence[Record]) -> Iterator[str]:
    seconds = [(sum(one["monitor_seconds"][1:]), sum(one["training_seconds"][1:])) for one in records]
    if seconds:
        spent, trained = np.sum(seconds, axis=0)
        yield f"- {len(records)} runs. Time in the monitor ÷ time in training, first epoch aside: {spent / trained:.2f}."
    accuracy = {
        name: [one["accuracy"][-1] for one in records if condition(one)]
        for name, condition in (("clean", lambda one: one["run"]["cue"] is None), ("relying", score.observed))
    }
    if all(accuracy.values()):
        clean, relying = (np.mean(values) for values in accuracy.values())
        yield f"- Validation accuracy, which sees nothing: {clean:.3f} in clean runs, {relying:.3f} with a cue in use."
    for kind in KINDS:
        strong = [one for one in records if one["run"]["kind"] == kind and score.observed(one) and score.strong(one)]
        if strong:
            in_time = score.share(strong, score.in_time)
            yield f"- Of {kind} cues with a reliance of {score.STRONG} or more {in_time} in time."
    decoys = [one for one in records if one["run"]["kind"] == "decoy" and score.observed(one)]
    if decoys:
        named = [len({alert["class"] for alert in score.true_alerts(one)}) for one in decoys]
        yield f"- Decoys of all ten classes: {np.mean(named):.1f} classes alerted on average ({min(named)}–{max(named)})."


def _part(validation: bool) -> str:
    return "validation" if validation else "tuning"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
