// The evidence for one alert: effects with bounds, pictures before and after, the samples that carry it, and its course.

import { Chart } from "./chart.js";
import { h, say } from "./dom.js";
import { affectedSamples, allAlerts, allRows, cueName } from "./selection.js";
import { className, epochName, number, plural } from "./text.js";

const MOST_SHOWN = 24; // pictures of affected samples

export class Evidence {
  constructor(app, one) {
    this.app = app;
    this.one = one;
    const { alert } = one;
    this.chart = new Chart(app, "Effect over epochs");
    this.pictures = [];
    this.jumper = h("button", { type: "button", class: "plain", onclick: () => this.jump() });
    this.affected = h("section", {}, h("h3", { text: "Samples that carry it" }), h("div", { class: "crops" }));
    this.element = h(
      "article",
      { class: "evidence", "data-severity": alert.severity },
      h(
        "header",
        {},
        h("span", { class: "badge", text: alert.severity }),
        h("h2", { text: one.className || "All classes" }),
        h("span", { class: "note", text: `${cueName(alert)} · ${epochName(alert.epoch)}` }),
      ),
      h("p", { class: "sentence", text: alert.sentence }),
      alert.spurious
        ? h("p", { class: "hint", text: "It lies where a mask or an ignored region says that nothing can matter." })
        : null,
      this.jumper,
      effectsTable(alert.effects),
      alert.donors.length
        ? h(
            "section",
            {},
            h("h3", { text: "Where the cue was taken from" }),
            h(
              "div",
              { class: "crops" },
              alert.donors.map((bytes, index) =>
                this.picture(`donor ${index}`, bytes, "crop", `Donor crop ${index + 1}`),
              ),
            ),
          )
        : null,
      alert.pairs.length
        ? h(
            "section",
            {},
            h("h3", { text: "Before and after" }),
            h(
              "div",
              { class: "interventions" },
              alert.pairs.map((pair, index) => this.pair(pair, index)),
            ),
          )
        : null,
      this.affected,
      this.chart.element,
    );
  }

  /** Lets go of the chart, which listens to the page. */
  destroy() {
    this.chart.destroy();
  }

  picture(key, bytes, kind, label) {
    const canvas = h("canvas", { class: kind, role: "img", "aria-label": label, title: label });
    this.pictures.push({ key: `${this.one.key} ${key}`, bytes, canvas });
    return canvas;
  }

  pair(pair, index) {
    const names = this.app.library.inputs(this.one.entry.owner)?.classNames;
    const side = (name, label) => {
      const said = className(label, names);
      const text = `${name}: ${said || "–"}`;
      return h(
        "figure",
        {},
        pair[name]
          ? this.picture(`${name} ${index}`, pair[name], "scene", text)
          : h("div", { class: "missing", text: "picture missing" }),
        h("figcaption", {}, h("small", { text: name }), h("strong", { text: said || "–" })),
      );
    };
    return h(
      "div",
      { class: "intervention", "data-changed": String(pair.from !== pair.to) },
      side("before", pair.from),
      h("span", { class: "arrow", "aria-hidden": "true", text: "→" }),
      side("after", pair.to),
    );
  }

  update() {
    for (const { key, bytes, canvas } of this.pictures) draw(canvas, this.app.library.bitmap(key, bytes, 512));
    this.updateAffected();
    const { epochs, lines } = effectLines(this.app, this.one);
    this.chart.element.hidden = !lines.length;
    if (lines.length) this.chart.update(epochs, lines);
  }

  /** The samples of the alert, and the way to those of them that are explained, else to others of the class. */
  updateAffected() {
    const { app, one } = this;
    const samples = affectedSamples(app, one.entry);
    const rows = allRows(app);
    const explained = new Set(rows.map((row) => row.key));
    const count = samples.filter((sample) => explained.has(sample.key)).length;
    const label = one.alert.classIndex;
    const akin = label === null ? 0 : rows.filter((row) => [row.label].flat().includes(label)).length;
    this.filter = count ? { affected: one.key, label: null } : { affected: null, label };
    this.affected.hidden = !samples.length;
    this.jumper.hidden = !count && !akin;
    say(
      this.jumper,
      count
        ? `Show ${plural(count, "affected sample")} in the grid`
        : `Show ${plural(akin, "sample")} of this class in the grid`,
    );
    const crops = this.affected.lastChild;
    while (crops.children.length < Math.min(samples.length, MOST_SHOWN))
      crops.append(h("canvas", { class: "crop", role: "img" }));
    [...crops.children].forEach((canvas, index) => {
      canvas.title = samples[index].name;
      canvas.setAttribute("aria-label", samples[index].name);
      draw(canvas, app.library.picture(one.entry.owner, samples[index]));
    });
  }

