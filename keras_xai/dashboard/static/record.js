// From the bytes of one record to values. Nothing in a record is trusted: what does not fit is left out and named.

const MOST_BLOBS = 20_000;
const MOST_SIDE = 4096;
const EFFECT = ["effect", "lower", "upper", "flips", "control", "images"];

/** Parts the answer of the `record` route into {manifest, blobs}, blobs[0] being the manifest's own. */
export function unpack(buffer) {
  const view = new DataView(buffer);
  const count = buffer.byteLength >= 4 ? view.getUint32(0, true) : 0;
  if (count < 1 || count > MOST_BLOBS || buffer.byteLength < 4 * (count + 1))
    throw new Error("The record is truncated.");
  const blobs = [];
  let offset = 4 * (count + 1);
  for (let index = 0; index < count; index++) {
    const length = view.getUint32(4 * (index + 1), true);
    if (offset + length > buffer.byteLength) throw new Error(`The record is truncated: blob ${index} is not whole.`);
    blobs.push(new Uint8Array(buffer, offset, length));
    offset += length;
  }
  return { manifest: readManifest(blobs[0]), blobs };
}

function readManifest(bytes) {
  let manifest;
  try {
    manifest = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new Error("The record has no readable manifest.");
  }
  if (!isObject(manifest)) throw new Error("The manifest of the record is no object.");
  if (manifest.version !== 1)
    throw new Error(`The record has format version ${manifest.version}; this page reads version 1. Update keras-xai.`);
  return manifest;
}

/** What stays the same over a fit: {classNames, methods, samples: [{id, name, label, height, width, picture, segments}]}. */
export function readInputs({ manifest, blobs }) {
  const problems = [];
  const samples = list(manifest.samples)
    .filter(isObject)
    .map((sample) => ({
      id: String(sample.id),
      name: String(sample.name ?? sample.id),
      label: readLabel(sample.label),
      height: whole(sample.height, MOST_SIDE) || 1,
      width: whole(sample.width, MOST_SIDE) || 1,
      picture: blobAt(blobs, sample.blob),
      segments: sample.segments == null ? null : blobAt(blobs, sample.segments),
    }));
  nameKeys(samples);
  for (const sample of samples) if (!sample.picture) problems.push(`The picture of sample ${sample.name} is missing.`);
  const methods = list(manifest.methods)
    .filter(isObject)
    .map((method) => ({
      name: String(method.name),
      signed: method.signed === true,
      about: Object.fromEntries(
        ["layer", "score"].map((key) => [key, method[key] == null ? null : String(method[key])]),
      ),
    }));
  const classNames = Array.isArray(manifest.class_names) ? manifest.class_names.map(String) : null;
  const by = (field) => new Map(samples.map((sample) => [sample[field], sample]));
  return { classNames, methods, samples, byId: by("id"), byKey: by("key"), problems };
}

/** Gives each sample a key by its picture and label: logs with other ids or in another order show the same sample. */
function nameKeys(samples) {
  const seen = new Map();
  for (const sample of samples) {
    const base = `${sample.picture ? fingerprint(sample.picture) : sample.id}-${sample.label ?? ""}`;
    const count = (seen.get(base) ?? 0) + 1;
    seen.set(base, count);
    sample.key = count === 1 ? base : `${base}-${count}`;
  }
}

/** FNV-1a, 32 bits, as text; with the length, enough to tell the pictures of a log apart. */
function fingerprint(bytes) {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return `${(hash >>> 0).toString(36)}${bytes.length.toString(36)}`;
}

/** The maps of one epoch: {logs, outcomes: id → {…}, maps: method → id → map, problems}. */
export function readEpoch({ manifest, blobs }) {
  const problems = [];
  const outcomes = new Map();
  for (const sample of list(manifest.samples).filter(isObject)) outcomes.set(String(sample.id), readOutcome(sample));
  const maps = new Map();
  for (const [index, entry] of list(manifest.maps).entries()) {
    const where = `map ${index} (sample ${entry?.sample}, method ${entry?.method})`;
    const map = isObject(entry) ? readMap(entry, entry, blobs[1]) : null;
    if (!map) {
      problems.push(`The ${where} does not fit the record and is left out.`);
      continue;
    }
    const method = String(entry.method);
    if (!maps.has(method)) maps.set(method, new Map());
    maps.get(method).set(String(entry.sample), {
      ...map,
      r2: real(entry.r2),
      measures: isObject(entry.measures) ? entry.measures : {},
    });
  }
  return { logs: isObject(manifest.logs) ? manifest.logs : {}, outcomes, maps, problems };
}

