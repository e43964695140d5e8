// A map over its picture. As opaque as there is evidence: |value| / top · opacity, so that no evidence tints nothing.

import { table } from "./colour.js";
import { mapValues } from "./record.js";

const FINE = 56; // cells a side to which a smooth map is interpolated before the canvas enlarges it
const SEGMENTS = 144; // cells a side at which superpixels are drawn at least, where they have as many

const scratch = document.createElement("canvas");

/**
 * Draws a picture and a map over it, in the canvas's whole size.
 *
 * @param canvas to draw on.
 * @param picture ImageBitmap or undefined (a plain ground).
 * @param map what record.js read, or {values, width, height, sharp}, or null.
 * @param look {top, signed, opacity, threshold, smooth, colours, labels, muted, plain}: top is the value of full strength, labels the
 *   superpixels; plain maps hide the picture everywhere.
 */
export function paint(canvas, picture, map, look) {
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = true;
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (picture) context.drawImage(map && look.muted ? mutedOf(picture) : picture, 0, 0, canvas.width, canvas.height);
  const tinted = map && look.top > 0 ? tint(map, look, canvas) : null;
  if (!tinted) return;
  scratch.width = tinted.image.width; // which also empties it
  scratch.height = tinted.image.height;
  scratch.getContext("2d").putImageData(tinted.image, 0, 0);
  context.imageSmoothingEnabled = tinted.smooth;
  context.drawImage(scratch, 0, 0, canvas.width, canvas.height);
}

/** The map in colour as {image, smooth}; null while the superpixels are on their way. */
function tint(map, look, canvas) {
  if (map.coefficients && !look.labels) return null;
  if (!map.coefficients) {
    const { values, width, height, smooth } = fieldOf(map, look, canvas);
    return { image: imageOf(colourise(values, look), width, height), smooth };
  }
  // A superpixel has one colour: it is looked up once and copied to its cells.
  const { cells, width, height } = shrunk(look.labels, canvas);
  const pixels = copyTo(new Uint32Array(cells.length), cells, colourise(map.coefficients, look));
  return { image: imageOf(pixels, width, height), smooth: false };
}

/** out[i] = values[cells[i]], 0 where there is none. A plain loop: `from` with a function is ten times slower. */
function copyTo(out, cells, values) {
  for (let index = 0; index < cells.length; index++)
    if (cells[index] < values.length) out[index] = values[cells[index]];
  return out;
}

const imageOf = (pixels, width, height) => new ImageData(new Uint8ClampedArray(pixels.buffer), width, height);

const muted = new WeakMap();

/** The picture in grey and low in contrast, so that every colour of a map stands out; made once. */
function mutedOf(picture) {
  if (muted.has(picture)) return muted.get(picture);
  const { width, height } = picture;
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  context.drawImage(picture, 0, 0);
  for (const [operation, colour] of [
    ["saturation", "#808080"],
    ["source-atop", "rgb(178 178 178 / 45%)"],
  ]) {
    context.globalCompositeOperation = operation;
    context.fillStyle = colour;
    context.fillRect(0, 0, width, height);
  }
  muted.set(picture, canvas);
  return canvas;
}

/** The values to colour as {values, width, height, smooth}; null while the superpixels are on their way. */
export function fieldOf(map, look, canvas) {
  if (map.coefficients) return look.labels ? spread(map.coefficients, look.labels, canvas) : null;
  const values = map.values ?? mapValues(map);
  if (!look.smooth || map.sharp) return { values, width: map.width, height: map.height, smooth: false };
  return { ...enlarge(values, map.width, map.height), smooth: true };
}

/** A coefficient for each superpixel. */
function spread(coefficients, labels, canvas) {
  const { cells, width, height } = shrunk(labels, canvas);
  return { values: copyTo(new Float32Array(cells.length), cells, coefficients), width, height, smooth: false };
}

const small = new WeakMap();

/** Superpixels with no more cells than show, as {cells, width, height}; made once for a size. */
function shrunk(labels, canvas) {
  const shrink = Math.min(1, Math.max(SEGMENTS, canvas.width) / Math.max(labels.width, labels.height));
  if (!small.has(labels)) small.set(labels, new Map());
  const made = small.get(labels);
  if (!made.has(shrink)) made.set(shrink, shrinkBy(labels, shrink));
  return made.get(shrink);
}

