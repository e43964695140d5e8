// One sample over all epochs, and two of its epochs side by side with what changed between them.

import { heightFor, MapCell, sized } from "./cell.js";
import { COLOURS, gradient } from "./colour.js";
import { h, notice, options, place, say } from "./dom.js";
import { fieldOf, paint } from "./paint.js";
import { mapValues } from "./record.js";
import { allRows, epochAt, lookOf, mapAt, outcomeOf, shownMethods } from "./selection.js";
import { Strip } from "./strip.js";
import { epochName, methodName, number, percent } from "./text.js";

const HEAD = 48,
  CAPTION = 34;

export function createFilmstrip(app) {
  return new Filmstrip(app);
}

class Filmstrip {
  constructor(app) {
    this.app = app;
    this.sample = h("select", {
      name: "sample",
      "aria-label": "Sample",
      onchange: () => app.set({ sample: this.sample.value }),
    });
    this.about = h("span", { class: "truth" });
    this.strip = new Strip(app, () => new MapCell(app), "Maps over epochs");
    this.first = h("select", {
      name: "first",
      "aria-label": "First epoch",
      onchange: () => app.set({ first: Number(this.first.value) }),
    });
    this.second = h("select", {
      name: "second",
      "aria-label": "Second epoch",
      onchange: () => app.set({ second: Number(this.second.value) }),
    });
    this.pairs = h("div", { class: "pairs" });
    this.hint = h("p", { class: "hint" });
    this.pool = [];
    this.body = h(
      "div",
      {},
      this.strip.element,
      h(
        "section",
        { class: "compare", "aria-label": "Two epochs" },
        h("h2", {}, "Compare ", this.first, " with ", this.second),
        this.hint,
        this.pairs,
      ),
    );
    this.empty = notice("There is no sample to show");
    this.element = h(
      "div",
      { class: "filmstrip" },
      h("div", { class: "toolbar" }, h("label", {}, h("span", { text: "Sample" }), this.sample), this.about),
      this.body,
    );
  }

  update() {
    const rows = allRows(this.app);
    const row = rows.find((one) => one.key === this.app.values.sample) ?? rows[0];
    place(this.element, this.element.firstChild, row ? this.body : this.empty);
    if (!row) return;
    options(
      this.sample,
      rows.map((one) => [one.key, one.truth && one.truth !== one.name ? `${one.name} (${one.truth})` : one.name]),
      row.key,
    );
    say(this.about, row.truth ? `true: ${row.truth}` : "");
    this.updateStrip(row);
    this.updatePairs(row);
  }

  updateStrip(row) {
    const { app } = this;
    const width = app.values.size;
    const several = app.streams.length > 1;
    const owners = app.streams.filter((stream) => row.samples.has(stream.key));
    const height = heightFor(row.samples.values().next().value, width);
    const rows = owners.flatMap((stream) =>
      shownMethods(app).map((method) => ({
        stream,
        method,
        sample: row.samples.get(stream.key),
        height: height + CAPTION,
        label: several ? `${methodName(method.name)} · ${stream.label}` : methodName(method.name),
      })),
    );
    this.strip.update({
      axis: app.axis,
      current: app.epoch,
      width,
      head: HEAD,
      rows,
      title: (epoch) => ({ text: shortName(epoch), ...(several ? {} : saidOf(app, owners[0], row, epoch)) }),
      fill: (cell, { stream, method, sample }, epoch) =>
        cell.update({
          stream,
          sample,
          method,
          epoch: epochAt(stream.epochs, epoch) === epoch ? epoch : null,
          width,
          height,
          row,
        }),
    });
  }

  updatePairs(row) {
    const { app } = this;
    const { axis } = app;
    const { first, second } = comparedEpochs(app);
    const { more, less } = COLOURS[app.values.colours];
    say(
      this.hint,
      `The difference is the second minus the first: ${more} where the evidence grew, ${less} where it shrank.`,
    );
    const pairs = axis.map((epoch) => [epoch, epochName(epoch)]);
    options(this.first, pairs, first);
    options(this.second, pairs, second);
    const wanted = app.streams
      .filter((stream) => row.samples.has(stream.key))
      .flatMap((stream) =>
        shownMethods(app).map((method) => ({ stream, method, sample: row.samples.get(stream.key) })),
      );
    while (this.pool.length < wanted.length) this.pool.push(new Pair(app));
    place(
      this.pairs,
      this.pool.slice(0, wanted.length).map((pair) => pair.element),
    );
    wanted.forEach((one, index) => this.pool[index].update({ ...one, row, first, second }));
  }
}

