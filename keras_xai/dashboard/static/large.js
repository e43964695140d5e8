// One map, large, with the value under the pointer. It follows the epoch while it is open.

import { heightFor, scaleText, sized } from "./cell.js";
import { gradient } from "./colour.js";
import { h, iconButton, options, say } from "./dom.js";
import { paint, valueAt } from "./paint.js";
import { lookOf, mapAt, outcomeOf, shownMethods } from "./selection.js";
import { epochName, methodName, number, percent } from "./text.js";

const MOST = 640; // pixels

export function createLarge(app) {
  return new Large(app);
}

class Large {
  constructor(app) {
    this.app = app;
    // It takes the focus, so that the arrows change the epoch and not the method.
    this.title = h("h2", { id: "keras-xai-large-title", tabindex: -1, autofocus: true });
    this.said = h("p", { class: "said" });
    this.canvas = h("canvas", {
      role: "img",
      onpointermove: (event) => this.point(event),
      onpointerleave: () => this.point(null),
    });
    this.plain = h("canvas", { role: "img", "aria-label": "The picture alone" });
    this.method = h("select", {
      "aria-label": "Method",
      onchange: () => this.open({ ...this.shown, method: this.method.value }),
    });
    this.readout = h("output", { class: "readout" });
    this.bar = h("span", { class: "bar wide" });
    this.range = h("span");
    this.facts = h("dl", { class: "facts" });
    const close = iconButton("close", "Close", () => this.element.close());
    this.element = h(
      "dialog",
      {
        class: "large",
        "aria-labelledby": this.title.id,
        onclick: (event) => event.target === this.element && this.element.close(),
      },
      h("div", { class: "large-head" }, this.title, this.method, close),
      this.said,
      h(
        "div",
        { class: "large-body" },
        this.canvas,
        h(
          "div",
          { class: "large-side" },
          this.plain,
          this.readout,
          h("div", { class: "scale" }, this.range, this.bar),
          this.facts,
          h("p", { class: "hint", text: "← and → change the epoch." }),
        ),
      ),
    );
  }

  open(shown) {
    this.shown = shown;
    if (!this.element.open) this.element.showModal();
    this.update();
  }

  update() {
    if (!this.element.open) return;
    const { app, shown } = this;
    const stream = app.streams.find((one) => one.key === shown.stream);
    const sample = stream && shown.row.samples.get(stream.key);
    const methods = shownMethods(app);
    const method = methods.find((one) => one.name === shown.method);
    if (!sample || !method) return this.element.close();
    options(
      this.method,
      methods.map(({ name }) => [name, methodName(name)]),
      method.name,
    );
    const said = outcomeOf(app, stream, sample);
    this.map = mapAt(app, stream, sample, method.name, said.epoch);
    this.look = lookOf(app, stream, sample, method, this.map);
    say(this.title, `${sample.name} · ${epochName(said.epoch)}`);
    say(this.said, saidText(shown.row, said, app.streams.length > 1 ? stream.label : ""));
    this.draw(app.library.picture(stream, sample, true) ?? app.library.picture(stream, sample), sample, method);
    say(this.range, this.map ? scaleText(this.look) : "no map");
    this.bar.style.background = gradient(this.look.colours, this.look.signed);
    this.facts.replaceChildren(
      ...factsOf(this.map).flatMap(([name, value]) => [h("dt", { text: name }), h("dd", { text: value })]),
    );
    this.point(this.last);
  }

  draw(picture, sample, method) {
    const width = Math.round(
      Math.min(MOST, window.innerWidth * 0.55, (window.innerHeight * 0.68 * sample.width) / sample.height),
    );
    sized(this.canvas, width, heightFor(sample, width));
    paint(this.canvas, picture, this.map ?? null, { ...this.look, plain: picture === null });
    this.canvas.setAttribute("aria-label", `${methodName(method.name)} of ${sample.name}`);
    sized(this.plain, 192, heightFor(sample, 192));
    paint(this.plain, picture, null, this.look);
  }

  point(event) {
    this.last = event;
    const found = event && this.map ? this.valueUnder(event) : null;
    const where =
      found?.segment === undefined ? `row ${found?.row}, column ${found?.column}` : `superpixel ${found.segment}`;
    say(this.readout, found ? `${number(found.value)}  ·  ${where}` : "Point at the map to read its value");
  }

  valueUnder({ clientX, clientY }) {
    const box = this.canvas.getBoundingClientRect();
    return valueAt(this.map, this.look.labels, (clientX - box.left) / box.width, (clientY - box.top) / box.height);
  }
}

function saidText(row, said, run) {
  const sure = said.outcome?.confidence == null ? "" : ` (${percent(said.outcome.confidence)})`;
  const before = said.flipped ? `, was ${said.before}` : "";
  return [row.truth && `true: ${row.truth}`, said.predicted && `predicted: ${said.predicted}${sure}${before}`, run]
    .filter(Boolean)
    .join("  ·  ");
}

function factsOf(map) {
  const facts = map?.r2 == null ? [] : [["R² of the fit", number(map.r2)]];
  for (const [name, value] of Object.entries(map?.measures ?? {}))
    if (Number.isFinite(value)) facts.push([name, number(value)]);
  return facts;
}