/** Layers with their tiles: {layers: [{name, channels, tiles: channel → id → map, drivers: channel → […]}], problems}. */
export function readActivations({ manifest, blobs }) {
  const problems = [];
  const layers = list(manifest.layers)
    .filter(isObject)
    .map((layer) => {
      const tiles = new Map();
      for (const tile of list(layer.tiles).filter(isObject)) {
        const map = readMap(layer, tile, blobs[1]);
        if (!map)
          problems.push(
            `A tile of layer ${layer.name} (sample ${tile.sample}, channel ${tile.channel}) does not fit the record.`,
          );
        else if (!tiles.has(tile.channel)) tiles.set(tile.channel, new Map([[String(tile.sample), map]]));
        else tiles.get(tile.channel).set(String(tile.sample), map);
      }
      const drivers = new Map(
        list(layer.drivers)
          .filter(isObject)
          .map((driver) => [driver.channel, list(driver.samples).map(readDriver)]),
      );
      return { name: String(layer.name), channels: list(layer.channels).filter(Number.isInteger), tiles, drivers };
    });
  return { layers, problems };
}

/** What the network was caught at, with its pictures. */
export function readAlert({ manifest, blobs }) {
  const problems = [];
  const picture = (number) => blobAt(blobs, number);
  const pairs = list(manifest.pairs)
    .filter(isObject)
    .map((pair) => ({
      before: picture(pair.before),
      after: picture(pair.after),
      from: whole(pair.from),
      to: whole(pair.to),
    }));
  const named = new Set(
    list(manifest.pairs)
      .filter(isObject)
      .flatMap((pair) => [pair.before, pair.after]),
  );
  const rest = blobs.map((_, number) => number).filter((number) => number > 0 && !named.has(number));
  const donors = (Array.isArray(manifest.donors) ? manifest.donors : rest).map(picture).filter(Boolean);
  if (pairs.some((pair) => !pair.before || !pair.after)) problems.push("A picture of the alert is missing.");
  const effects = Object.entries(isObject(manifest.effects) ? manifest.effects : {})
    .filter(([, value]) => isObject(value))
    .map(([name, value]) => ({ name, ...Object.fromEntries(EFFECT.map((field) => [field, real(value[field])])) }));
  return {
    epoch: whole(manifest.epoch) ?? 0,
    classIndex: whole(manifest.class_index),
    className: typeof manifest.class_name === "string" ? manifest.class_name : "",
    spurious: manifest.spurious === true,
    cue: String(manifest.cue ?? ""),
    severity: manifest.severity === "alert" ? "alert" : "notice",
    sentence: String(manifest.sentence ?? ""),
    region: numbers(manifest.region, 4),
    property: manifest.property == null ? null : String(manifest.property),
    affected: list(manifest.affected).map(String),
    effects,
    pairs,
    donors,
    problems,
  };
}

function readMap(size, place, packed) {
  if (Array.isArray(place.coefficients)) {
    const coefficients = Float32Array.from(place.coefficients, (value) => real(value) ?? 0);
    return { coefficients, ...extent(coefficients) };
  }
  const height = whole(size.height, MOST_SIDE),
    width = whole(size.width, MOST_SIDE),
    offset = whole(place.offset);
  const vmin = real(place.vmin),
    vmax = real(place.vmax);
  if (!height || !width || offset == null || vmin == null || vmax == null || !packed) return null;
  if (offset + height * width > packed.length) return null;
  return { height, width, vmin, vmax, bytes: packed.subarray(offset, offset + height * width) };
}

/** The values of a map, (height · width) float32. */
export function mapValues({ bytes, vmin, vmax }) {
  const step = (vmax - vmin) / 255;
  const values = new Float32Array(bytes.length);
  for (let index = 0; index < bytes.length; index++) values[index] = vmin + bytes[index] * step;
  return values;
}

function extent(values) {
  let vmin = 0,
    vmax = 0;
  for (const value of values) {
    vmin = Math.min(vmin, value);
    vmax = Math.max(vmax, value);
  }
  return { vmin, vmax };
}

const readOutcome = (sample) => ({
  target: whole(sample.target),
  predicted: whole(sample.predicted),
  confidence: real(sample.confidence),
  valid: sample.valid !== false,
  flagged: sample.flagged === true,
});

const readDriver = (driver) => ({ id: String(driver?.id), crop: numbers(driver?.crop, 4), value: real(driver?.value) });

const readLabel = (label) =>
  Array.isArray(label) ? label.map((one) => whole(one)).filter((one) => one != null) : whole(label);

const blobAt = (blobs, number) => (Number.isInteger(number) && number > 0 ? (blobs[number] ?? null) : null);

export const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

export const list = (value) => (Array.isArray(value) ? value : []);

const real = (value) => (typeof value === "number" && Number.isFinite(value) ? value : null);

const whole = (value, most = 2 ** 31) => (Number.isInteger(value) && value >= 0 && value <= most ? value : null);

const numbers = (values, count) =>
  Array.isArray(values) && values.length === count && values.every(Number.isFinite) ? values : null;
