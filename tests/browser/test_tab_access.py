"""What people need who see little, or use no mouse: contrast (WCAG 2 AA), a focus that is seen, an order, names."""

import re

import pytest

from tests.browser.explanations_tab import Tab
from tests.requirements import require_backend, require_module

require_backend("tensorflow", reason="pages are the same on every backend")
require_module("playwright")
from playwright.sync_api import expect  # noqa: E402

VIEWS = ("grid", "filmstrip", "alerts", "curves", "activations")

# Every visible text with its colour and the ground it stands on, [text, foreground, ground, size in px, whether bold].
TEXTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = rgba(getComputedStyle(one).backgroundColor);
      if (colour[3] === 255) return colour;
      if (colour[3] > 0) throw new Error(`a half transparent ground: ${one.className}`);
    }
    return [255, 255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data.trim()).join("");
    const text = own || element.placeholder || "";
    if (!text || !element.checkVisibility() || element.closest("[inert], :disabled")) continue;
    const style = getComputedStyle(element, element.placeholder ? "::placeholder" : null);
    found.push([text, rgba(style.color), ground(element), parseFloat(style.fontSize), style.fontWeight >= 600]);
  }
  return found;
}"""


def luminance(colour):
    channels = [value / 255 for value in colour[:3]]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    """1 to 21, as the Web Content Accessibility Guidelines define it."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_that_of_the_guidelines():
    """Examples of theirs: black on white, the lightest grey that passes, and one that does not."""
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast((0x76,) * 3, (255,) * 3) == pytest.approx(4.54, abs=0.01)
    assert contrast((0x77,) * 3, (255,) * 3) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stands_out(page, tab_address, theme):
    page.emulate_media(color_scheme=theme)
    tab = Tab(page, tab_address)
    tab(".runs-button").click()
    weak = []
    for view in VIEWS:
        tab.view(view.capitalize())
        texts = page.evaluate(TEXTS)
        assert len(texts) > 10
        for text, colour, ground, size, bold in texts:
            enough = 3 if size >= 24 or (bold and size >= 18.66) else 4.5
            if contrast(colour, ground) < enough:
                weak.append((view, text, colour, ground, round(contrast(colour, ground), 2)))
    assert not weak


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_lines_and_marks_stand_out(page, tab_address, theme):
    """What is no text but must be seen: lines of charts, the ring round the focus, ticks at alerts, bars. 3 is enough."""
    page.emulate_media(color_scheme=theme)
    tab = Tab(page, tab_address, view="curves")
    base = f"{tab_address}data/plugin/keras_xai/static/chart.js"
    palette = page.evaluate(f"import('{base}').then((chart) => chart.PALETTE)")
    ground = tab(".main").evaluate("main => getComputedStyle(main).backgroundColor")
    named = "names => names.map((name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim())"
    marks = page.evaluate(named, ["--accent", "--right", "--wrong", "--warn", "--muted"])
    against = [int(part) for part in re.findall(r"\d+", ground)[:3]]
    for colour in [*palette, *marks]:
        assert contrast(bytes.fromhex(colour[1:]), against) >= 3, colour


def test_the_focus_is_seen_and_goes_from_top_to_bottom(page, tab_address):
    """From the first button to the first row: each stop has a ring and lies on the screen."""
    Tab(page, tab_address)
    stops = []
    read = """() => {
      const one = document.activeElement, style = getComputedStyle(one), box = one.getBoundingClientRect();
      return { name: one.ariaLabel || one.name || one.textContent.trim(), ring: style.outlineStyle === "solid",
               width: parseFloat(style.outlineWidth), seen: box.width > 0 && box.top >= 0 && box.bottom <= innerHeight,
               part: one.closest("header, .epoch-bar, .panel, .main")?.className ?? "" };
    }"""
    for _ in range(40):
        page.keyboard.press("Tab")
        stops.append(page.evaluate(read))
        if stops[-1]["part"] == "main":
            break
    for stop in stops:
        assert stop["ring"], stop
        assert stop["width"] >= 2, stop
        assert stop["seen"], stop
    parts = list(dict.fromkeys(stop["part"] for stop in stops))
    assert parts == ["head", "epoch-bar", "panel", "main"]


def test_all_can_be_done_with_keys(page, tab_address):
    """A method taken away, an alert opened from its tick, its samples shown, one of them over all epochs."""
    tab = Tab(page, tab_address)
    page.get_by_role("checkbox", name="LIME").focus()
    page.keyboard.press(" ")
    expect(tab(".head-cell")).to_have_text(["Sample", "Picture", "Prediction", "Grad-CAM", "Activations"])
    page.get_by_role("button", name="Alert at epoch 3").focus()
    page.keyboard.press("Enter")
    expect(tab(".sentence")).to_have_text("At epoch 3 the corner decides.")
    page.get_by_role("button", name="Show 2 affected samples in the grid").focus()
    page.keyboard.press("Enter")
    expect(tab(".grid-row:visible")).to_have_count(2)
    tab.row("picture 4").locator(".sample").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Sample", exact=True).locator("option:checked")).to_have_text(re.compile("^picture 4"))
    tab(".strip-title", has_text=re.compile("^1")).focus()
    page.keyboard.press("Enter")
    expect(tab(".epoch-name")).to_have_text("epoch 1 of 4")


def test_what_a_screen_reader_says_of_the_grid(page, tab_address):
    """The table with its headings, and of each map the method, the sample, the epoch and the scale."""
    tab = Tab(page, tab_address, epoch=1)
    said = page.get_by_role("table").aria_snapshot()
    assert '- table "Explanations of samples":' in said
    for heading in ("Sample", "Picture", "Prediction", "Grad-CAM", "LIME", "Activations"):
        assert f'- columnheader "{heading}"' in said
    scale = tab.map("picture 0").locator(".range").inner_text()
    assert f'- button "Grad-CAM of picture 0, epoch 1, scale {scale}"' in said
    assert '- img "Picture of picture 0"' in said
    bar = page.locator(".epoch-bar").aria_snapshot()
    assert re.search(r'- slider "Epoch".*: "?2"?', bar)
    assert page.get_by_label("Epoch", exact=True).get_attribute("aria-valuetext") == "epoch 1"


def test_everything_on_screen_has_a_name(page, tab_address):
    """What a screen reader would say: no control, picture or region without words."""
    for view in VIEWS:
        tab = Tab(page, tab_address, view=view)
        lines = tab("body").aria_snapshot().splitlines()
        bare = [
            line
            for line in lines
            if re.match(r"\s*- (button|img|checkbox|slider|combobox|dialog|navigation)( \[|:|$)", line)
        ]
        assert not bare, (view, bare)
