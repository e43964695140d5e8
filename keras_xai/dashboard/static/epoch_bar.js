// One epoch for all: the slider with its ticks at notices and alerts, play, and the keys.

import { h, icon, iconButton, say } from "./dom.js";
import { epochName, number } from "./text.js";
import { alertKey, epochAt } from "./selection.js";

const PACE = 350; // milliseconds an epoch is shown while playing

export function createEpochBar(app) {
  return new EpochBar(app);
}

class EpochBar {
  constructor(app) {
    this.app = app;
    this.play = iconButton("play", "Play (space)", () => this.toggle(), { class: "icon-button play" });
    this.slider = h("input", {
      type: "range",
      min: 0,
      step: 1,
      class: "epochs",
      "aria-label": "Epoch",
      oninput: () => this.go(Number(this.slider.value)),
    });
    this.ticks = h("div", { class: "ticks" });
    this.name = h("output", { class: "epoch-name", "aria-live": "off" });
    this.logs = h("span", { class: "logs" });
    this.live = h("span", { class: "live", text: "newest", title: "Follows the newest epoch while training goes on" });
    this.element = h(
      "div",
      { class: "epoch-bar" },
      this.play,
      iconButton("previous", "Previous epoch (←)", () => this.step(-1)),
      h("div", { class: "track" }, this.slider, this.ticks),
      iconButton("next", "Next epoch (→)", () => this.step(1)),
      this.name,
      this.live,
      this.logs,
    );
  }

  get index() {
    return this.app.axis.indexOf(this.app.epoch);
  }

  update() {
    const { axis, epoch, streams } = this.app;
    this.element.hidden = axis.length === 0;
    this.slider.max = Math.max(axis.length - 1, 0);
    this.slider.value = this.index;
    this.slider.disabled = axis.length < 2;
    this.slider.setAttribute("aria-valuetext", epoch === null ? "" : epochName(epoch));
    say(this.name, epoch === null ? "" : epoch === -1 ? "untrained" : `epoch ${epoch} of ${axis.at(-1)}`);
    this.live.hidden = this.app.values.epoch !== null || !this.app.source.live;
    say(this.logs, logsText(streams.length === 1 ? this.app.library.epoch(streams[0], epoch)?.logs : null));
    this.updateTicks();
  }

  updateTicks() {
    const { axis, streams } = this.app;
    const alerts = streams.flatMap((stream) =>
      stream.alerts.map((entry) => ({ key: alertKey(entry), epoch: entry.epoch, severity: entry.severity })),
    );
    const signature = JSON.stringify([axis.length, axis[0], alerts]);
    if (this.ticks.dataset.signature === signature) return;
    this.ticks.dataset.signature = signature;
    this.ticks.replaceChildren(...alerts.map((alert) => this.tick(alert)));
  }

  tick({ key, epoch, severity }) {
    const { axis } = this.app;
    const place = Math.max(axis.indexOf(epochAt(axis, epoch)), 0); // an epoch that was not explained stands at the one before
    const share = place / Math.max(axis.length - 1, 1);
    const open = () => this.app.set({ view: "alerts", alert: key, epoch });
    const label = `${severity === "notice" ? "Notice" : "Alert"} at epoch ${epoch}: open`;
    const about = { "data-severity": severity, "aria-label": label, title: label };
    const tick = h("button", { type: "button", class: "tick", ...about, onclick: open });
    tick.style.setProperty("--share", share);
    return tick;
  }

  /** Shows the epoch at a place of the axis; at its end the view follows the newest from then on. */
  go(index) {
    const { axis } = this.app;
    const place = Math.min(Math.max(index, 0), axis.length - 1);
    this.app.set({ epoch: place === axis.length - 1 ? null : axis[place] });
  }

  step(by) {
    this.go(this.index + by);
  }

  toggle() {
    this.playing ? this.stop() : this.start();
  }

  start() {
    if (this.app.axis.length < 2) return;
    if (this.index === this.app.axis.length - 1) this.go(0);
    this.playing = setInterval(() => this.advance(), PACE);
    this.show("pause", "Pause (space)");
  }

  /** The next epoch, once this one is on screen: a slow disk slows the film and drops no frame. */
  advance() {
    if (document.hidden || this.app.scheduled || !this.app.library.ready) return;
    this.step(1);
    if (this.index === this.app.axis.length - 1) this.stop();
  }

  stop() {
    clearInterval(this.playing);
    this.playing = null;
    this.show("play", "Play (space)");
  }

  show(name, label) {
    this.play.replaceChildren(icon(name));
    this.play.title = label;
    this.play.setAttribute("aria-label", label);
  }

  key(event) {
    if (
      event.altKey ||
      event.ctrlKey ||
      event.metaKey ||
      event.defaultPrevented ||
      takesKeys(event.target, this.slider)
    )
      return;
    const act = { ArrowLeft: () => this.step(-1), ArrowRight: () => this.step(1), " ": () => this.toggle() }[event.key];
    const pressesButton = event.key === " " && event.target instanceof HTMLButtonElement;
    if (!act || pressesButton) return;
    event.preventDefault();
    act();
  }
}

/** Whether an element has its own use for arrows and space. */
function takesKeys(target, slider) {
  if (target === slider) return false;
  return target instanceof Element && target.matches("input, select, textarea, summary, [role=slider]");
}

/** What Keras logged at that epoch, the first few numbers. */
function logsText(logs) {
  const wanted = Object.entries(logs ?? {}).filter(([key, value]) => Number.isFinite(value) && !key.startsWith("xai/"));
  return wanted
    .slice(0, 4)
    .map(([key, value]) => `${key} ${number(value)}`)
    .join("   ");
}