/** The two epochs to compare: those chosen, else the first and the one on screen. */
function comparedEpochs({ axis, epoch, values }) {
  const known = (one, otherwise) => (axis.includes(one) ? one : otherwise);
  return { first: known(values.first, axis[0]), second: known(values.second, epoch) };
}

const shortName = (epoch) => (epoch === -1 ? "untrained" : String(epoch));

/** What the only fit on screen said at an epoch. */
function saidOf(app, stream, row, epoch) {
  const said = outcomeOf(app, stream, row.samples.get(stream.key), epoch);
  const sure = said.outcome?.confidence == null ? "" : ` ${percent(said.outcome.confidence)}`;
  const state = said.flipped ? "flipped" : said.right === false ? "wrong" : said.right ? "right" : "";
  return {
    note: `${said.flipped ? "→ " : ""}${said.predicted}${sure}`,
    state,
  };
}

/** The same map at two epochs, and the difference. */
class Pair {
  constructor(app) {
    this.app = app;
    this.name = h("h3");
    this.cells = [new MapCell(app), new MapCell(app)];
    this.canvas = h("canvas", { role: "img" });
    this.range = h("span", { class: "range" });
    this.bar = h("span", { class: "bar" });
    const figure = (content, caption) => h("figure", {}, content, h("figcaption", {}, caption));
    this.captions = [h("span"), h("span")];
    this.element = h(
      "div",
      { class: "pair" },
      this.name,
      h(
        "div",
        { class: "pair-row" },
        figure(this.cells[0].element, this.captions[0]),
        figure(this.cells[1].element, this.captions[1]),
        figure(
          h("div", { class: "map still" }, this.canvas, h("span", { class: "scale" }, this.range, this.bar)),
          "difference",
        ),
      ),
    );
  }

  update({ stream, method, sample, row, first, second }) {
    const width = this.app.values.size,
      height = heightFor(sample, width);
    say(
      this.name,
      this.app.streams.length > 1 ? `${methodName(method.name)} · ${stream.label}` : methodName(method.name),
    );
    [first, second].forEach((epoch, index) => {
      this.cells[index].update({ stream, sample, method, epoch, width, height, row });
      say(this.captions[index], epochName(epoch));
    });
    sized(this.canvas, width, height);
    const maps = [first, second].map((epoch) => mapAt(this.app, stream, sample, method.name, epoch));
    const look = { ...lookOf(this.app, stream, sample, method, maps[0]), signed: true, threshold: 0 };
    const change = maps.every(Boolean) ? difference(maps, look, this.canvas) : null;
    paintDifference(this.canvas, change, look);
    const most = change ? change.most : NaN;
    say(this.range, change ? (most > 0 ? `±${number(most)}` : "no change") : "–");
    this.bar.hidden = !(most > 0);
    this.bar.style.background = gradient(look.colours, true);
    this.canvas.setAttribute(
      "aria-label",
      `${methodName(method.name)}: ${epochName(second)} minus ${epochName(first)}, at most ${number(most)}`,
    );
  }
}

/** Second minus first as {map, most}, a map like those of a record; null if they have no common cells. */
export function difference([first, second], look, canvas) {
  const [a, b] = [first, second].map((map) =>
    map.coefficients ? fieldOf(map, look, canvas) : { values: mapValues(map), width: map.width, height: map.height },
  );
  if (!a || !b || a.width !== b.width || a.height !== b.height) return null;
  const values = b.values.map((value, index) => value - a.values[index]);
  const most = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  return { values, width: a.width, height: a.height, most, sharp: Boolean(first.coefficients) };
}

function paintDifference(canvas, change, look) {
  // Where nothing changed the top of the scale is arbitrary: all is drawn in its middle colour.
  paint(canvas, undefined, change, { ...look, top: change?.most || 1, plain: true });
}