  jump() {
    this.app.set({
      view: "grid",
      epoch: this.one.alert.epoch,
      ...this.filter,
      outcome: "all",
      text: "",
    });
  }
}

function draw(canvas, bitmap) {
  if (!bitmap || canvas.drawn === bitmap) return;
  canvas.drawn = bitmap;
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.style.aspectRatio = `${bitmap.width} / ${bitmap.height}`;
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
}

const COLUMNS = [
  ["Measured", "effect"],
  ["At least", "lower"],
  ["At most", "upper"],
  ["Flipped", "flips"],
  ["Control", "control"],
  ["Images", "images"],
];

/** Share of images that flip, less the same for controls: with its bound, and what it is made of. */
function effectsTable(effects) {
  if (!effects.length) return null;
  const columns = COLUMNS.filter(([, field]) => effects.some((effect) => effect[field] !== null));
  const rows = effects.map((effect) => {
    const cells = columns.map(([, field]) => h("td", { class: field, text: number(effect[field] ?? NaN) }));
    return h(
      "tr",
      {},
      h("th", { scope: "row", text: effect.name.replace(/_/g, " ") }),
      cells,
      h("td", {}, interval(effect)),
    );
  });
  const head = ["Effect", ...columns.map(([title]) => title), ""].map((text) => h("th", { scope: "col", text }));
  return h("table", { class: "effects" }, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows));
}

function interval({ effect, lower }) {
  const share = (value) => `${100 * Math.min(Math.max(value ?? 0, 0), 1)}%`;
  const bar = h(
    "span",
    { class: "interval", "aria-hidden": "true" },
    h("span", { class: "fill" }),
    h("span", { class: "bound", hidden: lower === null }),
  );
  bar.firstChild.style.width = share(effect);
  bar.lastChild.style.left = share(lower);
  return bar;
}

/** What the monitor measured for the class at every epoch; without its curves, what its alerts say. */
function effectLines(app, one) {
  const scalars = app.library.series(one.stream)?.scalars ?? {};
  const tags = Object.keys(scalars).filter(
    (tag) => /^xai\/spurious\/[^/]+\/./.test(tag) && tag.split("/").slice(3).join("/") === one.className,
  );
  if (!tags.length) return alertLines(app, one);
  const epochs = [...new Set(tags.flatMap((tag) => scalars[tag].map(([epoch]) => epoch)))].sort((a, b) => a - b);
  const line = (tag, colour) => {
    const points = new Map(scalars[tag]);
    return {
      label: tag.split("/")[2].replace(/_/g, " "),
      colour,
      dash: 0,
      values: epochs.map((epoch) => points.get(epoch) ?? null),
    };
  };
  return { epochs, lines: tags.sort().map(line) };
}

/** The same class and kind of cue at other epochs, from the alerts there. */
function alertLines(app, { stream, alert }) {
  const same = allAlerts(app).filter(
    (one) =>
      one.stream === stream &&
      one.alert &&
      !one.alert.error &&
      one.alert.classIndex === alert.classIndex &&
      one.alert.cue === alert.cue,
  );
  const epochs = stream.epochs.length
    ? stream.epochs.filter((epoch) => epoch >= 0)
    : same.map((one) => one.alert.epoch);
  const names = [...new Set(same.flatMap((one) => one.alert.effects.map(({ name }) => name)))];
  const at = (epoch, name) => {
    const values = same
      .filter((one) => one.alert.epoch === epoch)
      .flatMap((one) => one.alert.effects.filter((effect) => effect.name === name).map(({ effect }) => effect));
    return values.length ? Math.max(...values) : null;
  };
  return {
    epochs,
    lines: names.map((name, colour) => ({
      label: name.replace(/_/g, " "),
      colour,
      dash: 0,
      values: epochs.map((epoch) => at(epoch, name)),
    })),
  };
}
