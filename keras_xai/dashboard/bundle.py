"""The front end in one page: its modules and styles inline, so that it opens with no server."""

import base64
import hashlib
import json
import re

from keras_xai.dashboard.static_files import read_static, static_files

START = 'import { render } from "keras-xai/index.js";\nrender();\n'
_IMPORT = re.compile(r"""^((?:import|export)\b[^;"']*\bfrom\s*["']|import\s*["'])\./([\w.-]+["'])""", re.MULTILINE)


def style_sheets() -> str:
    """All style sheets, one after the other."""
    return "\n".join(read_static(name)[0].decode() for name in static_files() if name.endswith(".css"))


def import_map() -> str:
    """An import map with each module as a data: URL, under the name `keras-xai/<file>`.

    A page from the disk may not load a module from the disk, and within a data: URL "./other.js" leads nowhere. So the
    imports are turned into names that the map knows.
    """
    modules = {}
    for name in static_files():
        if name.endswith(".js"):
            source = _IMPORT.sub(r"\1keras-xai/\2", read_static(name)[0].decode())
            encoded = base64.b64encode(source.encode()).decode()
            modules[f"keras-xai/{name}"] = f"data:text/javascript;charset=utf-8;base64,{encoded}"
    return json.dumps({"imports": modules})


def content_security_policy(*scripts: str) -> str:
    """A policy under which the page runs these scripts and the modules of its import map, and loads nothing at all.

    Args:
        scripts: the texts of the inline scripts.
    """
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return f"default-src 'none'; script-src {allowed} data:; style-src 'unsafe-inline'; img-src data: blob:"
