// From the settings to what they mean for the data at hand: which fits, epochs, methods, samples and scales.

import { epochAt, epochAxis } from "./streams.js";
import { className, isRight } from "./text.js";
import { topOf } from "./paint.js";

const MOST_ALERTS = 300; // of a fit, that are read

/** The fits on screen: those chosen, else the one that began last. */
export function shownStreams(streams, runs) {
  const chosen = streams.filter((stream) => runs?.includes(stream.key));
  return chosen.length ? chosen : streams.slice(-1);
}

/** The epoch on screen: the one chosen if it is on the axis, else the newest. */
export function shownEpoch(axis, epoch) {
  return epoch === null ? (axis.at(-1) ?? null) : (epochAt(axis, epoch) ?? axis[0] ?? null);
}

/** [{name, signed, about}] of the fits on screen, each method once. */
export function methodsOf(app) {
  const methods = new Map();
  for (const stream of app.streams)
    for (const method of app.library.inputs(stream)?.methods ?? [])
      if (!methods.has(method.name)) methods.set(method.name, method);
  return [...methods.values()];
}

export const shownMethods = (app) => methodsOf(app).filter((method) => !app.values.hidden.includes(method.name));

/**
 * The rows of the grid before any filter. Fits that explain the same samples share rows.
 *
 * @returns [{key, name, label, truth, samples: stream key → sample}].
 */
export function allRows(app) {
  const rows = new Map();
  for (const stream of app.streams) {
    const inputs = app.library.inputs(stream);
    for (const sample of inputs?.samples ?? []) {
      const { key } = sample;
      if (!rows.has(key))
        rows.set(key, {
          key,
          id: sample.id,
          name: sample.name,
          label: sample.label,
          truth: className(sample.label, inputs.classNames),
          samples: new Map(),
        });
      rows.get(key).samples.set(stream.key, sample);
    }
  }
  return [...rows.values()];
}

/** What a fit said about a sample at the epoch on screen: {epoch, outcome, before, flipped, right, predicted}. */
export function outcomeOf(app, stream, sample, epoch = app.epoch) {
  const at = epochAt(stream.epochs, epoch);
  const outcome = at === null ? undefined : app.library.epoch(stream, at)?.outcomes?.get(sample.id);
  const earlier = at === null ? null : epochAt(stream.epochs, at - 1);
  const before = earlier === null ? undefined : app.library.epoch(stream, earlier)?.outcomes?.get(sample.id);
  const names = app.library.inputs(stream)?.classNames;
  return {
    epoch: at,
    outcome,
    right: outcome ? isRight(sample.label, outcome.predicted) : null,
    predicted: outcome?.predicted == null ? "" : className(outcome.predicted, names),
    flipped: outcome?.predicted != null && before?.predicted != null && outcome.predicted !== before.predicted,
    before: before?.predicted == null ? "" : className(before.predicted, names),
  };
}

/** The rows that pass the filters, those with a flag first where wanted. */
export function shownRows(app) {
  const { label, outcome, text, flagged, affected } = app.values;
  const wanted = text.trim().toLowerCase();
  const only = affected ? affectedKeys(app, affected) : null;
  const flags = new Map();
  const passes = (row) => {
    const said = app.streams
      .filter((stream) => row.samples.has(stream.key))
      .map((stream) => outcomeOf(app, stream, row.samples.get(stream.key)));
    flags.set(
      row.key,
      said.some((one) => one.outcome?.flagged),
    );
    const found =
      !wanted ||
      [row.name, row.truth, row.id, ...said.map((one) => one.predicted)].some((part) =>
        part.toLowerCase().includes(wanted),
      );
    const ofClass = label === null || row.label === label || (Array.isArray(row.label) && row.label.includes(label));
    return found && ofClass && (!only || only.includes(row.key)) && hasOutcome(said, outcome);
  };
  const rows = allRows(app).filter(passes);
  return flagged ? [...rows.filter((row) => flags.get(row.key)), ...rows.filter((row) => !flags.get(row.key))] : rows;
}

function hasOutcome(said, outcome) {
  if (outcome === "right") return said.some((one) => one.right === true);
  if (outcome === "wrong") return said.some((one) => one.right === false);
  return outcome !== "flipped" || said.some((one) => one.flipped);
}

