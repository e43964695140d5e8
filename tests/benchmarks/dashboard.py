"""What the Explanations tab takes on a long run: `python -m tests.benchmarks.dashboard [epochs]`.

The log is synthetic: 64 samples of 224 px, 6 methods, 500 epochs, written by the real log. Ten runs are ten links to it.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from keras_xai.event_files import events
from tests.benchmarks.bare_chromium import BareChromium
from tests.benchmarks.record_sizes import record_sizes
from tests.benchmarks.rows import row
from tests.browser.tensorboard_process import tensorboard
from tests.dashboard.answers import get
from tests.dashboard.synthetic_log import write_synthetic_log
from tests.requirements import require_program
from tests.waiting import wait_until

SAMPLES, METHODS, EPOCHS, SIZE, RUNS = 64, 6, 500, 224, 10
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

# From the key press to the frame on which nothing is on its way any more.
STEP = """(key) => new Promise((done) => {
  const start = performance.now();
  document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  const look = () => requestAnimationFrame(() =>
    document.querySelector(".app[aria-busy=false]") ? done(performance.now() - start) : look());
  look();
})"""


# Every picture and map in sight is drawn.
DRAWN = """() => {
  const cells = [...document.querySelectorAll(".grid-row canvas")].filter((canvas) => {
    const box = canvas.getBoundingClientRect();
    return box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  });
  const drawn = (canvas) => canvas.getContext("2d").getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data[3] > 0;
  return cells.length > 0 && cells.every(drawn) && performance.now();
}"""


def log_size(run: Path, epochs: int) -> None:
    total, sizes = sum(file.stat().st_size for file in run.iterdir()), record_sizes(run)
    row(f"log of {SAMPLES} samples × {METHODS} methods × {epochs} epochs", f"{total / 1e6:.1f} MB", "< 80 MB")
    row("  of it maps", f"{sizes['epoch'] / 1e6:.1f} MB", "")
    row("  of it feature maps, on at most 50 epochs", f"{sizes['activations'] / 1e6:.1f} MB", "")
    each = sizes["epoch"] / (SAMPLES * METHODS * epochs)
    row("  per sample, method and epoch", f"{each:.0f} bytes", "≤ 400")


def wait_until_read(base: str, runs: int, records: int) -> None:
    wait_until(lambda: get(f"{base}index")[2].count(b'"tag"') == runs * records, seconds=600)


def milliseconds(function: Any, repeats: int = 5) -> float:
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        taken.append(time.perf_counter() - start)
    return float(np.median(taken)) * 1e3


def index_of_many(log_dir: Path, records: int) -> None:
    with tensorboard(log_dir, "true") as address:
        base = f"{address}data/plugin/keras_xai/"
        wait_until_read(base, RUNS, records)
        taken = milliseconds(lambda: get(f"{base}index"))
        row(f"index of {RUNS} such runs ({RUNS * records:,} records)", f"{taken:.0f} ms", "< 1,000 ms")


def series(base: str, record: dict[str, Any]) -> None:
    about = {"run": "explanations", "name": record["name"], "session": record["session"], "measures": "0"}

    def ask() -> int:
        return json.loads(get(f"{base}series", **about)[2])["missing"]

    start = time.perf_counter()
    row("numbers of all epochs, first answer", f"{milliseconds(ask, 1):.0f} ms", "")
    while ask():
        pass
    row("  until they are complete", f"{(time.perf_counter() - start) * 1e3:.0f} ms", "")
    row("numbers of all epochs, later", f"{milliseconds(ask):.0f} ms", "")


def browser(address: str) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=require_program("chromium"), args=FLAGS)
        page = chromium.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(120_000)
        first = []
        for _ in range(3):
            page.goto("about:blank")
            page.goto(f"{address}data/plugin_entry.html?name=keras_xai")
            first.append(page.wait_for_function(DRAWN).json_value())
            page.locator(".app[aria-busy=false]").wait_for()
        row("first grid on the screen after the tab opens", f"{np.median(first):.0f} ms", "< 1,000 ms")
        page.evaluate(STEP, "ArrowLeft")
        cached = [page.evaluate(STEP, key) for key in ["ArrowRight", "ArrowLeft"] * 10]
        row("change of epoch, cached", f"{np.median(cached):.0f} ms", "< 50 ms")
        chromium.close()


def memory(address: str, epochs: int) -> None:
    chromium = BareChromium(require_program("chromium"))
    chromium.go(f"{address}data/plugin_entry.html?name=keras_xai")
    wait_until(lambda: chromium.evaluate(f"({DRAWN})() && Boolean(document.querySelector('.app[aria-busy=false]'))"))
    row("memory of the page with the first grid", f"{chromium.memory():.0f} MB", "")
    for _ in range(epochs):
        chromium.evaluate(f"({STEP})('ArrowLeft')")
    row(f"memory of the page after all {epochs} epochs", f"{chromium.memory():.0f} MB", "< 300 MB")
    chromium.close()


def main(epochs: int = EPOCHS) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = write_synthetic_log(
            Path(folder, "one"), samples=SAMPLES, methods=METHODS, epochs=epochs, size=SIZE, pictures=False
        )
        row("", "measured", "goal")
        log_size(run, epochs)
        records = sum(1 for _ in own_records(run))
        many = Path(folder, "many")
        for number in range(RUNS):
            copy = many / str(number) / "explanations"
            copy.mkdir(parents=True)
            for file in run.iterdir():
                os.link(file, copy / file.name)
        index_of_many(many, records)
        with tensorboard(run.parent, "true") as address:
            base = f"{address}data/plugin/keras_xai/"
            wait_until_read(base, 1, records)
            series(base, json.loads(get(f"{base}index")[2])["runs"][0]["records"][0])
            browser(address)
            memory(address, epochs)


def own_records(run: Path) -> Iterator[str]:
    for file in run.iterdir():
        for event in events(file, check=False):
            yield from (v.tag for v in event.summary.value if v.metadata.plugin_data.plugin_name == "keras_xai")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
