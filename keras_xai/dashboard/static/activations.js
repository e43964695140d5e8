// Feature maps: layers as tabs, channels in rows over epochs, and the samples that drive each channel most.

import { heightFor, scaleText, sized } from "./cell.js";
import { h, notice, options, place, say } from "./dom.js";
import { paint } from "./paint.js";
import { allRows, epochAt, peakOf } from "./selection.js";
import { Strip } from "./strip.js";
import { epochName, number } from "./text.js";

const HEAD = 32,
  CAPTION = 26,
  TILE = 112,
  DRIVER = 48;

export function createActivations(app) {
  return new Activations(app);
}

class Activations {
  constructor(app) {
    this.app = app;
    this.drivers = [];
    this.layers = h("div", { class: "layers", role: "group", "aria-label": "Layers" });
    this.sample = h("select", {
      name: "sample",
      "aria-label": "Sample",
      onchange: () => app.set({ sample: this.sample.value }),
    });
    this.canvas = h("canvas", { class: "thumb", role: "img", "aria-label": "The picture" });
    this.strip = new Strip(app, () => new Tile(), "Feature maps over epochs");
    this.cards = h("div", { class: "driver-cards" });
    this.driven = h(
      "section",
      { class: "driven", "aria-label": "What drives channels most" },
      h("h3", { text: "What drives channels most at this epoch" }),
      this.cards,
    );
    this.element = h(
      "div",
      { class: "activations" },
      h(
        "div",
        { class: "toolbar" },
        this.canvas,
        h("label", {}, h("span", { text: "Sample" }), this.sample),
        this.layers,
      ),
      this.strip.element,
      this.driven,
    );
  }

  update() {
    const { app } = this;
    const rows = allRows(app);
    const row = rows.find((one) => one.key === app.values.sample) ?? rows[0];
    if (!row) return;
    options(
      this.sample,
      rows.map((one) => [one.key, one.name]),
      row.key,
    );
    this.updatePicture(row);
    const owners = app.streams.filter((stream) => row.samples.has(stream.key) && stream.activationEpochs.length);
    const records = owners.map((stream) => [
      stream,
      app.library.activations(stream, epochAt(stream.activationEpochs, app.epoch) ?? stream.activationEpochs[0]),
    ]);
    const names = [...new Set(records.flatMap(([, record]) => record?.layers?.map((layer) => layer.name) ?? []))];
    const layer = names.includes(app.values.layer) ? app.values.layer : names.at(-1);
    this.updateLayers(names, layer);
    if (layer !== undefined) this.last = { layer, records };
    if (!this.last) return;
    this.updateStrip(row, this.last.layer, this.channelsOf(this.last.records, this.last.layer, row));
    this.updateDrivers(this.last.records, this.last.layer);
  }

  updatePicture(row) {
    const owner = this.app.streams.find((stream) => row.samples.has(stream.key));
    const sample = row.samples.get(owner.key);
    sized(this.canvas, 56, heightFor(sample, 56));
    paint(this.canvas, this.app.library.picture(owner, sample), null, { top: 0 });
  }

  updateLayers(names, current) {
    if (!names.length) return;
    const signature = JSON.stringify(names);
    if (this.layers.dataset.names !== signature) {
      this.layers.dataset.names = signature;
      this.layers.replaceChildren(
        ...names.map((name) =>
          h("button", {
            type: "button",
            class: "layer",
            value: name,
            text: name,
            onclick: () => this.app.set({ layer: name }),
          }),
        ),
      );
    }
    for (const button of this.layers.children) button.setAttribute("aria-pressed", String(button.value === current));
  }

  channelsOf(records, layerName, row) {
    const several = records.length > 1;
    return records.flatMap(([stream, record]) => {
      const layer = record?.layers?.find((one) => one.name === layerName);
      return (layer?.channels ?? []).map((channel) => ({
        stream,
        channel,
        sample: row.samples.get(stream.key),
        label: several ? `Channel ${channel} · ${stream.label}` : `Channel ${channel}`,
      }));
    });
  }

  updateStrip(row, layer, channels) {
    const { app } = this;
    const width = Math.min(app.values.size, TILE);
    const height = heightFor(row.samples.values().next().value, width);
    this.strip.update({
      axis: app.axis,
      current: app.epoch,
      width,
      head: HEAD,
      rows: channels.map((channel) => ({ ...channel, height: height + CAPTION, note: this.scaleOf(layer, channel) })),
      title: (epoch) => ({ text: epoch === -1 ? "untrained" : String(epoch) }),
      fill: (tile, { stream, channel, sample }, epoch) => {
        const record = stream.activations.has(epoch) ? app.library.activations(stream, epoch) : null;
        const map =
          record?.layers
            ?.find((one) => one.name === layer)
            ?.tiles.get(channel)
            ?.get(sample.id) ?? (record === undefined ? undefined : null);
        tile.update(map, {
          top: this.topOf(stream, layer, channel, sample, map),
          colours: app.values.colours,
          smooth: app.values.smooth,
          width,
          height,
          label: `Channel ${channel}, ${epochName(epoch)}`,
        });
      },
    });
  }

