"""What the monitor found, as text for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_xai.spurious.alert import Alert


def alert_markdown(alert: Alert) -> str:
    """One alert with its numbers.

    Returns:
        Markdown: the sentence and a table of effects.
    """
    rows = [
        f"| {name} | {one['flips']:.0%} | {one['control']:.0%} | {one['lower']:.2f} | {one['threshold']:.2f} | "
        f"{one['breadth']:.0%} | {one['images']} |"
        for name, one in alert.effects.items()
    ]
    head = "| intervention | flipped | control | effect at least | has to exceed | of other classes | images |"
    lead = "**Alert**" if alert.severity == "alert" else "Notice"
    return "\n".join(
        [f"{lead}, epoch {alert.epoch}: {alert.sentence}", "", head, "|---|---|---|---|---|---|---|", *rows]
    )


def report(
    alerts: Sequence[Alert],
    class_name: Any,
    skipped: dict[int, str],
    notes: dict[int, str],
    unseen: Sequence[int],
    alpha: float,
) -> str:
    """All that was found and all that was not looked at.

    Args:
        alerts: notices too. class_name: from class to its name. skipped: class -> why it could not be examined.
        notes: class -> what its images could not show. unseen: classes for which no time was left.
        alpha: the level of the run.

    Returns:
        Markdown.
    """
    said = [alert for alert in alerts if alert.severity == "alert"]
    lines = ["# What the model relies on", ""]
    if said:
        lines += ["\n\n".join(alert_markdown(alert) for alert in said)]
    else:
        lines += [
            "No alert: no reliance on a small region or a global property was verified. That does not prove that "
            "there is none."
        ]
    notices = [alert for alert in alerts if alert.severity == "notice"]
    if notices:
        lines += [
            "",
            "Seen once, so not an alert by itself:",
            "",
            *(f"- epoch {one.epoch}: {one.sentence}" for one in notices),
        ]
    lines += ["", *coverage(class_name, skipped, notes, unseen)]
    lines += [
        "",
        f"With a chance of at most {alpha:.0%} an effect is listed that does not exceed its threshold. An alert says what "
        "the model uses, not that it should not: look at it.",
    ]
    return "\n".join(lines)


def coverage(class_name: Any, skipped: dict[int, str], notes: dict[int, str], unseen: Sequence[int]) -> list[str]:
    """What could not be said, as lines of Markdown: classes of one reason together."""
    reasons: dict[str, list[str]] = {}
    for c, reason in sorted(skipped.items()):
        reasons.setdefault(f"not evaluated, {reason}", []).append(class_name(c))
    for c, note in sorted(notes.items()):
        reasons.setdefault(note, []).append(class_name(c))
    if unseen:
        reasons["not evaluated at the last epoch, for lack of time (budget)"] = [class_name(c) for c in unseen]
    return [f"- {_some(names)}: {reason}" for reason, names in reasons.items()]


def _some(names: list[str], limit: int = 8) -> str:
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
