// The frame of the page: a head with the views, the bar of epochs, the panel of settings, and the view itself.

import { createActivations } from "./activations.js";
import { createAlerts } from "./alerts.js";
import { createCurves } from "./curves.js";
import { h, iconButton, notice, place, say } from "./dom.js";
import { createEpochBar } from "./epoch_bar.js";
import { exportView } from "./export.js";
import { createFilmstrip } from "./filmstrip.js";
import { createGrid } from "./grid.js";
import { createLarge } from "./large.js";
import { Library } from "./library.js";
import { createPanel } from "./panel.js";
import { createRuns } from "./runs.js";
import { epochAxis, shownEpoch, shownStreams } from "./selection.js";
import { State } from "./state.js";
import { readStreams } from "./streams.js";
import { plural } from "./text.js";

const VIEWS = [
  ["grid", "Grid", createGrid],
  ["filmstrip", "Filmstrip", createFilmstrip],
  ["alerts", "Alerts", createAlerts],
  ["curves", "Curves", createCurves],
  ["activations", "Activations", createActivations],
];

const RETRIED = "It is tried again every two seconds; this page follows by itself.";
const EAGER = 2000; // milliseconds between looks at a log that has nothing yet
const NARROW = 1000; // pixels, below which the settings wait to be asked for

export class App {
  constructor(source) {
    this.source = source;
    this.all = [];
    this.problems = [];
    this.failure = null;
    this.loaded = false;
    this.views = new Map();
    this.state = new State(() => this.schedule());
    this.library = new Library(source, () => this.schedule());
    this.element = this.build();
    document.addEventListener("keydown", (event) => this.bar.key(event));
    window.addEventListener("resize", () => this.schedule());
  }

  get values() {
    return this.state.values;
  }

  set(patch) {
    this.state.set(patch);
  }

  /** What the settings mean for the data at hand. It is never older than either: several keys may come in one frame. */
  get shown() {
    const { all, values } = this;
    if (this.known?.all !== all || this.known.values !== values) {
      const streams = shownStreams(all, values.runs);
      const axis = epochAxis(streams, values.view === "activations" ? "activationEpochs" : "epochs");
      this.known = { all, values, streams, axis, epoch: shownEpoch(axis, values.epoch) };
    }
    return this.known;
  }

  get streams() {
    return this.shown.streams;
  }

  get axis() {
    return this.shown.axis;
  }

  /** The epoch on screen; null where there is none. */
  get epoch() {
    return this.shown.epoch;
  }

  /** Whether the settings are shown: as chosen, else where there is room for them. */
  get withPanel() {
    return this.values.panel ?? window.innerWidth >= NARROW;
  }

  /** Reads the index anew; what is on screen stays. Asked for meanwhile, it is done once more, so that answers keep their order. */
  async reload() {
    this.stale = true;
    while (this.stale && !this.reloading) {
      this.stale = false;
      this.reloading = true;
      await this.readIndex();
      this.reloading = false;
    }
  }

  async readIndex() {
    try {
      const index = await this.source.index();
      this.all = readStreams(index);
      this.problems = (index.problems ?? []).map(String);
      this.failure = null;
      this.library.retry();
    } catch (error) {
      this.failure = error.message;
    }
    this.loaded = true;
    this.schedule();
    // TensorBoard is opened while it still reads the log, or before the first epoch has ended.
    clearTimeout(this.eager);
    if (!this.all.length && this.source.live) this.eager = setTimeout(() => this.reload(), EAGER);
  }

  /** Draws once before the next frame, however much has changed. */
  schedule() {
    if (this.scheduled || !this.element.isConnected) return;
    this.scheduled = true;
    // A hidden tab has no frames; it is drawn when it is shown.
    requestAnimationFrame(() => {
      this.scheduled = false;
      this.update();
    });
  }

  update() {
    this.library.newRound();
    const message = this.message();
    this.element.dataset.view = this.values.view;
    this.updateHead();
    this.bar.update();
    this.element.classList.toggle("blank", Boolean(message));
    if (message) place(this.main, message);
    else this.updateView();
    this.prefetch();
    this.element.setAttribute("aria-busy", String(!this.loaded || !this.library.idle));
  }

  updateView() {
    try {
      this.panel.update();
      const view = this.view();
      place(this.main, view.element);
      view.update();
      this.large.update();
    } catch (error) {
      console.error(error);
      const hint = "The other views may still work. Please report it with the log that shows it.";
      place(this.main, this.notice("This view cannot be drawn", error.message, hint));
    }
  }

  view() {
    const name = this.values.view;
    if (!this.views.has(name)) this.views.set(name, VIEWS.find(([key]) => key === name)[2](this));
    return this.views.get(name);
  }

  /** What stands in place of a view: loading, an error, or nothing there yet. */
  message() {
    if (!this.loaded) return this.notice("Reading the log…");
    if (!this.all.length && this.failure) return this.notice("The log cannot be read", this.failure, RETRIED);
    if (!this.all.length) return this.notice(...emptyLog(this.problems));
    const inputs = this.streams.map((stream) => this.library.inputs(stream));
    const failed = inputs.find((one) => one?.error);
    if (failed) return this.notice("This fit cannot be shown", failed.error.message, "Choose another under “Runs”.");
    if (inputs.some((one) => !one)) return this.notice("Reading the log…");
    return this.axis.length || this.values.view === "alerts" ? null : this.notice(...noEpochs(this.values.view));
  }

