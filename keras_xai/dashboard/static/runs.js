// Which fits are on screen. Each restart of a training is a fit of its own.

import { h, icon, say } from "./dom.js";
import { plural, time } from "./text.js";

const LIVE = 120; // seconds since the last record within which a fit counts as running

export function createRuns(app) {
  const list = h("div", { class: "run-list" });
  const chosen = h("span", { class: "chosen" });
  const label = h("span", { class: "label" });
  const summary = h("summary", { class: "runs-button" }, label, chosen, icon("down"));
  const element = h(
    "details",
    { class: "runs" },
    summary,
    h(
      "div",
      { class: "popover", role: "group", "aria-label": "Runs" },
      h("p", { class: "hint", text: "Choose two or more to compare them side by side." }),
      list,
    ),
  );
  document.addEventListener("pointerdown", (event) => element.contains(event.target) || (element.open = false));
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    element.open = false;
    summary.focus();
  });
  const update = () => {
    element.hidden = !app.all.length;
    const several = app.streams.length > 1;
    say(label, several ? "Runs" : "Run");
    say(chosen, several ? String(app.streams.length) : (app.streams[0]?.label ?? ""));
    const rows = [...app.all]
      .reverse()
      .map((stream) => ({ stream, checked: app.streams.includes(stream), live: isLive(app, stream) }));
    const signature = JSON.stringify(
      rows.map(({ stream, live }) => [stream.key, stream.label, stream.ended, live]),
    );
    if (list.dataset.signature !== signature) {
      list.dataset.signature = signature;
      keepingFocus(list, () => list.replaceChildren(...rows.map((row) => runBox(app, row))));
    }
    const boxes = list.querySelectorAll("input");
    rows.forEach(({ checked }, index) => (boxes[index].checked = checked));
  };
  return { element, update };
}

const isLive = (app, stream) => app.source.live && Date.now() / 1000 - stream.ended < LIVE;

/** Does something that replaces controls; the one in use is found again by its kind and value. */
function keepingFocus(list, replace) {
  const { tagName, value } = list.contains(document.activeElement) ? document.activeElement : {};
  replace();
  if (tagName) [...list.querySelectorAll(tagName)].find((control) => control.value === value)?.focus();
}

function runBox(app, { stream, live }) {
  const toggle = () => {
    const others = app.streams.filter((one) => one !== stream).map((one) => one.key);
    app.set({ runs: box.checked ? [...others, stream.key] : others });
  };
  const box = h("input", { type: "checkbox", value: stream.key, onchange: toggle });
  const last = stream.epochs.at(-1);
  const about = [
    time(stream.started),
    plural(stream.epochs.filter((epoch) => epoch >= 0).length, "epoch"),
    last === undefined ? null : `last ${last}`,
    stream.alerts.length ? plural(stream.alerts.length, "alert") : null,
  ];
  const only = h("button", {
    type: "button",
    class: "plain",
    text: "only",
    value: stream.key,
    title: `Show ${stream.label} alone`,
    onclick: () => app.set({ runs: [stream.key] }),
  });
  return h(
    "div",
    { class: "run-row" },
    h(
      "label",
      {},
      box,
      h(
        "span",
        {},
        h("strong", { text: stream.label }),
        live ? h("span", { class: "live", text: "running" }) : null,
        h("small", { text: about.filter(Boolean).join(" · ") }),
      ),
    ),
    only,
  );
}
