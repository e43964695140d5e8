"""The grid of the Explanations tab: what a user can do with it, and what is then on the screen."""

import re

import numpy as np
import pytest

from keras_xai.log import read_log
from keras_xai.render.colour import colour
from tests.browser.conftest import CLASSES
from tests.browser.explanations_tab import Tab
from tests.requirements import require_backend, require_module

require_backend("tensorflow", reason="pages are the same on every backend")
require_module("playwright")
from playwright.sync_api import expect  # noqa: E402


@pytest.fixture(scope="module")
def records(tab_log):
    """The epochs of the run `first` as Python reads them: epoch -> record."""
    log = [one for one in read_log(tab_log / "first") if one["kind"] in ("epoch", "baseline")]
    return {record["epoch"]: record for record in log}


def outcomes(record):
    return {f"picture {number}": sample for number, sample in enumerate(record["samples"])}


def stored(record, name, method):
    number = name.removeprefix("picture ")
    return next(one for one in record["maps"] if one["sample"] == f"s0{number}" and one["method"] == method)


@pytest.fixture
def tab(page, tab_address):
    return Tab(page, tab_address)


def test_samples_are_rows_and_methods_columns(tab):
    assert tab.rows() == [f"picture {number}" for number in range(6)][: len(tab.rows())]
    headings = tab(".head-cell").all_inner_texts()
    assert headings == ["Sample", "Picture", "Prediction", "Grad-CAM", "LIME", "Activations"]
    expect(tab.row("picture 0").locator("canvas")).to_have_count(4)


def test_each_epoch_says_what_was_predicted(tab, records):
    changed = 0
    for place, (epoch, record) in enumerate(sorted(records.items())):
        tab.epoch(place)
        expect(tab(".epoch-name")).to_have_text("untrained" if epoch < 0 else f"epoch {epoch} of 4")
        before = outcomes(records[epoch - 1]) if epoch - 1 in records else {}
        for name, said in list(outcomes(record).items())[:3]:
            cell = tab.row(name).locator(".outcome")
            expect(cell.locator(".predicted")).to_have_text(CLASSES[said["predicted"]])
            expect(cell.locator(".confidence")).to_have_text(
                re.compile(rf"^{100 * said['confidence']:.0f}(\.\d)? %$|^{100 * said['confidence']:.1f} %$")
            )
            flipped = name in before and before[name]["predicted"] != said["predicted"]
            changed += flipped
            expect(cell.locator(".flipped:visible")).to_have_text(
                [f"was {CLASSES[before[name]['predicted']]}"] if flipped else []
            )
    assert changed, "the fit must change its mind for the test to say anything"


def test_keys_step_and_play(tab, page):
    page.keyboard.press("ArrowLeft")
    expect(tab(".epoch-name")).to_have_text("epoch 3 of 4")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    expect(tab(".epoch-name")).to_have_text("epoch 3 of 4")
    page.keyboard.press(" ")
    expect(tab(".epoch-name")).to_have_text("epoch 4 of 4")
    expect(page.get_by_role("button", name="Play")).to_be_visible()


def test_ticks_mark_alerts_and_open_them(tab, page):
    """A triangle for the alert, a ring in another colour for each notice."""
    expect(page.get_by_role("button", name="Alert at epoch 3: open")).to_have_count(1)
    expect(page.get_by_role("button", name="Notice at epoch")).to_have_count(2)
    read = """tick => {
      const style = getComputedStyle(tick, "::before");
      return [style.borderRadius, style.borderBottomColor];
    }"""
    looks = {}
    for severity in ("Alert", "Notice"):
        tick = page.get_by_role("button", name=f"{severity} at epoch").first
        expect(tick).to_have_attribute("title", re.compile(f"^{severity} at epoch"))
        looks[severity] = tick.evaluate(read)
    assert (looks["Alert"][0], looks["Notice"][0]) == ("0px", "50%")
    assert looks["Alert"][1] != looks["Notice"][1]
    page.get_by_role("button", name="Alert at epoch 3").click()
    expect(tab(".sentence")).to_have_text("At epoch 3 the corner decides.")
    expect(tab(".epoch-name")).to_have_text("epoch 3 of 4")


def test_a_map_is_coloured_as_python_colours_it(tab, records):
    """Blocky, opaque, on its own scale and over the picture in colour: the strongest cell has the last colour."""
    for name, value in {"opacity": 1, "smooth": "false", "scale": "image", "muted": "false"}.items():
        tab.choose(name, value)
    entry = stored(records[4], "picture 0", "grad_cam")
    values = entry["values"]
    assert values.max() > 0
    row, column = np.unravel_index(values.argmax(), values.shape)
    place = (column + 0.5) / values.shape[1], (row + 0.5) / values.shape[0]
    seen = tab.pixel(tab.map("picture 0").locator("canvas"), *place)
    assert np.abs(np.array(seen[:3]) - colour(1.0, 0.0, 1.0)).max() <= 2


