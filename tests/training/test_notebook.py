"""In a notebook: an explanation is a page, and `fit` shows the latest epoch below the cell."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

import keras_xai as kx
from keras_xai.callbacks.notebook import in_notebook
from tests.requirements import require_module
from tests.training.networks import data

FIT = """\
import keras
import keras_xai as kx
from tests.training.networks import data
images, labels = data()
model = keras.Sequential([keras.Input((12, 12, 3)), keras.layers.Conv2D(4, 3, activation="relu"),
                          keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3, "softmax")])
model.compile("sgd", "sparse_categorical_crossentropy")
callback = kx.callbacks.ExplanationCallback(images[:2], ["grad_cam", "hires_cam"], LOG_DIR, verbose=VERBOSE)
model.fit(images, labels, epochs=3, callbacks=[callback], verbose=0)
"""


def pictures(html):
    found = re.findall(r'<img [^>]*src="data:image/jpeg;base64,([^"]+)"', html)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(one)))) for one in found]


def test_an_explanation_is_a_page():
    images, labels = data(2)
    explanation = kx.Explanation(
        method="<b>odd</b>",
        signed=False,
        raw=np.ones((2, 3, 3), np.float32),
        valid=np.ones(2, bool),
        scores=np.ones(2, np.float32),
        targets=labels,
        predictions=np.eye(3, dtype=np.float32)[labels],
        details={},
        images=(images * 255).astype(np.uint8),
    )
    html = explanation._repr_html_()
    (picture,) = pictures(html)
    assert picture.std() > 10
    assert "2 maps of 12×12" in html
    assert "<b>" not in html  # names from elsewhere are shown, not interpreted
    assert "&lt;b&gt;odd" in html


def run_notebook(*cells):
    require_module("nbclient")
    require_module("ipykernel")
    import nbclient
    import nbformat

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in cells])
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    shown = [[output.get("data", {}).get("text/html") for output in cell.outputs] for cell in notebook.cells]
    return [[html for html in one if html] for one in shown]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_fit_shows_the_latest_epoch_below_the_cell(tmp_path):
    code = FIT.replace("LOG_DIR", repr(str(tmp_path)))
    talking, silent = run_notebook(code.replace("VERBOSE", "1"), code.replace("VERBOSE", "0"))
    (html,) = talking  # one place, overwritten by each epoch
    assert re.findall("<summary>(.*?)</summary>", html) == ["grad_cam, epoch 2", "hires_cam, epoch 2"]
    assert [picture.std() > 5 for picture in pictures(html)] == [True, True]
    assert silent == []


def test_outside_of_a_notebook_nothing_is_shown():
    assert not in_notebook()
