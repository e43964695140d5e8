// Which fits are on screen. Each restart of a training is a fit of its own.

import { h, say } from "./dom.js";
import { plural, time } from "./text.js";

const LIVE = 120; // seconds since the last record within which a fit counts as running

export function createRuns(app) {
  const list = h("div", { class: "run-list" });
  const summary = h("summary", { class: "runs-button" });
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
    say(summary, app.streams.length === 1 ? app.streams[0].label : `${app.streams.length} runs`);
    const rows = [...app.all]
      .reverse()
      .map((stream) => ({ stream, checked: app.streams.includes(stream), live: isLive(app, stream) }));
    const signature = JSON.stringify(
      rows.map(({ stream, checked, live }) => [stream.key, stream.label, stream.ended, checked, live]),
    );
    if (list.dataset.signature === signature) return;
    const focused = list.contains(document.activeElement) ? document.activeElement.value : null;
    list.dataset.signature = signature;
    list.replaceChildren(...rows.map((row) => runBox(app, row)));
    if (focused) [...list.querySelectorAll("input")].find((box) => box.value === focused)?.focus();
  };
  return { element, update };
}

const isLive = (app, stream) => app.source.live && Date.now() / 1000 - stream.ended < LIVE;

function runBox(app, { stream, checked, live }) {
  const toggle = () => {
    const others = app.streams.filter((one) => one !== stream).map((one) => one.key);
    app.set({ runs: box.checked ? [...others, stream.key] : others });
  };
  const box = h("input", { type: "checkbox", value: stream.key, onchange: toggle });
  box.checked = checked;
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
    title: "Show only this fit",
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
