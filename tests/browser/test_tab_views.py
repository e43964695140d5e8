"""The other views of the Explanations tab: filmstrip, alerts, curves, activations, and the picture of a view."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from keras_xai.log import read_log
from keras_xai.render.colour import colour
from tests.browser.explanations_tab import Tab
from tests.requirements import require_backend, require_module

require_backend("tensorflow", reason="pages are the same on every backend")
require_module("playwright")
from playwright.sync_api import expect  # noqa: E402


@pytest.fixture(scope="module")
def log(tab_log):
    return read_log(tab_log / "first")


def of_kind(log, kind):
    return {record["epoch"]: record for record in log if record["kind"] == kind and record["name"] == "explanations"}


def values_of(record, sample, method):
    return next(one["values"] for one in record["maps"] if (one["sample"], one["method"]) == (sample, method))


def digits(text):
    return float(re.sub(r"[^\d.e-]", "", text.replace("−", "-")))


def test_filmstrip_shows_a_sample_over_all_epochs(page, tab_address, log):
    tab = Tab(page, tab_address)
    tab.row("picture 2").locator(".sample").click()
    tab.settle()
    assert page.get_by_label("Sample", exact=True).locator("option:checked").inner_text().startswith("picture 2")
    epochs = ["untrained", *(str(epoch) for epoch in sorted(of_kind(log, "epoch")))]
    assert sorted(tab(".strip-title strong").all_inner_texts()) == sorted(epochs)
    expect(tab(".strip-label")).to_have_text(["Grad-CAM", "LIME", "Activations"])
    expect(tab(".strip-column canvas")).to_have_count(3 * len(epochs))
    tab(".strip-title", has_text=re.compile("^1")).click()
    expect(tab(".epoch-name")).to_have_text("epoch 1 of 4")
    expect(tab(".strip-column.current .strip-title strong")).to_have_text("1")


def test_two_epochs_side_by_side_with_their_difference(page, tab_address, log):
    tab = Tab(page, tab_address, view="filmstrip", first=0, second=3, hidden=["lime", "activations"])
    first, second = (values_of(of_kind(log, "epoch")[epoch], "s00", "grad_cam") for epoch in (0, 3))
    expect(tab(".pair figcaption")).to_have_text(["epoch 0", "epoch 3", "difference"])
    change = tab(".pair figure").nth(2)
    assert digits(change.locator(".range").inner_text()) == pytest.approx(np.abs(second - first).max(), rel=0.02)
    page.get_by_label("Second epoch").select_option("0")
    expect(change.locator(".range")).to_have_text("no change")
    seen = tab.pixel(change.locator("canvas"), 0.5, 0.5)
    assert np.abs(np.array(seen[:3]) - colour(0.0, 0.0, 1.0, signed=True)).max() <= 2


def test_alerts_are_listed_by_weight_and_filtered(page, tab_address):
    tab = Tab(page, tab_address, view="alerts")
    notes = tab(".alert-card .note")
    expect(notes).to_have_text(
        [re.compile("alert .* epoch 3"), re.compile("notice .* brightness .* epoch 2"), re.compile("notice .* epoch 1")]
    )
    tab.choose("label", "0")
    expect(notes).to_have_count(1)
    tab.choose("label", "")
    tab.choose("text", "corner decides")
    expect(notes).to_have_count(2)
    tab.choose("text", "nothing like it")
    expect(page.get_by_role("heading", name="No alert passes the filters")).to_be_visible()


def test_an_alert_shows_its_evidence(page, tab_address, log):
    tab = Tab(page, tab_address, view="alerts")
    evidence = page.get_by_role("article")
    expect(evidence.locator(".badge")).to_have_text("alert")
    expect(evidence.locator(".sentence")).to_have_text("At epoch 3 the corner decides.")
    expect(evidence.locator(".effects tbody tr").first).to_have_text(re.compile("necessity0.750.50.80.0520"))
    donor = evidence.get_by_role("img", name="Donor crop 1")
    assert donor.evaluate("canvas => [canvas.width, canvas.height]") == [6, 4]
    expect(evidence.locator("figcaption strong")).to_have_text(["right", "middle", "left", "left"])
    jpeg = np.asarray(
        Image.open(io.BytesIO(next(one for one in log if one["kind"] == "alert" and one["epoch"] == 3)["pictures"][1]))
    )
    seen = tab.pixel(evidence.get_by_role("img", name="before: right"), 0.5, 0.5)
    assert np.abs(np.array(seen[:3]) - jpeg[6, 6].astype(int)).max() <= 2
    expect(evidence.locator(".chart .name")).to_have_text(["necessity"])


def test_an_alert_leads_to_the_affected_samples(page, tab_address):
    tab = Tab(page, tab_address, view="alerts")
    page.get_by_role("button", name="Show 2 affected samples in the grid").click()
    tab.settle()
    assert tab.rows() == ["picture 1", "picture 4"]
    expect(tab(".epoch-name")).to_have_text("epoch 3 of 4")
    page.get_by_role("button", name="Show all").click()
    tab.settle()
    assert len(tab.rows()) > 2


def test_an_alert_about_other_samples_leads_to_those_of_its_class(page, tab_address):
    tab = Tab(page, tab_address, view="alerts")
    page.get_by_role("button", name="brightness").click()
    page.get_by_role("button", name=re.compile("Show . samples? of this class in the grid")).click()
    tab.settle()
    truths = tab(".grid-row:visible .truth").all_inner_texts()
    assert truths
    assert set(truths) == {"true: left"}


def test_the_evidence_fits_a_narrow_page(page, tab_address):
    page.set_viewport_size({"width": 800, "height": 800})
    Tab(page, tab_address, view="alerts")
    page.get_by_role("article").locator(".effects").wait_for()
    assert page.locator(".alert-detail").evaluate("detail => detail.scrollWidth <= detail.clientWidth")


def test_curves_follow_the_epoch(page, tab_address, log):
    tab = Tab(page, tab_address, view="curves")
    titles = tab(".chart h3").all_inner_texts()
    assert {"Loss", "Accuracy", "Drift", "Entropy", "Reliance: max effect", "Reliance: necessity"} <= set(titles)
    for epoch, record in list(of_kind(log, "epoch").items())[1:3]:
        tab.epoch(epoch + 1)
        loss = page.get_by_role("region", name="Loss").locator(".legend li")
        expect(loss.locator(".name")).to_have_text(["training", "validation"])
        shown = [digits(text) for text in loss.locator("output").all_inner_texts()]
        assert shown == pytest.approx([record["logs"]["loss"], record["logs"]["val_loss"]], rel=0.01)
        drift = page.get_by_role("region", name="Drift").locator(".legend li").first
        assert digits(drift.locator("output").inner_text()) == pytest.approx(
            record["means"]["grad_cam"]["drift"], rel=0.01
        )


def test_curves_of_one_class(page, tab_address, log):
    tab = Tab(page, tab_address, view="curves", label=1, epoch=2)
    record = of_kind(log, "epoch")[2]
    labels = {one["id"]: one["label"] for one in next(one for one in log if one["kind"] == "inputs")["samples"]}
    scores = [
        one["measures"]["score"] for one in record["maps"] if one["method"] == "grad_cam" and labels[one["sample"]] == 1
    ]
    score = page.get_by_role("region", name="Score · middle").locator(".legend output").first
    assert digits(score.inner_text()) == pytest.approx(np.mean(scores), rel=0.01)
    tab.choose("label", "0")
    expect(page.get_by_role("region", name="Reliance: necessity")).to_have_count(0)


def test_a_click_on_a_curve_goes_to_its_epoch(page, tab_address):
    tab = Tab(page, tab_address, view="curves")
    over = page.get_by_role("region", name="Loss").locator(".u-over")
    box = over.bounding_box()
    page.mouse.click(box["x"] + 2, box["y"] + 40)
    expect(tab(".epoch-name")).to_have_text("epoch 0 of 4")


def test_activations(page, tab_address, log):
    tab = Tab(page, tab_address, view="activations", scale="image", smooth=False)
    record = of_kind(log, "activations")[4]
    expect(tab(".layer")).to_have_text([layer["name"] for layer in record["layers"]])
    layer = record["layers"][-1]
    expect(tab(".strip-label")).to_have_text([f"Channel {channel}" for channel in layer["channels"]])
    drivers = {driver["channel"]: driver["samples"] for driver in layer["drivers"]}
    expect(tab(".driver-card strong")).to_have_text([f"Channel {channel}" for channel in drivers])
    first = next(iter(drivers.values()))
    values = [digits(text) for text in tab(".driver-card").first.locator("small").all_inner_texts()]
    assert values == pytest.approx([one["value"] for one in first], rel=0.01)
    top = next(
        one["vmax"] for one in layer["tiles"] if one["sample"] == "s00" and one["channel"] == layer["channels"][0]
    )
    said = tab(".strip-column.current .range").first.inner_text()
    assert (digits(said) == pytest.approx(top, rel=0.01)) if top > 0 else said == "silent"
    number = int(first[0]["id"].removeprefix("s"))
    tab(".driver-card .driver").first.click()
    expect(page.get_by_label("Sample", exact=True).locator("option:checked")).to_have_text(f"picture {number}")


def test_the_tiles_of_a_channel_have_one_scale_over_all_epochs(page, tab_address, log):
    """Also where the epoch of its largest value has not been read: its record never comes."""
    records = of_kind(log, "activations")
    layer = records[4]["layers"][-1]
    peaks = {}
    for epoch, record in records.items():
        tiles = next(one for one in record["layers"] if one["name"] == layer["name"])["tiles"]
        for tile in tiles:
            if tile["sample"] == "s00":
                peaks.setdefault(tile["channel"], {})[epoch] = tile["vmax"]
    channel = next(one for one in layer["channels"] if max(peaks[one], key=peaks[one].get) < 4 and peaks[one][4] > 0)
    far = max(peaks[channel], key=peaks[channel].get)
    page.route(
        re.compile(rf"/record\?.*first.*activations%2F00000{far}"), lambda route: route.fulfill(status=404, json={})
    )
    tab = Tab(page, tab_address, view="activations", size=64)
    label = tab(".strip-label", has_text=re.compile(rf"^Channel {channel}(?!\d)"))
    said = label.locator("small").inner_text()
    assert digits(said.removeprefix("scale 0 – ")) == pytest.approx(max(peaks[channel].values()), rel=0.01)
    tab.choose("scale", "image")
    expect(label.locator("small")).to_have_text("")


@pytest.mark.parametrize("view", ["grid", "alerts", "curves"])
def test_a_view_can_be_saved_as_a_picture(page, tab_address, view):
    tab = Tab(page, tab_address, view=view, size=200)
    if view == "grid":  # its headings stay where they are
        tab(".grid").evaluate("grid => grid.scrollTo(60, 130)")
        tab.settle()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save this view as PNG").click()
    assert download.value.suggested_filename == f"keras-xai-{view}-epoch-4.png"
    picture = np.asarray(Image.open(download.value.path()).convert("RGB")).astype(int)
    box = tab(".main").bounding_box()
    assert np.abs(np.array(picture.shape[:2]) - (box["height"] + 36, box["width"])).max() <= 1
    onscreen = np.asarray(Image.open(io.BytesIO(tab(".main").screenshot())).convert("RGB")).astype(int)
    assert onscreen.std() > 10
    # The view may begin between two rows of pixels, of which the screenshot then takes both.
    height = min(len(picture) - 36, len(onscreen) - 1)
    apart = [np.abs(picture[36:][:height] - onscreen[shift:][:height]).mean() for shift in (0, 1)]
    assert min(apart) < 2
