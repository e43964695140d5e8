"""A picture inside a line of HTML, for notebooks."""

import base64
import html

import numpy as np

from keras_xai.render.encode import jpeg


def figure(picture: np.ndarray, description: str, caption: str = "") -> str:
    """A picture that needs no file beside it.

    Args:
        picture: uint8 `(h, w, 3)`.
        description: for those who cannot see it.
        caption: what stands below; "" for nothing.

    Returns:
        HTML.
    """
    source = f"data:image/jpeg;base64,{base64.b64encode(jpeg(picture)).decode()}"
    below = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    return f'<figure><img style="max-width:100%" alt="{html.escape(description)}" src="{source}">{below}</figure>'
