// One map on screen: the canvas, its scale, the original while the pointer is on it, the large view on a click.

import { gradient } from "./colour.js";
import { h, say } from "./dom.js";
import { lookOf, mapAt } from "./selection.js";
import { epochName, methodName, number } from "./text.js";
import { paint } from "./paint.js";

export class MapCell {
  constructor(app) {
    this.app = app;
    this.canvas = h("canvas");
    this.bar = h("span", { class: "bar" });
    this.range = h("span", { class: "range" });
    this.element = h(
      "button",
      {
        type: "button",
        class: "map",
        onclick: () => this.open(),
        onpointerenter: () => this.reveal(true),
        onpointerleave: () => this.reveal(false),
      },
      this.canvas,
      h("span", { class: "scale" }, this.range, this.bar),
    );
  }

  /** @param about {stream, sample, method, epoch, width, height, row}: which map, and its size in CSS pixels. */
  update(about) {
    const { stream, sample, method, epoch } = (this.about = about);
    const map = sample ? mapAt(this.app, stream, sample, method.name, epoch) : null;
    const record = sample && this.app.library.epoch(stream, epoch);
    const invalid = record?.outcomes?.get(sample.id)?.valid === false;
    this.look = lookOf(this.app, stream, sample ?? {}, method, map);
    this.map = invalid ? null : map;
    this.picture = sample && this.app.library.picture(stream, sample);
    this.look.plain = this.picture === null; // without a picture beneath it the map is shown alone
    this.element.classList.toggle("waiting", map === undefined);
    this.element.disabled = !sample;
    if (this.original && !this.element.matches(":hover")) this.original = false; // its row was moved from under the pointer
    this.caption(invalid, map);
    this.draw();
  }

  caption(invalid, map) {
    const { look, about } = this;
    const scaled = map && !invalid && look.top > 0;
    say(
      this.range,
      invalid ? "score not finite" : scaled ? scaleText(look) : map ? "no evidence" : map === null ? "no map" : "…",
    );
    this.bar.hidden = !scaled;
    if (scaled) this.bar.style.background = gradient(look.colours, look.signed);
    const fit = map?.r2 == null ? "" : `, R² ${number(map.r2)}`;
    this.element.title = `${methodName(about.method.name)}, ${epochName(about.epoch)}${fit}`;
    this.element.setAttribute(
      "aria-label",
      `${methodName(about.method.name)} of ${about.sample?.name}, ${epochName(about.epoch)}, scale ${this.range.textContent}${fit}`,
    );
  }

  draw() {
    const { width, height } = this.about;
    this.element.style.width = `${width}px`;
    sized(this.canvas, width, height);
    const { look } = this;
    const drawn = [
      this.picture,
      this.original ? null : this.map,
      this.canvas.width,
      this.canvas.height,
      ...Object.values(look),
    ];
    if (this.drawn && drawn.every((value, index) => value === this.drawn[index])) return;
    this.drawn = drawn;
    paint(this.canvas, this.picture, this.original ? null : this.map, look);
  }

  reveal(original) {
    this.original = original;
    if (this.about) this.draw();
  }

  open() {
    const { row, stream, method } = this.about;
    this.app.large.open({ row, stream: stream.key, method: method.name });
  }
}

export const scaleText = ({ top, signed }) => (signed ? `±${number(top)}` : `0 – ${number(top)}`);

/** Gives a canvas a size in CSS pixels, and as many of its own as the screen has. */
export function sized(canvas, width, height) {
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const [columns, rows] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== columns) canvas.width = columns;
  if (canvas.height !== rows) canvas.height = rows;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
}

/** The height of a picture of that width, kept within reason for very long or tall ones. */
export const heightFor = (sample, width) =>
  Math.round(width * Math.min(Math.max((sample?.height ?? 1) / (sample?.width ?? 1), 0.4), 1.6));
