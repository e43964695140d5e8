// What has been read so far. Views ask while they draw and get the value, or undefined while it is on its way; the
// arrival of a value redraws them. Failures are values too ({error}), so that one bad record never takes the rest along.

import { Cache } from "./cache.js";
import { decodePicture } from "./pictures.js";
import { decodeLabels } from "./png.js";
import { readActivations, readAlert, readEpoch, readInputs, unpack } from "./record.js";

const MEGABYTE = 1 << 20;
const THUMBNAIL = 256; // pixels a side: what a cell of the grid shows
const bytesOf = (bitmap) => bitmap.width * bitmap.height * 4;

export class Library {
  /** @param source see source.js. @param changed called when something has arrived. */
  constructor(source, changed) {
    this.source = source;
    this.changed = changed;
    this.waiting = new Map();
    this.values = new Cache(24 * MEGABYTE);
    this.pictures = new Cache(32 * MEGABYTE, (picture) => picture.close?.());
    this.fixed = new Cache(64 * MEGABYTE);
    this.problems = new Map();
  }

  inputs = (stream) => this.record(stream, stream.inputs, readInputs, this.fixed);

  epoch = (stream, epoch) => this.record(stream, stream.maps.get(epoch), readEpoch);

  activations = (stream, epoch) => this.record(stream, stream.activations.get(epoch), readActivations);

  alert = (entry) => this.record(entry.owner, entry, readAlert);

  /**
   * The curves of a stream; `measures` with the numbers of each sample. Read when no record is on its way, which are
   * more urgent; again when the stream has grown, and until its answers are complete.
   */
  series(stream, measures = false) {
    const key = `series ${measures} ${stream.key}`;
    const known = this.fixed.get(key);
    const { ended } = stream;
    if ((known?.ended !== ended || known.partly) && this.ready)
      this.fetch(
        key,
        async () => {
          const value = await this.source
            .series(stream.run, stream.name, stream.session, measures)
            .catch((error) => ({ error }));
          const partly = value.missing > 0 && !(known?.ended === ended && value.missing >= known.value.missing);
          this.fixed.set(key, { ended, value, partly }, measures ? 8 * MEGABYTE : MEGABYTE);
        },
        { urgent: false },
      );
    return known?.value;
  }

  /** The picture of a sample at the size of a cell, or whole; null if there is none that can be read. */
  picture(stream, sample, whole = false) {
    if (!sample?.picture) return null;
    return this.bitmap(
      `${stream.key} ${sample.id} ${stream.inputs.wall} ${whole}`,
      sample.picture,
      whole ? Infinity : THUMBNAIL,
    );
  }

  bitmap(key, bytes, side = Infinity) {
    const known = this.pictures.get(key);
    if (!known)
      this.fetch(`picture ${key}`, async () => {
        const value = await decodePicture(bytes, side).catch((error) => this.failed(key, error));
        this.pictures.set(key, value, value.error ? 1 : bytesOf(value));
      });
    return known?.error ? null : known;
  }

  /** The superpixels of a sample: {width, height, labels}. */
  labels(stream, sample) {
    if (!sample?.segments) return undefined;
    const key = `labels ${stream.key} ${sample.id} ${stream.inputs.wall}`;
    const known = this.fixed.get(key);
    if (!known)
      this.fetch(key, async () => {
        const value = await decodeLabels(sample.segments).catch((error) =>
          this.failed(`Superpixels of sample ${sample.name}`, error),
        );
        this.fixed.set(key, value, value.error ? 1 : value.labels.byteLength);
      });
    return known?.error ? undefined : known;
  }

  record(stream, entry, read, cache = this.values) {
    if (!entry) return undefined;
    const key = `${stream.run} ${entry.tag} ${entry.wall}`;
    const known = cache.get(key);
    if (!known)
      this.fetch(key, async () => {
        let value,
          cost = 1000;
        try {
          const buffer = await this.source.record(stream.run, entry.tag, entry.wall);
          value = read(unpack(buffer));
          cost = 3 * buffer.byteLength; // the bytes, and the objects made of the manifest
          if (value.problems.length) this.problems.set(entry.tag, value.problems);
        } catch (error) {
          value = this.failed(entry.tag, error);
        }
        cache.set(key, value, cost);
      });
    return known;
  }

  /** Forgets failures that may pass, so that they are tried again: TensorBoard may have been away for a moment. */
  retry() {
    for (const cache of [this.values, this.fixed])
      for (const [key, { value }] of [...cache.entries])
        if ((value.error ?? value.value?.error)?.passing) cache.delete(key);
    for (const [what, problems] of this.problems) if (problems.passing) this.problems.delete(what);
  }

  failed(what, error) {
    this.problems.set(what, Object.assign([error.message], { passing: error.passing }));
    return { error };
  }

  /** Runs a task once at a time for a key, and says so when it is done. */
  fetch(key, task, { urgent = true } = {}) {
    if (this.waiting.has(key)) return;
    this.waiting.set(key, { urgent });
    task().finally(() => {
      this.waiting.delete(key);
      this.changed();
    });
  }

  /** Begins to draw the screen anew: what is asked for from now on is not forgotten before the next time. */
  newRound() {
    for (const cache of [this.values, this.pictures, this.fixed]) cache.newRound();
  }

  /** Whether all records and pictures that were asked for are there; curves may still be on their way. */
  get ready() {
    return ![...this.waiting.values()].some(({ urgent }) => urgent);
  }

  /** Whether nothing is on its way: the screen shows all there is. */
  get idle() {
    return this.waiting.size === 0;
  }
}