function shrinkBy({ labels, width, height }, shrink) {
  const columns = Math.max(1, Math.round(width * shrink));
  const rows = Math.max(1, Math.round(height * shrink));
  const cells = new Uint16Array(rows * columns);
  for (let y = 0; y < rows; y++) {
    const from = Math.floor(((y + 0.5) * height) / rows) * width;
    for (let x = 0; x < columns; x++) cells[y * columns + x] = labels[from + Math.floor(((x + 0.5) * width) / columns)];
  }
  return { cells, width: columns, height: rows };
}

/** Bilinear between the centres of cells, as area averages ask for. */
function enlarge(values, width, height) {
  const columns = Math.max(width, FINE),
    rows = Math.max(height, FINE);
  if (columns === width && rows === height) return { values, width, height };
  const across = weights(width, columns),
    down = weights(height, rows);
  const out = new Float32Array(rows * columns);
  for (let y = 0; y < rows; y++) {
    const top = down.low[y] * width,
      bottom = down.high[y] * width,
      below = down.share[y];
    for (let x = 0; x < columns; x++) {
      const left = across.low[x],
        right = across.high[x],
        beside = across.share[x];
      const upper = values[top + left] + beside * (values[top + right] - values[top + left]);
      const lower = values[bottom + left] + beside * (values[bottom + right] - values[bottom + left]);
      out[y * columns + x] = upper + below * (lower - upper);
    }
  }
  return { values: out, width: columns, height: rows };
}

function weights(from, to) {
  const low = new Uint16Array(to),
    high = new Uint16Array(to),
    share = new Float32Array(to);
  for (let index = 0; index < to; index++) {
    const position = Math.min(Math.max(((index + 0.5) * from) / to - 0.5, 0), from - 1);
    low[index] = Math.floor(position);
    high[index] = Math.min(low[index] + 1, from - 1);
    share[index] = position - low[index];
  }
  return { low, high, share };
}

/** The colours of values, each four bytes (red, green, blue, opacity) in one number, as an ImageData holds them. */
function colourise(values, { top, signed, opacity, threshold, colours, plain }) {
  const steps = packedTable(colours, signed);
  const pixels = new Uint32Array(values.length);
  const scale = 1 / top;
  for (let index = 0; index < values.length; index++) {
    const share = Math.min(Math.max(values[index] * scale, signed ? -1 : 0), 1);
    const strength = share < 0 ? -share : share;
    if (!plain && (strength < threshold || strength === 0)) continue;
    const alpha = plain ? 255 : (255 * opacity * strength + 0.5) | 0;
    pixels[index] = steps[((signed ? (share + 1) * 127.5 : share * 255) + 0.5) | 0] | (alpha << 24);
  }
  return pixels;
}

const packed = new WeakMap();

/** A table of colours as numbers of which the lowest byte is red. */
function packedTable(colours, signed) {
  const steps = table(colours, signed);
  const pack = (_, step) => steps[3 * step] | (steps[3 * step + 1] << 8) | (steps[3 * step + 2] << 16);
  if (!packed.has(steps)) packed.set(steps, Uint32Array.from({ length: 256 }, pack));
  return packed.get(steps);
}

/** The value of a map at a place, both coordinates 0..1 of the picture: {value, row, column} or {value, segment}. */
export function valueAt(map, labels, across, down) {
  if (map.coefficients) {
    if (!labels) return null;
    const segment = labels.labels[cell(down, labels.height) * labels.width + cell(across, labels.width)];
    return { value: map.coefficients[segment] ?? 0, segment };
  }
  const row = cell(down, map.height),
    column = cell(across, map.width);
  const level = map.bytes[row * map.width + column];
  return { value: map.vmin + (level / 255) * (map.vmax - map.vmin), row, column };
}

const cell = (place, count) => Math.min(Math.max(Math.floor(place * count), 0), count - 1);

/** What full strength means: the largest |value| of signed maps, else the largest value. */
export const topOf = ([vmin, vmax], signed) => (signed ? Math.max(Math.abs(vmin), Math.abs(vmax)) : Math.max(vmax, 0));