def test_opacity_threshold_and_hover_show_the_picture_beneath(tab):
    canvas, original = tab.map("picture 0").locator("canvas"), tab.row("picture 0").locator(".cell > canvas")
    tab.choose("muted", "false")
    differs, alike = (f"([a, b]) => a.toDataURL() {sign} b.toDataURL()" for sign in ("!==", "==="))
    both = [canvas.element_handle(), original.element_handle()]
    tab.page.wait_for_function(differs, arg=both)
    tab.choose("opacity", 0)
    tab.page.wait_for_function(alike, arg=both)
    tab.choose("opacity", 1)
    weak = canvas.evaluate("canvas => canvas.toDataURL()")
    tab.choose("threshold", 0.95)
    assert canvas.evaluate("canvas => canvas.toDataURL()") != weak
    canvas.hover()
    tab.page.wait_for_function(alike, arg=both)


def test_the_scale_is_shown(tab, records):
    peaks = [stored(record, "picture 0", "grad_cam")["vmax"] for record in records.values()]
    own = stored(records[2], "picture 0", "grad_cam")["vmax"]
    assert own < max(peaks)
    tab.epoch(3)
    scale = tab.map("picture 0").locator(".range")
    expect(scale).to_have_text(f"0 – {digits(max(peaks))}")
    tab.choose("scale", "image")
    expect(scale).to_have_text(f"0 – {digits(own)}")


def digits(value):
    """Three digits that matter, as the page writes them."""
    return f"{float(f'{value:.3g}'):g}" if value >= 1e-3 else re.sub(r"e-0?", "e−", f"{value:.1e}")


@pytest.mark.parametrize(("method", "title"), [("grad_cam", "Grad-CAM"), ("lime", "LIME")])
def test_the_large_view_reads_values(tab, page, records, method, title):
    tab.map("picture 1", title).click()
    large = page.get_by_role("dialog")
    expect(large.get_by_role("heading")).to_have_text("picture 1 · epoch 4")
    canvas = large.get_by_role("img", name=f"{title} of picture 1")
    values = stored(records[4], "picture 1", method)["values"]
    box = canvas.bounding_box()
    for across, down in ((0.3, 0.6), (0.9, 0.1)):
        before = large.locator(".readout").inner_text()
        page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])
        value = values[int(down * values.shape[0]), int(across * values.shape[1])]
        expect(large.locator(".readout")).not_to_have_text(before)
        said = float(large.locator(".readout").inner_text().split()[0].replace("−", "-"))
        assert said == pytest.approx(value, rel=0.01, abs=1e-4)
    page.keyboard.press("Escape")
    expect(large).to_be_hidden()


def test_filters(tab, page, records):
    said = outcomes(records[4])
    truth = tab_truth(tab)
    wrong = {name for name, one in said.items() if CLASSES[one["predicted"]] != truth[name]}
    flipped = {name for name, one in said.items() if one["predicted"] != outcomes(records[3])[name]["predicted"]}
    for outcome, names in {"wrong": wrong, "right": set(said) - wrong, "flipped": flipped}.items():
        tab.choose("outcome", outcome)
        assert set(tab.rows()) == names or not names
        if not names:
            expect(page.get_by_role("heading", name="No sample passes the filters")).to_be_visible()
            page.get_by_role("button", name="Show all samples").click()
    tab.choose("outcome", "all")
    tab.choose("label", "1")
    assert set(tab.rows()) == {name for name, label in truth.items() if label == "middle"}
    tab.choose("label", "")
    tab.choose("text", "ture 4")
    assert tab.rows() == ["picture 4"]


def tab_truth(tab):
    tab.choose("size", 64)
    rows = {
        row.locator("strong").inner_text(): row.locator(".truth").inner_text() for row in tab(".grid-row:visible").all()
    }
    assert len(rows) == 6
    return {name: text.removeprefix("true: ") for name, text in rows.items()}


def test_methods_can_be_left_out(tab, page):
    page.get_by_role("checkbox", name="LIME").uncheck()
    expect(tab(".head-cell")).to_have_text(["Sample", "Picture", "Prediction", "Grad-CAM", "Activations"])


def test_only_rows_on_screen_exist(tab):
    tab.choose("size", 360)
    seen = tab(".grid-row:visible").count()
    assert seen < 6
    tab(".grid").evaluate("grid => grid.scrollTo(0, 1e6)")
    expect(tab.row("picture 5")).to_be_in_viewport()
    assert tab(".grid-row:visible").count() <= seen + 2
