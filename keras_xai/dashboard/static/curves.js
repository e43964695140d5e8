// Loss and accuracy, what is measured on the maps, and reliance, all on one axis of epochs.

import { Chart } from "./chart.js";
import { h, notice, place } from "./dom.js";
import { classesOf, shownMethods } from "./selection.js";
import { measureName, methodName, sentence } from "./text.js";

export function createCurves(app) {
  return new Curves(app);
}

class Curves {
  constructor(app) {
    this.app = app;
    this.charts = new Map();
    this.grid = h("div", { class: "charts" });
    this.partly = h("p", { class: "hint partly", role: "status", text: "Some epochs are still being read." });
    this.waiting = notice("Reading the curves…");
    this.nothing = notice("There are no curves in this fit yet", "They begin with the first explained epoch.");
    this.element = h("div", { class: "curves" });
  }

  update() {
    const { epochs, shown, failed, partly } = this.collected();
    if (!shown) return place(this.element, this.waiting);
    place(this.element, failed.length ? failed : shown.length ? [partly ? this.partly : null, this.grid] : this.nothing);
    place(
      this.grid,
      shown.map(([title]) => this.chart(title).element),
    );
    const ofClass = this.app.values.label === null ? "" : ` · ${classTitle(this.app)}`;
    for (const [title, lines] of shown) {
      this.chart(title).rename(lines[0].perClass ? title + ofClass : title);
      this.chart(title).update(epochs, lines);
    }
  }

  chart(title) {
    if (!this.charts.has(title)) this.charts.set(title, new Chart(this.app, title));
    return this.charts.get(title);
  }

  /** What is drawn. It is made anew only if what it is made of is: a step of the epoch must not cost all curves. */
  collected() {
    const { app } = this;
    const { label, hidden } = app.values;
    const read = app.streams.map((stream) => [stream, app.library.series(stream, label !== null)]);
    const parts = [...read.flat(), ...app.streams.map((stream) => app.library.inputs(stream)), label, ...hidden];
    const same = parts.length === this.parts?.length && parts.every((part, index) => part === this.parts[index]);
    if (!same) this.made = collect(app, read);
    this.parts = parts;
    return this.made;
  }
}

/** {epochs, shown: [[title, lines]], failed: notices, partly: whether more is to come}; {} while curves are on their way. */
function collect(app, read) {
  if (read.some(([, series]) => !series)) return {};
  const groups = new Map();
  const draw = (title, line) => groups.set(title, [...(groups.get(title) ?? []), line]);
  const epochs = epochsOf(read);
  read.forEach(([stream, series], dash) => {
    if (series.error) return;
    const named = (name) => (app.streams.length > 1 ? `${name} · ${stream.label}` : name);
    const add = (title, name, colour, points, perClass = false) =>
      draw(title, {
        label: named(name),
        colour,
        dash,
        perClass,
        values: epochs.map((epoch) => points.get(epoch) ?? null),
      });
    addLogs(series, add);
    addMeasures(app, series, app.values.label !== null, add);
    addReliance(app, series, add);
  });
  return {
    epochs,
    shown: [...groups].filter(([, lines]) => lines.some((line) => line.values.some(Number.isFinite))),
    failed: read
      .filter(([, series]) => series.error)
      .map(([, series]) => notice("The curves cannot be read", series.error.message)),
    partly: read.some(([, series]) => series.missing > 0),
  };
}

function epochsOf(read) {
  const scalars = read.flatMap(([, series]) =>
    Object.values(series.scalars ?? {}).flatMap((points) => points.map(([step]) => step)),
  );
  const all = [...new Set([...read.flatMap(([, series]) => series.epochs ?? []), ...scalars])].sort((a, b) => a - b);
  return all.filter((epoch) => epoch >= 0); // nothing is measured on the untrained network
}

const overEpochs = (series, values) => new Map(series.epochs.map((epoch, index) => [epoch, values[index]]));

/** Keras's own numbers, training and validation in one chart. */
function addLogs(series, add) {
  const keys = Object.keys(series.logs ?? {}).filter((key) => !key.startsWith("xai/"));
  const order = (key) => (/loss$/.test(key) ? 0 : /acc/.test(key) ? 1 : 2);
  for (const key of keys.sort((a, b) => order(a) - order(b) || a.localeCompare(b))) {
    const base = key.replace(/^val_/, "");
    add(
      sentence(base.replace(/_/g, " ")),
      key === base ? "training" : "validation",
      key === base ? 0 : 1,
      overEpochs(series, series.logs[key]),
    );
  }
}

/** The mean over valid samples, of all classes or of one. */
function addMeasures(app, series, perClass, add) {
  const methods = shownMethods(app).map(({ name }) => name);
  const table = perClass ? meansOfClass(series, app.values.label) : (series.means ?? meansOfClass(series, null));
  const measures = [...new Set(methods.flatMap((method) => Object.keys(table[method] ?? {})))];
  for (const measure of measures)
    methods.forEach((method, colour) => {
      const values = table[method]?.[measure];
      if (values) add(measureName(measure), methodName(method), colour, overEpochs(series, values), perClass);
    });
}

const classTitle = (app) =>
  classesOf(app).find(([label]) => label === app.values.label)?.[1] ?? `class ${app.values.label}`;

/** Method → measure → mean per epoch over the valid samples of one class, or of all (null). */
function meansOfClass(series, label) {
  const belongs = (sample) => label === null || [sample.label].flat().includes(label);
  const members = (series.samples ?? []).flatMap((sample, index) => (belongs(sample) ? [index] : []));
  const mean = (row, epoch) => {
    const kept = members
      .filter((index) => series.outcomes?.valid?.[epoch]?.[index] !== false)
      .map((index) => row?.[index])
      .filter(Number.isFinite);
    return kept.length ? kept.reduce((sum, value) => sum + value, 0) / kept.length : null;
  };
  const perMeasure = (measures) =>
    Object.fromEntries(Object.entries(measures).map(([name, rows]) => [name, rows.map(mean)]));
  return Object.fromEntries(
    Object.entries(series.measures ?? {}).map(([method, measures]) => [method, perMeasure(measures)]),
  );
}

/** What the monitor measured: tags xai/spurious/<what>[/<class>]. */
function addReliance(app, series, add) {
  const wanted = app.values.label === null ? null : [String(app.values.label), classTitle(app)];
  const found = Object.entries(series.scalars ?? {}).flatMap(([tag, points]) => {
    const [, what, ofClass] = /^xai\/spurious\/([^/]+)(?:\/(.+))?$/.exec(tag) ?? [];
    return what ? [{ what, ofClass, points }] : [];
  });
  const inOrder = (a = "", b = "") => a.localeCompare(b, undefined, { numeric: true });
  const classes = [...new Set(found.map(({ ofClass }) => ofClass).filter(Boolean))].sort(inOrder);
  for (const { what, ofClass, points } of found.sort((a, b) => inOrder(a.ofClass, b.ofClass))) {
    if (ofClass && wanted && !wanted.includes(ofClass)) continue;
    const title = `Reliance: ${what.replace(/_/g, " ")}`;
    add(title, ofClass ?? "all classes", Math.max(classes.indexOf(ofClass), 0), new Map(points));
  }
}
