// The settings beside the view: which methods, how maps are drawn, which samples.

import { COLOURS } from "./colour.js";
import { h, options, say } from "./dom.js";
import { classesOf, methodsOf } from "./selection.js";
import { methodName } from "./text.js";

/** Which groups of settings say something in which view. */
const GROUPS = {
  grid: ["methods", "overlay", "samples"],
  filmstrip: ["methods", "overlay"],
  alerts: ["samples"],
  curves: ["methods", "samples"],
  activations: ["overlay"],
};

export function createPanel(app) {
  const groups = { methods: methodsGroup(app), overlay: overlayGroup(app), samples: samplesGroup(app) };
  const element = h(
    "aside",
    { class: "panel", "aria-label": "Settings" },
    Object.values(groups).map((group) => group.element),
  );
  const update = () => {
    const wanted = GROUPS[app.values.view];
    element.hidden = !app.withPanel;
    for (const [name, group] of Object.entries(groups)) {
      group.element.hidden = !wanted.includes(name);
      if (!group.element.hidden) group.update();
    }
  };
  return { element, update };
}

const group = (title, ...rows) => h("fieldset", { class: "group" }, h("legend", { text: title }), rows);

const row = (label, control, value) => h("label", { class: "row" }, h("span", { text: label }), control, value);

function methodsGroup(app) {
  const boxes = h("div", { class: "boxes" });
  const toggle = (name, shown) => {
    const rest = app.values.hidden.filter((one) => one !== name);
    app.set({ hidden: shown ? rest : [...rest, name] });
  };
  const update = () => {
    const methods = methodsOf(app);
    const signature = JSON.stringify(methods);
    if (boxes.dataset.methods !== signature) {
      boxes.dataset.methods = signature;
      boxes.replaceChildren(...methods.map((method) => methodBox(method, toggle)));
    }
    for (const box of boxes.querySelectorAll("input")) box.checked = !app.values.hidden.includes(box.value);
  };
  return { element: group("Methods", boxes), update };
}

function methodBox({ name, about }, toggle) {
  const box = h("input", { type: "checkbox", value: name, onchange: () => toggle(name, box.checked) });
  const layer = about.layer ? `Layer ${about.layer}` : null;
  return h("label", { class: "box", title: layer }, box, h("span", { text: methodName(name) }));
}

function overlayGroup(app) {
  const opacity = slider(app, "opacity", 0, 1, 0.05);
  const threshold = slider(app, "threshold", 0, 0.95, 0.05);
  const size = slider(app, "size", 64, 360, 8, (value) => `${value} px`);
  const colours = choice(
    app,
    "colours",
    Object.entries(COLOURS).map(([name, { label }]) => [name, label]),
  );
  const smooth = choice(
    app,
    "smooth",
    [
      ["true", "smooth"],
      ["false", "blocky"],
    ],
    (text) => text === "true",
  );
  const muted = choice(
    app,
    "muted",
    [
      ["true", "grey"],
      ["false", "in colour"],
    ],
    (text) => text === "true",
  );
  const scale = choice(app, "scale", [
    ["run", "all epochs"],
    ["image", "per image"],
  ]);
  const mutedRow = row("Picture", muted.control),
    opacityRow = row("Opacity", opacity.control, opacity.value);
  const hides = "Hides what is weaker than this share of the scale";
  const thresholdRow = Object.assign(row("Threshold", threshold.control, threshold.value), { title: hides });
  const element = group(
    "Maps",
    opacityRow,
    thresholdRow,
    row("Size", size.control, size.value),
    row("Colours", colours.control),
    row("Cells", smooth.control),
    mutedRow,
    row("Scale", scale.control),
  );
  const all = [opacity, threshold, size, colours, smooth, muted, scale];
  const update = () => {
    for (const one of [opacityRow, thresholdRow, mutedRow]) one.hidden = app.values.view === "activations";
    all.forEach((one) => one.update());
  };
  return { element, update };
}

function slider(app, name, min, max, step, text = percent0) {
  const control = h("input", {
    type: "range",
    min,
    max,
    step,
    name,
    oninput: () => app.set({ [name]: Number(control.value) }),
  });
  const value = h("output");
  const update = () => {
    control.value = app.values[name];
    say(value, text(app.values[name]));
  };
  return { control, value, update };
}

const percent0 = (share) => `${Math.round(share * 100)} %`;

function choice(app, name, pairs, read = (text) => text) {
  const control = h("select", { name, onchange: () => app.set({ [name]: read(control.value) }) });
  return { control, update: () => options(control, pairs, app.values[name]) };
}

function samplesGroup(app) {
  const label = h("select", {
    name: "label",
    onchange: () => app.set({ label: label.value === "" ? null : Number(label.value) }),
  });
  const outcome = choice(app, "outcome", [
    ["all", "all"],
    ["right", "right"],
    ["wrong", "wrong"],
    ["flipped", "newly flipped"],
  ]);
  const text = h("input", {
    type: "search",
    name: "text",
    placeholder: "name or class",
    oninput: () => app.set({ text: text.value }),
  });
  const flagged = h("input", {
    type: "checkbox",
    name: "flagged",
    onchange: () => app.set({ flagged: flagged.checked }),
  });
  const flaggedRow = h("label", { class: "box" }, flagged, h("span", { text: "Flagged first" }));
  const outcomeRow = row("Predicted", outcome.control),
    textRow = row("Find", text);
  const element = group("Samples", row("Class", label), outcomeRow, textRow, flaggedRow);
  const update = () => {
    const { view } = app.values;
    outcomeRow.hidden = flaggedRow.hidden = view !== "grid";
    textRow.hidden = view === "curves";
    options(label, [["", "all"], ...classesOf(app)], app.values.label ?? "");
    outcome.update();
    if (text.value !== app.values.text) text.value = app.values.text;
    flagged.checked = app.values.flagged;
  };
  return { element, update };
}
