"""What a user sees in TensorBoard's stock tabs, beside what keras.callbacks.TensorBoard logs. In a real browser."""

import re

import keras
import pytest

import keras_xai as kx
from keras_xai.callbacks import ExplanationCallback
from tests.browser.tensorboard_process import tensorboard
from tests.requirements import require_backend, require_module
from tests.training.broken import Broken
from tests.training.networks import compiled, data, small
from tests.training.running import fit, samples, told

require_backend("tensorflow", reason="pages are the same on every backend")
require_module("playwright")


@pytest.fixture(scope="module")
def log_dir(tmp_path_factory):
    """A real fit of three epochs, with Keras's own callback on the same directory and an explainer that fails."""
    directory = tmp_path_factory.mktemp("logs")
    explainers = [kx.GradCAM(), kx.LIME(num_samples=12, segments="grid"), kx.Activations(), Broken("explain")]
    callbacks = [keras.callbacks.TensorBoard(directory), ExplanationCallback(samples(), explainers, log_dir=directory)]
    assert len(told(lambda: fit(compiled(small()), callbacks, epochs=3, validation_data=data(8, seed=1)))) == 1
    return directory


@pytest.fixture(scope="module", params=["true", "false"], ids=["rust loader", "python loader"])
def address(request, log_dir):
    with tensorboard(log_dir, request.param) as address:
        yield address


def matching_tags(page):
    """The tags of the first group, which holds what the filter lets through."""
    headings = page.locator("tf-category-paginated-view").first.get_by_text(re.compile("tag: "))
    return {text.strip().removeprefix("tag: ") for text in headings.all_text_contents()}


@pytest.mark.parametrize(
    ("pattern", "tags"),
    [
        ("xai/.*/grad_cam$", {f"xai/{m}/grad_cam" for m in ("score", "entropy", "centre", "border", "drift")}),
        ("xai/r2", {"xai/r2/lime"}),
        (
            "epoch_accuracy|xai/score",
            {"epoch_accuracy", *(f"xai/score/{m}" for m in ("grad_cam", "lime", "activations"))},
        ),
    ],
)
def test_scalars(address, page, pattern, tags):
    page.goto(f"{address}#scalars")
    page.locator("tf-tag-filterer input").fill(pattern)
    for tag in tags:
        page.get_by_text(f"tag: {tag}", exact=True).first.wait_for()
    assert matching_tags(page) == tags


def test_ours_is_one_more_run_of_the_experiment(address, page):
    page.goto(f"{address}#scalars")
    for run in ("explanations", "train", "validation"):
        page.locator("tf-runs-selector").get_by_text(run, exact=True).first.wait_for()


def test_time_series(address, page):
    page.goto(f"{address}?tagFilter=xai%2Fentropy%7Cepoch_loss#timeseries")
    for text in ("epoch_loss", "/grad_cam", "/lime", "/activations"):
        page.locator("card-view").get_by_text(text, exact=True).first.wait_for()
    cards = [" ".join(text.split()) for text in page.locator("card-view").all_inner_texts()]
    ours = {text.split(" Alt")[0] for text in cards if text.startswith("xai/entropy")}
    assert ours == {"xai/entropy /activations", "xai/entropy /grad_cam", "xai/entropy /lime"}


def test_images(address, page):
    page.goto(f"{address}#images")
    page.locator("tf-tag-filterer input").fill("explanations/|filmstrip/")
    wanted = [f"{group}/{m}" for group in ("explanations", "filmstrip") for m in ("activations", "grad_cam", "lime")]
    for tag in wanted:
        page.get_by_text(f"tag: {tag}", exact=True).first.wait_for()
    assert matching_tags(page) == set(wanted)
    page.locator("tf-image-loader img").nth(len(wanted) - 1).wait_for()
    for picture in page.locator("tf-image-loader img").all():
        size = picture.evaluate("picture => picture.decode().then(() => [picture.naturalWidth, picture.naturalHeight])")
        assert min(size) > 150


def test_explanations(address, page):
    """The tab of our own, in TensorBoard's frame."""
    page.goto(f"{address}#keras_xai")
    tab = page.frame_locator("iframe")
    tab.locator(".epoch-name", has_text="epoch 2 of 2").wait_for()
    tab.locator(".grid-row .map:not(.waiting)").first.wait_for()
    headings = tab.locator(".head-cell").all_inner_texts()
    assert headings == ["Sample", "Picture", "Prediction", "Grad-CAM", "LIME", "Activations"]
    assert tab.locator(".trouble").is_hidden()


def test_text(address, page):
    page.goto(f"{address}#text")
    page.get_by_text("tag: xai/errors", exact=True).wait_for()
    page.get_by_text("RuntimeError: broken on purpose in explain").wait_for()
    assert page.locator("strong", has_text="broken failed").count() == 1
