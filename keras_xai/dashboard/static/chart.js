// A line chart over epochs: uPlot draws the lines; the legend is ours and reads at the epoch of the slider.

import uPlot from "./uplot.esm.js";
import { h, say } from "./dom.js";
import { epochName, number } from "./text.js";
import { colourOf } from "./theme.js";

const HEIGHT = 190;
export const PALETTE = ["#3b78c3", "#d9722e", "#3f9b6c", "#c0504d", "#8b6bb1", "#8a7350", "#c76fae", "#7c8790"];
const DASHES = [[], [6, 4], [2, 3], [10, 4, 2, 4]];

export class Chart {
  constructor(app, title) {
    this.app = app;
    this.canvas = h("div", { class: "plot", onclick: (event) => this.pick(event) });
    this.legend = h("ul", { class: "legend" });
    this.title = h("h3");
    this.element = h("section", { class: "chart" }, this.title, this.canvas, this.legend);
    this.rename(title);
  }

  rename(title) {
    say(this.title, title);
    this.element.setAttribute("aria-label", title);
  }

  destroy() {
    this.plot?.destroy();
  }

  /**
   * @param epochs the axis.
   * @param lines [{label, values, colour, dash}], values with null for missing; colour and dash are numbers. The same list
   *   says that nothing has changed.
   */
  update(epochs, lines) {
    const changed = lines !== this.lines;
    this.epochs = epochs;
    this.lines = lines;
    const width = Math.floor(this.canvas.clientWidth) || 320;
    const signature = JSON.stringify([
      lines.map(({ label, colour, dash }) => [label, colour, dash]),
      document.documentElement.dataset.theme,
    ]);
    const rebuilt = signature !== this.signature;
    if (rebuilt) this.rebuild(signature, width);
    if (changed || rebuilt) this.plot.setData([epochs, ...lines.map((line) => line.values)]);
    if (width !== this.plot.width) this.plot.setSize({ width, height: HEIGHT });
    this.mark();
  }

  rebuild(signature, width) {
    this.signature = signature;
    this.plot?.destroy();
    const axis = {
      stroke: colourOf("--muted"),
      grid: { stroke: colourOf("--line"), width: 1 },
      ticks: { stroke: colourOf("--line"), width: 1 },
      font: "11px system-ui, sans-serif",
    };
    const across = {
      ...axis,
      size: 30,
      incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000],
      values: (_, epochs) => epochs.map((epoch) => (epoch === -1 ? "" : String(epoch))),
    };
    this.plot = new uPlot(
      {
        width,
        height: HEIGHT,
        legend: { show: false },
        scales: { x: { time: false } },
        padding: [10, 10, 0, 0],
        cursor: { sync: { key: "keras-xai" }, drag: { x: false, y: false }, points: { size: 5 } },
        axes: [across, { ...axis, size: 54, values: (_, values) => values.map(number) }],
        series: [
          {},
          ...this.lines.map((line) => ({
            stroke: strokeOf(line),
            width: 1.75,
            dash: dashOf(line),
            spanGaps: true,
            points: { show: this.epochs.length < 40, size: 4, fill: strokeOf(line) },
          })),
        ],
        hooks: { draw: [(plot) => this.drawEpoch(plot)], setCursor: [() => this.updateLegend()] },
      },
      null,
      this.canvas,
    );
    this.values = this.lines.map(() => h("output"));
    this.legend.replaceChildren(...this.lines.map((line, index) => legendItem(line, this.values[index])));
  }

  /** The line at the epoch on screen. */
  mark() {
    if (this.marked !== this.app.epoch) this.plot.redraw(false);
    this.marked = this.app.epoch;
    this.updateLegend();
  }

  drawEpoch({ ctx, bbox, valToPos }) {
    if (this.app.epoch === null) return;
    const x = valToPos(this.app.epoch, "x", true);
    if (!(x >= bbox.left && x <= bbox.left + bbox.width)) return;
    ctx.save();
    ctx.strokeStyle = colourOf("--accent");
    ctx.lineWidth = window.devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.restore();
  }

  /** The values at the pointer, else at the epoch on screen. */
  updateLegend() {
    const hovered = this.plot?.cursor.idx;
    const index = hovered ?? this.epochs.indexOf(this.app.epoch);
    this.values?.forEach((output, line) => say(output, number(this.lines[line].values[index] ?? NaN)));
    this.legend.title = index >= 0 ? `At ${epochName(this.epochs[index])}` : "";
  }

  /** A click goes to that epoch, which the plot may not have noticed yet, or never where there is no mouse. */
  pick({ clientX }) {
    const epoch = this.epochs[this.plot.posToIdx(clientX - this.plot.over.getBoundingClientRect().left)];
    if (epoch !== undefined) this.app.set({ epoch });
  }
}

/** Further runs are dashed; so are further lines, once all colours are taken. */
const dashOf = ({ colour, dash }) => DASHES[(dash + Math.floor(colour / PALETTE.length)) % DASHES.length];

const strokeOf = ({ colour }) => PALETTE[colour % PALETTE.length];

function legendItem(line, output) {
  const key = h("span", { class: "key" });
  key.style.borderTopColor = strokeOf(line);
  key.style.borderTopStyle = dashOf(line).length ? "dashed" : "solid";
  return h("li", {}, key, h("span", { class: "name", text: line.label, title: line.label }), output);
}
