"""Several things at once: keys within a frame, answers on their way, addresses that change meanwhile, playing."""

import json
import re

import pytest

from tests.browser.explanations_tab import Tab
from tests.requirements import require_backend, require_module

require_backend("tensorflow", reason="pages are the same on every backend")
require_module("playwright")
from playwright.sync_api import expect  # noqa: E402

SERIES = re.compile(r"/keras_xai/series\?")


@pytest.fixture
def tab(page, tab_address):
    return Tab(page, tab_address)


def press(page, *keys):
    """Presses keys within one frame."""
    send = "keys => keys.forEach(key => document.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true })))"
    page.evaluate(send, keys)


def test_keys_within_one_frame_all_count(tab, page):
    press(page, "ArrowLeft", "ArrowLeft", "ArrowLeft", "ArrowRight")
    expect(tab(".epoch-name")).to_have_text("epoch 2 of 4")


def test_a_key_in_the_frame_of_another_choice_goes_by_what_was_chosen(tab, page):
    """The run `second` has three epochs: a step back from its newest one, though the frame still shows `first`."""
    tab(".runs-button").click()
    only = "() => { document.querySelector('.run-row button[value^=second]').click(); }"
    page.evaluate(only)
    press(page, "ArrowLeft")
    expect(tab(".epoch-name")).to_have_text("epoch 1 of 2")


def test_playing_goes_through_all_epochs_to_the_newest(tab, page):
    page.get_by_label("Epoch", exact=True).fill("0")
    expect(tab(".epoch-name")).to_have_text("untrained")
    seen = "() => { window.seen = []; new MutationObserver(() => window.seen.push(document.querySelector('.epoch-name')"
    page.evaluate(f"{seen}.textContent)).observe(document.querySelector('.epoch-name'), {{ childList: true }}); }}")
    page.get_by_role("button", name="Play").click()
    expect(tab(".epoch-name")).to_have_text("epoch 4 of 4")
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    assert page.evaluate("window.seen") == [f"epoch {epoch} of 4" for epoch in range(5)]
    expect(tab(".epoch-bar .live")).to_be_visible()


def test_curves_on_their_way_hold_up_nothing(page, tab_address):
    """The answer about all epochs never comes: the grid is there, steps and plays."""
    page.route(SERIES, lambda route: None)
    page.goto(f"{tab_address}data/plugin_entry.html?name=keras_xai")
    predicted = page.locator(".grid-row:visible .predicted").first
    expect(predicted).to_have_text(re.compile("left|middle|right"))
    press(page, "ArrowLeft", "ArrowLeft", " ")
    expect(page.locator(".epoch-name")).to_have_text("epoch 4 of 4")
    expect(page.locator(".app")).to_have_attribute("aria-busy", "true")
    page.unroute_all(behavior="ignoreErrors")


def test_an_answer_in_parts_is_asked_for_until_it_is_whole(page, tab_address):
    asked = []

    def first_the_last_epoch(route):
        answer = route.fetch().json()
        asked.append(answer["epochs"])
        if len(asked) == 1:
            answer |= {"epochs": answer["epochs"][-1:], "missing": 5}
            answer["logs"] = {name: values[-1:] for name, values in answer["logs"].items()}
            answer["means"] = {}
            answer["scalars"] = {}
        route.fulfill(json=answer)

    page.route(SERIES, first_the_last_epoch)
    tab = Tab(page, tab_address, view="curves", epoch=0)
    expect(page.get_by_role("region", name="Loss").locator("output").first).to_have_text(re.compile(r"\d"))
    expect(page.get_by_text("Some epochs are still being read.")).to_have_count(0)
    assert len(asked) == 2
    assert tab(".chart").count() > 4


def test_an_answer_that_never_gets_whole_is_not_asked_for_for_ever(page, tab_address):
    asked = []

    def stuck(route):
        asked.append(1)
        route.fulfill(json=route.fetch().json() | {"missing": 7})

    page.route(SERIES, stuck)
    tab = Tab(page, tab_address)
    tab.epoch(1)
    assert len(asked) == 2


