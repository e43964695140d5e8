// What the network was caught at: a list, and the evidence for the one that is open.

import { Evidence } from "./evidence.js";
import { h, icon, notice, place, say } from "./dom.js";
import { allAlerts, cueName } from "./selection.js";
import { epochName, number } from "./text.js";

export function createAlerts(app) {
  return new Alerts(app);
}

class Alerts {
  constructor(app) {
    this.app = app;
    this.cards = new Map();
    this.list = h("div", { class: "alert-list", role: "list" });
    this.detail = h("div", { class: "alert-detail" });
    this.body = h("div", { class: "alerts" }, this.list, this.detail);
    this.none = notice(
      "No alerts",
      "The network was not caught at relying on a spurious feature in this fit. Alerts are written by SpuriousFeatureMonitor:",
      {
        code: 'monitor = keras_xai.callbacks.SpuriousFeatureMonitor(samples, log_dir="logs")\nmodel.fit(..., callbacks=[monitor])',
      },
    );
    this.filtered = notice("No alert passes the filters", "Choose another class, or clear the search.");
    this.element = h("div", { class: "alerts-view" });
  }

  update() {
    const entries = allAlerts(this.app);
    const shown = entries.filter((one) => passes(this.app, one)).sort(byWeight);
    place(this.element, shown.length ? this.body : entries.length ? this.filtered : this.none);
    place(
      this.list,
      shown.map((one) => this.card(one).element),
    );
    const open = shown.find((one) => one.key === this.app.values.alert) ?? shown[0];
    for (const one of shown) this.cards.get(one.key).button.setAttribute("aria-current", String(one === open));
    if (open) this.open(open);
  }

  card(one) {
    if (!this.cards.has(one.key))
      this.cards.set(
        one.key,
        newCard(() => this.app.set({ alert: one.key, epoch: one.alert?.epoch ?? null })),
      );
    const card = this.cards.get(one.key);
    const { alert } = one;
    card.element.dataset.severity = alert?.severity ?? "";
    say(card.title, alert ? one.className || "All classes" : "…");
    say(
      card.note,
      alert?.error
        ? "This alert cannot be read"
        : alert
          ? `${alert.severity} · ${cueName(alert)} · ${epochName(alert.epoch)}`
          : "",
    );
    say(card.effect, alert?.effects?.length ? number(strongest(alert).effect) : "");
    return card;
  }

  open(one) {
    const inputs = this.app.library.inputs(one.entry.owner);
    const signature = `${one.key} ${Boolean(one.alert)} ${Boolean(inputs)}`;
    if (this.opened !== signature) {
      this.opened = signature;
      this.shown?.destroy();
      this.shown = inputs && one.alert && !one.alert.error ? new Evidence(this.app, one) : null;
      const failed = one.alert?.error
        ? notice("This alert cannot be read", one.alert.error.message)
        : notice("Reading the alert…");
      this.detail.replaceChildren(this.shown?.element ?? failed);
    }
    this.shown?.update(one);
  }
}

function newCard(onclick) {
  const title = h("strong"),
    note = h("span", { class: "note" }),
    effect = h("span", { class: "effect" });
  const card = h(
    "button",
    { type: "button", class: "alert-card", onclick },
    icon("flag"),
    h("span", {}, title, note),
    effect,
  );
  return { element: h("div", { role: "listitem" }, card), button: card, title, note, effect };
}

function passes(app, { alert, className: ofClass, stream }) {
  const { label, text } = app.values;
  if (!alert || alert.error) return true;
  const wanted = text.trim().toLowerCase();
  const words = [alert.sentence, ofClass, alert.cue, alert.severity, stream.label].join(" ").toLowerCase();
  return (label === null || alert.classIndex === label) && words.includes(wanted);
}

/** Alerts before notices, the newest first. */
function byWeight(a, b) {
  const weight = ({ alert }) => (alert?.severity === "alert" ? 0 : 1);
  return weight(a) - weight(b) || b.entry.epoch - a.entry.epoch || b.entry.wall - a.entry.wall;
}

const strongest = ({ effects }) =>
  effects.reduce((best, one) => ((one.effect ?? -1) > (best.effect ?? -1) ? one : best));
