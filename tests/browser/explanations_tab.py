"""Using the Explanations tab as a person does."""

import json
import urllib.parse


class Tab:
    """The tab in a page of its own, without TensorBoard's frame around it, which takes long to load.

    Args:
        page: of the browser. address: TensorBoard's. settings: what the address of the view says.
    """

    def __init__(self, page, address, **settings):
        self.page = page
        written = {f"p.keras_xai.{name}": _text(value) for name, value in settings.items()}
        page.goto(f"{address}data/plugin_entry.html?name=keras_xai#{urllib.parse.urlencode(written)}")
        self.settle()

    def settle(self):
        """Waits until all that was asked for is on the screen."""
        # A change is drawn before the next frame; what it asks for may still be on its way then.
        two_frames = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        self.page.evaluate(two_frames)
        self.page.locator(".app[aria-busy=false]").wait_for()

    def __call__(self, selector, **options):
        return self.page.locator(selector, **options)

    def view(self, name):
        self.page.get_by_role("navigation", name="Views").get_by_role("button", name=name).click()
        self.settle()

    def choose(self, name, value):
        """Chooses in a select or moves a slider of the settings."""
        control = self.page.locator(f".panel [name={name}]")
        if control.evaluate("control => control.tagName") == "SELECT":
            control.select_option(value)
        else:
            control.fill(str(value))
        self.settle()

    def epoch(self, place):
        """Moves the slider to the `place`-th epoch."""
        self.page.get_by_label("Epoch", exact=True).fill(str(place))
        self.settle()

    def rows(self):
        """The names of the samples in the grid, as people see them from top to bottom."""
        rows = self.page.locator(".grid-row:visible")
        placed = [(row.bounding_box()["y"], row.locator(".sample strong").inner_text()) for row in rows.all()]
        return [name for _, name in sorted(placed)]

    def row(self, name):
        return self.page.locator(".grid-row:visible", has=self.page.get_by_text(name, exact=True))

    def map(self, name, method="Grad-CAM"):
        return self.row(name).get_by_role("button", name=f"{method} of")

    def pixel(self, canvas, across, down):
        """(r, g, b, a) of a canvas at a place, both 0..1."""
        read = (
            "(canvas, [x, y]) => [...canvas.getContext('2d')"
            ".getImageData(Math.floor(x * canvas.width), Math.floor(y * canvas.height), 1, 1).data]"
        )
        return canvas.evaluate(read, [across, down])

    def wait_for_address(self, **settings):
        """Waits until the address says this; None for what it must not say."""
        says = (
            "wanted => { const said = new URLSearchParams(location.hash.slice(1));"
            " return Object.entries(wanted).every(([name, text]) => said.get(`p.keras_xai.${name}`) === text); }"
        )
        self.page.wait_for_function(
            says, arg={name: value if value is None else _text(value) for name, value in settings.items()}
        )


def stream_key(address_index, run, fit=-1):
    """How the tab names a fit: the `fit`-th, in order of time, of a run directory."""
    sessions = {}
    for entry in address_index["runs"]:
        if entry["run"] == f"{run}/explanations":
            for record in entry["records"]:
                key = (record["name"], record["session"])
                sessions[key] = min(record["wall_time"], sessions.get(key, record["wall_time"]))
    found = sorted((key for key in sessions if key[0] == "explanations"), key=sessions.get)
    return " · ".join([f"{run}/explanations", *found[fit]])


def _text(value):
    return value if isinstance(value, str) else json.dumps(value)
