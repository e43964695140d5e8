"""Runs, sharing, live runs, themes and widths of the Explanations tab."""

import re

import pytest

import keras_xai as kx
from keras_xai.log import ExplanationLog
from tests.browser.conftest import explained, read_index
from tests.browser.explanations_tab import Tab, stream_key
from tests.browser.tensorboard_process import tensorboard
from tests.requirements import require_backend, require_module
from tests.training.networks import small

require_backend("tensorflow", reason="pages are the same on every backend")
require_module("playwright")
from playwright.sync_api import expect  # noqa: E402


@pytest.fixture(scope="module")
def index(tab_address):
    return read_index(tab_address)


def test_runs_are_compared_side_by_side(page, tab_address):
    tab = Tab(page, tab_address)
    tab(".runs-button").click()
    page.get_by_role("checkbox", name=re.compile("^second")).check()
    tab.settle()
    expect(tab(".head-cell.run")).to_have_text(["second", "first"])
    expect(tab.row("picture 0").locator(".outcome")).to_have_count(2)
    expect(tab.row("picture 0").locator(".outcome .at:visible")).to_have_text(["epoch 2"])


def test_a_restart_is_a_fit_of_its_own(page, tab_address, index):
    keys = [stream_key(index, "again", fit) for fit in (0, 1)]
    tab = Tab(page, tab_address)
    tab(".runs-button").click()
    boxes = [page.get_by_role("checkbox", name=re.compile(f"^again · fit {number}")) for number in (1, 2)]
    assert [box.get_attribute("value") for box in boxes] == keys
    tab(".run-row", has=boxes[1]).get_by_role("button", name="only").click()
    tab.settle()
    expect(tab(".epoch-name")).to_have_text("epoch 1 of 1")


def test_the_address_holds_the_view(page, tab_address, index, browser):
    tab = Tab(page, tab_address, runs=[stream_key(index, "first")])
    tab.choose("opacity", 0.4)
    tab.choose("colours", "viridis")
    tab.epoch(2)
    tab.view("Curves")
    tab.wait_for_address(view="curves", opacity=0.4, colours="viridis", epoch=1)
    page.reload()
    tab.settle()
    expect(tab(".epoch-name")).to_have_text("epoch 1 of 4")
    expect(tab(".view[aria-current]")).to_have_text("Curves")
    tab.view("Grid")
    assert tab(".panel [name=opacity]").input_value() == "0.4"


def test_a_mistyped_address_is_no_error(page, tab_address):
    tab = Tab(page, tab_address, view="nowhere", opacity=7, epoch="x", hidden="y", runs=["gone"])
    expect(tab(".view[aria-current]")).to_have_text("Grid")
    assert tab(".panel [name=opacity]").input_value() == "0.8"


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """A log that grows, and how to let it."""
    directory = tmp_path_factory.mktemp("live")
    samples = explained()
    explanations = {"grad_cam": kx.GradCAM()(small(), samples)}
    log = ExplanationLog(directory, "explanations", samples)

    def write(epoch):
        log.epoch(epoch, explanations)
        log._writer.flush()

    write(0)
    with tensorboard(directory, "true") as address:
        yield address, write
    log.finish()


def test_inside_tensorboard_a_live_run_is_followed(page, live):
    """In TensorBoard's own page: the tab is there, follows its theme, its reload and its address."""
    address, write = live
    page.goto(f"{address}?darkMode=true#keras_xai&p.keras_xai.size=96")
    frame = page.frame_locator("iframe")
    expect(frame.locator(".epoch-name")).to_have_text("epoch 0 of 0")
    expect(frame.locator("html")).to_have_attribute("data-theme", "dark")
    write(1)
    for _ in range(60):
        page.get_by_role("button", name="Reload").or_(page.locator("[title*=reload i], .reload-button")).first.click()
        if frame.locator(".epoch-name").inner_text() == "epoch 1 of 1":
            break
        page.wait_for_timeout(500)
    expect(frame.locator(".epoch-name")).to_have_text("epoch 1 of 1")
    frame.get_by_role("button", name="Previous epoch").click()
    expect(frame.locator(".epoch-name")).to_have_text("epoch 0 of 1")
    page.wait_for_function("() => location.hash.includes('p.keras_xai.epoch=0')")
    assert "p.keras_xai.size=96" in page.url