function affectedKeys(app, key) {
  for (const stream of app.streams)
    for (const entry of stream.alerts)
      if (alertKey(entry) === key) return affectedSamples(app, entry).map((sample) => sample.key);
  return [];
}

/** The samples that an alert names, of the log that it is in: a monitor may look at others than are explained. */
export function affectedSamples(app, entry) {
  const known = app.library.inputs(entry.owner)?.byId;
  return (app.library.alert(entry)?.affected ?? []).map((id) => known?.get(id)).filter(Boolean);
}

/** How the address names an alert. */
export const alertKey = ({ owner, tag }) =>
  `${owner.run}:${tag.replace(/^keras_xai\//, "")}:${owner.session.slice(0, 8)}`;

/** The alerts of the fits on screen: [{key, stream, entry, alert, className}], alert undefined while it is on its way. */
export function allAlerts(app) {
  const found = [];
  for (const stream of app.streams)
    for (const entry of stream.alerts.slice(0, MOST_ALERTS)) {
      const alert = app.library.alert(entry);
      const names = app.library.inputs(entry.owner)?.classNames;
      found.push({
        key: alertKey(entry),
        stream,
        entry,
        alert,
        className: alert && (alert.className || className(alert.classIndex, names)),
      });
    }
  return found;
}

/** Where or what the cue is, in words. */
export const cueName = ({ cue, region, property }) =>
  property
    ? `${cue} cue: ${property}`
    : region
      ? `${cue} cue at row ${region[0]}, column ${region[1]} (${region[2]}×${region[3]})`
      : `${cue} cue`;

/** [[index, name]] of the classes that samples belong to. */
export function classesOf(app) {
  const classes = new Map();
  for (const stream of app.streams) {
    const inputs = app.library.inputs(stream);
    for (const sample of inputs?.samples ?? [])
      for (const label of [sample.label].flat())
        if (label !== null) classes.set(label, className(label, inputs.classNames));
  }
  return [...classes].sort(([a], [b]) => a - b);
}

/** How a map is drawn: see paint.js. One scale over all epochs and fits on screen, or each picture's own. */
export function lookOf(app, stream, sample, method, map) {
  const { opacity, threshold, smooth, muted, colours, scale } = app.values;
  const ranges =
    scale === "run" ? app.streams.map((one) => rangeOf(app, one, sample.key, method.name)).filter(Boolean) : [];
  if (map) ranges.push([map.vmin, map.vmax]);
  const top = Math.max(0, ...ranges.map((range) => topOf(range, method.signed)));
  const labels = map?.coefficients ? app.library.labels(stream, sample) : undefined;
  return { top, signed: method.signed, opacity, threshold, smooth, muted, colours, labels };
}

function rangeOf(app, stream, key, method) {
  const id = app.library.inputs(stream)?.byKey?.get(key)?.id;
  const series = app.library.series(stream);
  const pair = ofSample(series, series?.ranges?.[method], id);
  return Array.isArray(pair) && pair.every(Number.isFinite) ? pair : null;
}

/** The largest value of a channel's tiles of a sample at all epochs; 0 if it is not known. */
export function peakOf(app, stream, layer, channel, sample) {
  const series = app.library.series(stream);
  return ofSample(series, series?.peaks?.[layer]?.[channel], sample.id) ?? 0;
}

const places = new WeakMap();

/** What a list of the series, one entry per sample, says of one. */
function ofSample(series, list, id) {
  if (!Array.isArray(list) || !Array.isArray(series.samples)) return undefined;
  if (!places.has(series)) places.set(series, new Map(series.samples.map((sample, index) => [sample.id, index])));
  return list[places.get(series).get(id)];
}

/** The map of a sample at an epoch: undefined while it is on its way, null where there is none. */
export function mapAt(app, stream, sample, method, epoch = app.epoch) {
  const at = epoch === null ? null : epochAt(stream.epochs, epoch);
  if (at === null) return null;
  const record = app.library.epoch(stream, at);
  return record ? (record.maps?.get(method)?.get(sample.id) ?? null) : undefined;
}

export { epochAt, epochAxis };
