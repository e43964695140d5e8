"""Names of the records in an event file."""

from keras_xai.log.strict_json import strict_json

VERSION = 1
PLUGIN = "keras_xai"
RUN = "explanations"
BASELINE_EPOCH = -1  # the state before epoch 0


def tag(name: str, kind: str, epoch: int | None = None, index: int | None = None) -> str:
    """Names a record: one tag per record, so that no reservoir of TensorBoard ever drops one.

    Args:
        name: the log's name, unique in its directory.
        kind: "inputs", "baseline", "epoch", "activations" or "alert".
        epoch: 0-based, for the last three.
        index: which alert of the epoch.

    Returns:
        For example `keras_xai/explanations/epoch/000012`.
    """
    if kind in ("inputs", "baseline"):
        return f"{PLUGIN}/{name}/{kind}"
    return f"{PLUGIN}/{name}/{kind}/{epoch:06d}" + ("" if index is None else f"-{index}")


def plugin_content(
    kind: str, name: str, session: str, epoch: int | None = None, flagged: bool = False, severity: str | None = None
) -> bytes:
    """The few facts about a record that TensorBoard hands out without reading the record.

    Args:
        kind: as in `tag`.
        name: the log's name.
        session: which fit wrote it.
        epoch: 0-based; None for inputs, -1 for the baseline.
        flagged: whether anything in the record is worth a second look.
        severity: of an alert: "notice" or "alert". Left out where None.

    Returns:
        JSON bytes.
    """
    about = {
        "version": VERSION,
        "kind": kind,
        "name": name,
        "session": session,
        "epoch": epoch,
        "flagged": bool(flagged),
    }
    return strict_json(about if severity is None else {**about, "severity": severity})