@pytest.mark.parametrize(("theme", "ground"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(30, 33, 37)")])
def test_themes(page, tab_address, theme, ground):
    page.emulate_media(color_scheme=theme)
    tab = Tab(page, tab_address)
    expect(tab("body")).to_have_css("background-color", ground)


@pytest.mark.parametrize("width", [800, 2560])
def test_widths(page, tab_address, width):
    page.set_viewport_size({"width": width, "height": 900})
    for view in ("grid", "filmstrip", "alerts", "curves", "activations"):
        tab = Tab(page, tab_address, view=view)
        assert tab("html").evaluate("html => html.scrollWidth") == width
        assert tab(".main").bounding_box()["width"] > width / 2


def test_an_empty_log_says_what_to_do(page, tab_address):
    nothing = {"version": 1, "runs": [], "problems": []}
    page.route(re.compile("/keras_xai/index"), lambda route: route.fulfill(json=nothing))
    Tab(page, tab_address)
    expect(page.get_by_role("heading", name="No explanations in this log yet")).to_be_visible()
    expect(page.get_by_text("ExplanationCallback")).to_be_visible()


def test_what_tensorboard_refuses_is_named(page, tab_address):
    """One record cannot be read: it is named, and the other epochs are there."""
    refusal = {"status": 422, "json": {"error": "the disk <b>lost</b> it"}}
    page.route(re.compile(r"/record\?.*epoch%2F000003"), lambda route: route.fulfill(**refusal))
    tab = Tab(page, tab_address)
    expect(tab(".trouble summary")).to_have_text("1 piece of the log could not be read")
    tab(".trouble summary").click()
    expect(tab(".trouble li")).to_contain_text("epoch/000003: the disk <b>lost</b> it")
    expect(tab.row("picture 0").locator(".predicted")).not_to_have_text("…")


def test_a_picture_that_cannot_be_read_costs_only_itself(page, tab_address):
    """Its maps are shown alone, without anything beneath them, and it is named."""

    def damage(route):
        answer = route.fetch()
        body = bytearray(answer.body())
        start = body.index(b"\xff\xd8\xff")  # the first picture of the record
        body[start : start + 2] = b"no"
        route.fulfill(response=answer, body=bytes(body))

    page.route(re.compile(r"/record\?.*first.*inputs"), damage)
    tab = Tab(page, tab_address)
    tab(".trouble summary").click()
    expect(tab(".trouble li")).to_contain_text("A picture is no JPEG")
    for across, down in ((0.1, 0.1), (0.5, 0.5), (0.9, 0.3)):
        assert tab.pixel(tab.map("picture 0").locator("canvas"), across, down)[3] == 255
    expect(tab.row("picture 1").locator(".predicted")).not_to_have_text("…")


def test_long_names_stay_in_their_cells(page, tab_address):
    long = "a name without an end " * 20
    tab = Tab(page, tab_address)
    about = tab.row("picture 0").locator(".sample")
    about.locator(".truth").evaluate("(truth, text) => { truth.textContent = text; }", long)
    cell = tab.row("picture 0").locator(".cell.sticky").bounding_box()
    truth = about.locator(".truth").bounding_box()
    assert truth["x"] + truth["width"] <= cell["x"] + cell["width"]
    predicted = tab.row("picture 0").locator(".predicted")
    predicted.evaluate("(predicted, text) => { predicted.textContent = text; }", long)
    assert predicted.bounding_box()["height"] < 50
