// Samples in rows, methods and fits in columns. Only rows on screen exist; their elements are used again.

import { MapCell, heightFor, sized } from "./cell.js";
import { COLOURS } from "./colour.js";
import { h, icon, notice, place, say } from "./dom.js";
import { outcomeOf, shownMethods, shownRows } from "./selection.js";
import { paint } from "./paint.js";
import { epochName, methodName, percent, sentence } from "./text.js";

const CAPTION = 36; // pixels below a picture: its scale, and the gap to the next row
const BEYOND = 1; // rows kept ready above and below the screen

export function createGrid(app) {
  return new Grid(app);
}

class Grid {
  constructor(app) {
    this.app = app;
    this.rows = new Map();
    this.spare = [];
    this.head = h("div", { class: "grid-head", role: "row" });
    this.field = h("div", { class: "grid-field", role: "rowgroup" });
    this.chip = h("div", { class: "chip", hidden: true });
    this.table = h(
      "div",
      { class: "grid-table", role: "table", "aria-label": "Explanations of samples" },
      this.head,
      this.field,
    );
    this.element = h("div", { class: "grid", onscroll: () => this.place(), tabindex: -1 }, this.chip, this.table);
  }

  update() {
    const { app } = this;
    this.list = shownRows(app);
    this.updateChip();
    const size = app.values.size;
    this.columns = app.streams.map((stream) => ({ stream, methods: shownMethods(app) }));
    this.height = Math.max(heightFor(firstSample(this.list), size), 64) + CAPTION;
    const blocks = this.columns
      .map(({ methods }) => `136px repeat(${Math.max(methods.length, 1)}, ${size}px)`)
      .join(" ");
    this.table.style.setProperty("--columns", `168px ${size}px ${blocks}`);
    this.field.style.height = `${this.list.length * this.height}px`;
    this.table.setAttribute("aria-rowcount", String(this.list.length + 1));
    this.updateHead();
    this.updateEmpty();
    this.place();
  }

  updateHead() {
    const signature = JSON.stringify(
      this.columns.map(({ stream, methods }) => [stream.label, this.app.streams.length, methods, this.app.values.colours]),
    );
    if (this.head.dataset.columns === signature) return;
    this.head.dataset.columns = signature;
    const cell = (text, title, kind) =>
      h("div", { class: `head-cell ${kind ?? ""}`, role: "columnheader", title, text });
    const several = this.app.streams.length > 1;
    const blocks = this.columns.flatMap(({ stream, methods }, index) => [
      cell(
        several ? stream.label : "Prediction",
        several ? stream.key : null,
        several && index ? "block run" : several ? "run" : null,
      ),
      ...(methods.length
        ? methods.map((method) => cell(methodName(method.name), aboutMethod(method, COLOURS[this.app.values.colours])))
        : [cell("no method", null)]),
    ]);
    this.head.replaceChildren(cell("Sample", null, "sticky"), cell("Picture", null), ...blocks);
    this.spare = [];
    for (const row of this.rows.values()) row.element.remove();
    this.rows.clear();
  }

  /** Brings the rows on screen up to date, and gives those that left it to the ones that came. */
  place() {
    if (!this.list) return;
    const top = Math.max(this.element.scrollTop - this.table.offsetTop, 0);
    const first = Math.max(Math.floor(top / this.height) - BEYOND, 0);
    const last = Math.min(Math.ceil((top + this.element.clientHeight) / this.height) + BEYOND, this.list.length);
    for (const [index, row] of this.rows)
      if (index < first || index >= last) {
        row.element.hidden = true;
        this.spare.push(row);
        this.rows.delete(index);
      }
    let below = null;
    for (let index = last - 1; index >= first; index--) {
      if (!this.rows.has(index)) this.rows.set(index, this.comingRow(below));
      const row = this.rows.get(index);
      row.element.hidden = false;
      row.element.style.transform = `translateY(${index * this.height}px)`;
      row.element.setAttribute("aria-rowindex", String(index + 2));
      row.update(this.list[index], this.height - CAPTION);
      below = row.element;
    }
  }

  /** A row in its place among the others: keys and screen readers follow the order of the page. */
  comingRow(below) {
    const row = this.spare.pop() ?? new Row(this.app, this.columns);
    this.field.insertBefore(row.element, below);
    return row;
  }

  updateChip() {
    const { affected } = this.app.values;
    this.chip.hidden = !affected;
    if (!affected || this.chip.childNodes.length) return;
    this.chip.append(
      h("span", { text: "Only samples affected by the alert" }),
      h("button", { type: "button", text: "Show all", onclick: () => this.app.set({ affected: null }) }),
    );
  }

  updateEmpty() {
    const reset = () => this.app.set({ label: null, outcome: "all", text: "", affected: null });
    this.empty ??= notice(
      "No sample passes the filters",
      h("p", {}, h("button", { type: "button", class: "plain", text: "Show all samples", onclick: reset })),
    );
    place(this.element, this.chip, this.list.length ? this.table : this.empty);
  }
}