def test_an_address_that_changes_meanwhile_wins(tab, page):
    """A setting was changed and is not in the address yet when somebody follows a link."""
    page.evaluate(
        "() => { const control = document.querySelector('.panel [name=opacity]');"
        " for (const value of [0.2, 0.3]) { control.value = value; control.dispatchEvent(new Event('input')); }"
        " location.hash = 'p.keras_xai.size=96'; }"
    )
    expect(tab(".panel [name=size]")).to_have_value("96")
    expect(tab(".panel [name=opacity]")).to_have_value("0.8")
    tab.choose("threshold", 0.5)
    tab.wait_for_address(size=96, threshold=0.5, opacity=None)


def test_the_address_is_right_after_a_slider_was_moved_all_over(tab, page):
    """Chromium ignores what comes after two hundred changes of an address within ten seconds."""
    page.evaluate(
        "async () => { const control = document.querySelector('.panel [name=opacity]');"
        " for (let step = 0; step < 400; step++) { control.value = (step % 20) / 20;"
        " control.dispatchEvent(new Event('input')); await new Promise((done) => setTimeout(done)); }"
        " control.value = 0.35; control.dispatchEvent(new Event('input')); }"
    )
    tab.wait_for_address(opacity=0.35)
    page.reload()
    expect(tab(".panel [name=opacity]")).to_have_value("0.35")


def test_a_setting_is_in_the_address_when_the_page_is_left_at_once(tab, page):
    page.evaluate(
        "() => { const control = document.querySelector('.panel [name=opacity]'); control.value = 0.15;"
        " control.dispatchEvent(new Event('input')); location.reload(); }"
    )
    tab.wait_for_address(opacity=0.15)
    expect(tab(".panel [name=opacity]")).to_have_value("0.15")


def test_the_last_run_cannot_be_taken_away(tab, page):
    tab(".runs-button").click()
    chosen = page.get_by_role("checkbox", name=re.compile("^first"))
    chosen.click()
    tab.settle()
    expect(chosen).to_be_checked()
    expect(tab(".epoch-name")).to_have_text("epoch 4 of 4")


def test_the_order_of_the_page_is_that_of_the_eye(tab, page):
    """Rows and columns that leave the screen are used again: keys and screen readers must not jump."""
    tab.choose("size", 360)
    for down in (500, 1000, 300):
        tab(".grid").evaluate("(grid, down) => grid.scrollTo(0, down)", down)
        tab.settle()
        tops = tab(".grid-row:visible").evaluate_all("rows => rows.map((row) => row.getBoundingClientRect().top)")
        assert tops == sorted(tops)
    tab.view("Filmstrip")
    for across in (0, 900, 400):
        tab(".strip-scroll").evaluate("(strip, across) => strip.scrollTo(across, 0)", across)
        tab.settle()
        lefts = tab(".strip-column").evaluate_all("all => all.map((one) => one.getBoundingClientRect().left)")
        assert len(lefts) > 1
        assert lefts == sorted(lefts)


def test_the_large_view_follows_the_arrows_and_gives_the_focus_back(tab, page):
    cell = tab.map("picture 1")
    cell.focus()
    page.keyboard.press("Enter")
    title = page.get_by_role("dialog").get_by_role("heading")
    page.keyboard.press("ArrowLeft")
    expect(title).to_have_text("picture 1 · epoch 3")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(cell).to_be_focused()


def test_a_screen_that_needs_more_than_the_memory_holds_is_drawn_once(tab, page):
    """What is in use is not forgotten: it would be read again, push out what is in use, and so on for ever."""
    source = f"{page.url.split('data/')[0]}data/plugin/keras_xai/static/cache.js"
    kept = page.evaluate(
        "async ([source]) => { const { Cache } = await import(source); const dropped = [];"
        " const cache = new Cache(3, (value) => dropped.push(value));"
        " for (const key of 'abcde') cache.set(key, key);"
        " const first = [...dropped]; cache.newRound(); cache.get('b'); cache.set('f', 'f');"
        " return JSON.stringify([first, dropped, [...cache.entries.keys()], cache.total]); }",
        [source],
    )
    assert json.loads(kept) == [[], ["a", "c", "d"], ["e", "b", "f"], 3]