  /** What the brightest colour of a row means, where all its tiles have one scale. */
  scaleOf(layer, { stream, channel, sample }) {
    const top = this.topOf(stream, layer, channel, sample, null);
    return top > 0 ? `scale ${scaleText({ top })}` : "";
  }

  /** The value of the brightest colour: of this tile, or of the channel's tiles of the sample at all epochs. */
  topOf(stream, layer, channel, sample, map) {
    const peak = this.app.values.scale === "run" ? peakOf(this.app, stream, layer, channel, sample) : 0;
    return Math.max(map?.vmax ?? 0, peak);
  }

  updateDrivers(records, layerName) {
    const found = records.flatMap(([stream, record]) => {
      const layer = record?.layers?.find((one) => one.name === layerName);
      return [...(layer?.drivers ?? [])].map(([channel, drivers]) => ({ stream, channel, drivers }));
    });
    this.driven.hidden = !found.length;
    while (this.drivers.length < found.length) this.drivers.push(new Drivers(this.app));
    found.forEach((one, index) => this.drivers[index].update(one));
    place(
      this.cards,
      this.drivers.slice(0, found.length).map((card) => card.element),
    );
  }
}

class Tile {
  constructor() {
    this.canvas = h("canvas", { role: "img" });
    this.range = h("span", { class: "range" });
    this.element = h("div", { class: "map still" }, this.canvas, h("span", { class: "scale" }, this.range));
  }

  update(map, { top, colours, smooth, width, height, label }) {
    sized(this.canvas, width, height);
    this.canvas.setAttribute("aria-label", label);
    say(this.range, map ? (map.vmax > 0 ? `up to ${number(map.vmax)}` : "silent") : map === null ? "–" : "…");
    const drawn = [map, top, colours, smooth, this.canvas.width, this.canvas.height];
    if (this.drawn?.every((value, index) => value === drawn[index])) return;
    this.drawn = drawn;
    paint(this.canvas, undefined, map ?? null, {
      top: top || 1,
      signed: false,
      colours,
      smooth,
      plain: true,
      opacity: 1,
      threshold: 0,
    });
  }
}

/** The patches of samples at which a channel answers most; a click shows that sample. */
class Drivers {
  constructor(app) {
    this.app = app;
    this.label = h("strong");
    this.crops = h("div", { class: "drivers" });
    this.element = h("div", { class: "driver-card" }, this.label, this.crops);
  }

  update({ stream, channel, drivers }) {
    const inputs = this.app.library.inputs(stream);
    say(this.label, this.app.streams.length > 1 ? `Channel ${channel} · ${stream.label}` : `Channel ${channel}`);
    while (this.crops.children.length < drivers.length)
      this.crops.append(h("button", { type: "button", class: "driver" }, h("canvas"), h("small")));
    while (this.crops.children.length > drivers.length) this.crops.lastChild.remove();
    drivers.forEach(({ id, crop, value }, index) => {
      const sample = inputs?.byId.get(id);
      const button = this.crops.children[index];
      button.title = sample ? `${sample.name}: ${number(value ?? NaN)}` : `unknown sample ${id}`;
      button.setAttribute("aria-label", `Driven by ${button.title}`);
      button.onclick = () => sample && this.app.set({ sample: sample.key });
      say(button.lastChild, number(value ?? NaN));
      drawCrop(button.firstChild, sample, this.app.library.picture(stream, sample), crop);
    });
  }
}

function drawCrop(canvas, sample, picture, crop) {
  sized(canvas, DRIVER, DRIVER);
  const print = picture && crop ? `${sample.id} ${crop}` : "";
  if (canvas.dataset.crop === print) return;
  canvas.dataset.crop = print;
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (!print) return;
  const [top, left, height, width] = crop;
  const [across, down] = [picture.width / sample.width, picture.height / sample.height];
  context.imageSmoothingEnabled = width * across > canvas.width;
  context.drawImage(
    picture,
    left * across,
    top * down,
    width * across,
    height * down,
    0,
    0,
    canvas.width,
    canvas.height,
  );
}