const firstSample = (rows) => rows[0]?.samples.values().next().value;

const aboutMethod = ({ about, signed }, { more, less }) =>
  [
    about.layer && `Layer ${about.layer}`,
    about.score && `Score: ${about.score}`,
    signed && `${sentence(more)} speaks for the class, ${less} against it`,
  ]
    .filter(Boolean)
    .join("\n") || null;

class Row {
  constructor(app, columns) {
    this.app = app;
    this.name = h("strong");
    this.truth = h("span", { class: "truth" });
    this.flag = h(
      "span",
      { class: "flag", title: "Flagged", hidden: true },
      icon("flag"),
      h("span", { text: "flagged" }),
    );
    this.canvas = h("canvas", { role: "img" });
    this.blocks = columns.map(({ stream, methods }) => ({
      stream,
      methods,
      outcome: new OutcomeCell(app),
      cells: methods.map(() => new MapCell(app)),
    }));
    const about = h(
      "button",
      { type: "button", class: "sample", title: "All epochs of this sample", onclick: () => this.open() },
      this.name,
      this.truth,
      this.flag,
    );
    this.element = h(
      "div",
      { class: "grid-row", role: "row" },
      h("div", { class: "cell sticky", role: "rowheader" }, about),
      h("div", { class: "cell", role: "cell" }, this.canvas),
      this.blocks.flatMap(({ outcome, cells }) => [
        outcome.element,
        ...filled(cells.map((cell) => h("div", { class: "cell", role: "cell" }, cell.element))),
      ]),
    );
  }

  update(row, height) {
    this.row = row;
    const { app } = this;
    say(this.name, row.name);
    this.name.title = row.name;
    say(this.truth, row.truth ? `true: ${row.truth}` : "");
    this.truth.title = row.truth;
    const width = app.values.size;
    const owner = app.streams.find((stream) => row.samples.has(stream.key));
    this.draw(app.library.picture(owner, row.samples.get(owner.key)), width, height);
    let flagged = false;
    for (const { stream, methods, outcome, cells } of this.blocks) {
      const current = app.streams.find((one) => one.key === stream.key) ?? stream;
      const sample = row.samples.get(stream.key);
      const said = sample ? outcomeOf(app, current, sample) : null;
      flagged ||= said?.outcome?.flagged === true;
      outcome.update(said);
      cells.forEach((cell, index) =>
        cell.update({
          stream: current,
          sample,
          method: methods[index],
          epoch: said?.epoch ?? null,
          width,
          height,
          row,
        }),
      );
    }
    this.flag.hidden = !flagged;
  }

  draw(picture, width, height) {
    this.canvas.setAttribute("aria-label", `Picture of ${this.row.name}`);
    sized(this.canvas, width, height);
    if (this.drawn === picture && this.width === this.canvas.width) return;
    [this.drawn, this.width] = [picture, this.canvas.width];
    paint(this.canvas, picture, null, { top: 0 });
  }

  open() {
    this.app.set({ view: "filmstrip", sample: this.row.key });
  }
}

const filled = (cells) => (cells.length ? cells : [h("div", { class: "cell", role: "cell" })]);

/** What the network said: the class, how sure it was, and whether it said something else before. */
class OutcomeCell {
  constructor(app) {
    this.app = app;
    this.predicted = h("span", { class: "predicted" });
    this.meter = h("span", { class: "meter" }, h("span"));
    this.confidence = h("span", { class: "confidence" });
    this.flipped = h("span", { class: "flipped", hidden: true });
    this.epoch = h("span", { class: "at", hidden: true });
    this.element = h(
      "div",
      { class: "cell outcome", role: "cell" },
      this.predicted,
      this.meter,
      this.confidence,
      this.flipped,
      this.epoch,
    );
  }

  update(said) {
    const outcome = said?.outcome;
    const verdict = said?.right === true ? "right" : said?.right === false ? "wrong" : "unknown";
    this.element.dataset.verdict = said ? verdict : "absent";
    say(this.predicted, outcome ? said.predicted || "no class" : said ? "…" : "not in this fit");
    this.predicted.title = verdict === "unknown" ? (said?.predicted ?? "") : `${said.predicted}: ${verdict}`;
    this.meter.hidden = outcome?.confidence == null;
    this.meter.firstChild.style.width = `${100 * (outcome?.confidence ?? 0)}%`;
    say(this.confidence, outcome?.confidence == null ? "" : percent(outcome.confidence));
    this.flipped.hidden = !said?.flipped;
    say(this.flipped, said?.flipped ? `was ${said.before}` : "");
    const late = said && said.epoch !== this.app.epoch;
    this.epoch.hidden = !late;
    say(this.epoch, late ? (said.epoch === null ? "not yet explained" : epochName(said.epoch)) : "");
  }
}
