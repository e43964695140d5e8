"""The files of the front end that may be served."""

import importlib.resources

from keras_xai.dashboard.refusal import Refusal, quoted

MIME_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".LICENSE": "text/plain"}


def static_files() -> dict[str, str]:
    """File name -> MIME type of all that may be served: what lies in `static/` and has a known ending."""
    names = [entry.name for entry in _folder().iterdir() if entry.is_file()]
    types = {name: MIME_TYPES.get(f".{name.rpartition('.')[2]}") for name in sorted(names)}
    return {name: mime for name, mime in types.items() if mime}


def read_static(name: str) -> tuple[bytes, str]:
    """Reads one of them. Gives its bytes and its MIME type.

    Args:
        name: a file name as `static_files` lists it; no path leads anywhere.

    Raises:
        Refusal: 404, there is no such file.
    """
    mime = static_files().get(name)
    if mime is None:
        raise Refusal(404, f"The Explanations tab has no file {quoted(name)}.")
    return _folder().joinpath(name).read_bytes(), mime


def _folder() -> importlib.resources.abc.Traversable:
    return importlib.resources.files("keras_xai.dashboard").joinpath("static")