  /** A notice; the one that stands already if it says the same, so that nobody is told twice. */
  notice(...words) {
    const text = JSON.stringify(words);
    if (this.told?.text !== text) this.told = { text, element: notice(...words) };
    return this.told.element;
  }

  /** The epoch on screen, without waiting for the samples; then its neighbours, so that the next step is at hand. */
  prefetch() {
    if (this.values.view === "alerts" || this.values.view === "curves" || !this.axis.length) return;
    const read = this.values.view === "activations" ? this.library.activations : this.library.epoch;
    for (const stream of this.streams) read(stream, this.epoch);
    if (!this.library.ready) return;
    const here = this.axis.indexOf(this.epoch);
    for (const epoch of [1, 2, -1, -2, 3].map((step) => this.axis[here + step]).filter((one) => one !== undefined))
      for (const stream of this.streams) read(stream, epoch);
  }

  build() {
    this.runs = createRuns(this);
    this.bar = createEpochBar(this);
    this.panel = createPanel(this);
    this.large = createLarge(this);
    this.main = h("main", { class: "main", id: "keras-xai-view" });
    this.tabs = new Map(VIEWS.map(([name, title]) => [name, this.tab(name, title)]));
    this.trouble = h("details", { class: "trouble", hidden: true }, h("summary"), h("ul"));
    this.said = h("div", { class: "unseen", role: "status", "aria-live": "polite" });
    const tools = h(
      "div",
      { class: "tools" },
      this.runs.element,
      iconButton("link", "Copy a link to this view", () => this.copyLink()),
      iconButton("download", "Save this view as PNG", () => this.save()),
      iconButton("tune", "Show or hide the settings", () => this.set({ panel: !this.withPanel }), {
        class: "icon-button panel-button",
      }),
    );
    const head = h(
      "header",
      { class: "head" },
      h("nav", { class: "views", "aria-label": "Views" }, [...this.tabs.values()]),
      tools,
    );
    return h(
      "div",
      { class: "app" },
      head,
      this.bar.element,
      this.trouble,
      h("div", { class: "body" }, this.panel.element, this.main),
      this.large.element,
      this.said,
    );
  }

  tab(name, title) {
    const count = h("span", { class: "count", hidden: true });
    const button = h(
      "button",
      { type: "button", class: "view", "data-view": name, onclick: () => this.set({ view: name }) },
      title,
      count,
    );
    return Object.assign(button, { count });
  }

  updateHead() {
    for (const [name, button] of this.tabs) {
      if (name === this.values.view) button.setAttribute("aria-current", "page");
      else button.removeAttribute("aria-current");
    }
    const alerts = this.streams.reduce((sum, stream) => sum + stream.alerts.length, 0);
    const { count } = this.tabs.get("alerts");
    count.hidden = !alerts;
    say(count, String(alerts));
    this.runs.update();
    this.updateTrouble();
  }

  /** Everything that could not be read, by name. */
  updateTrouble() {
    const lines = [
      ...this.problems,
      ...[...this.library.problems].flatMap(([what, problems]) =>
        problems.slice(0, 3).map((problem) => `${what}: ${problem}`),
      ),
    ];
    if (this.failure && this.all.length) lines.unshift(`${this.failure} What is shown was read before.`);
    this.trouble.hidden = !lines.length;
    const text = lines.join("\n");
    if (this.trouble.dataset.text === text) return;
    this.trouble.dataset.text = text;
    const [summary, items] = this.trouble.children;
    summary.textContent = `${plural(lines.length, "piece")} of the log could not be read`;
    items.replaceChildren(...lines.slice(0, 50).map((line) => h("li", { text: line })));
  }

  async copyLink() {
    this.state.write();
    const address = addressOf(window);
    try {
      await navigator.clipboard.writeText(address);
      this.tell("The link is in the clipboard.");
    } catch {
      this.tell("The browser does not let this page copy. The address bar holds the link.");
    }
  }

  async save() {
    try {
      await exportView(this);
      this.tell("The picture is saved.");
    } catch (error) {
      this.tell(`The picture could not be saved: ${error.message}`);
    }
  }

  /** A short message that goes away by itself. */
  tell(text) {
    say(this.said, text);
    this.said.className = "toast";
    clearTimeout(this.telling);
    this.telling = setTimeout(() => (this.said.className = "unseen"), 4000);
  }
}

function addressOf(page) {
  try {
    return page.top.location.href;
  } catch {
    return page.location.href;
  }
}

const emptyLog = (problems) => [
  "No explanations in this log yet",
  "Add the callback to your training, and point TensorBoard at the same directory:",
  {
    code: 'callback = keras_xai.callbacks.ExplanationCallback(samples, log_dir="logs")\nmodel.fit(..., callbacks=[callback])',
  },
  "The first epoch appears here as soon as it ends. `keras-xai demo` makes an example log in about two minutes.",
  ...problems,
];

const noEpochs = (view) =>
  view === "activations"
    ? [
        "No feature maps in this fit",
        "Add keras_xai.Activations() to the explainers of the callback, or choose another fit under “Runs”.",
      ]
    : ["No epoch has been explained yet", "The first one appears here as soon as it ends."];
