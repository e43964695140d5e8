"""What a log is made of."""

from pathlib import Path

from keras_xai.event_files import events


def record_sizes(run: Path) -> dict[str, int]:
    """Bytes of a log by kind of record."""
    sizes: dict[str, int] = {}
    for file in run.iterdir():
        for event in events(file, check=False):
            for value in event.summary.value:
                own = value.metadata.plugin_data.plugin_name == "keras_xai"
                kind = value.tag.split("/")[2] if own else value.metadata.plugin_data.plugin_name
                sizes[kind] = sizes.get(kind, 0) + value.ByteSize()
    return sizes
