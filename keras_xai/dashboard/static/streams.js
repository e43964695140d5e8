// A stream is one fit of one callback: a run directory, the log's name in it and the session. Restarts are streams of their own.

import { isObject, list } from "./record.js";

/** The streams of an index, oldest first: [{key, run, name, session, label, started, ended, inputs, epochs, maps, activations, alerts}]. */
export function readStreams(index) {
  if (!isObject(index) || index.version !== 1)
    throw new Error(
      `The plugin speaks version ${index?.version} and this page version 1. Reload the page without its cache.`,
    );
  const streams = new Map();
  for (const { run, records } of list(index.runs).filter(isObject))
    for (const record of list(records).filter(isObject)) add(streams, String(run), record);
  lendInputs([...streams.values()]);
  const found = attachAlerts([...streams.values()].filter((stream) => stream.inputs));
  for (const stream of found) complete(stream);
  found.sort((a, b) => a.started - b.started);
  label(found);
  return found;
}

function add(streams, run, record) {
  const key = [run, record.name, record.session].join(" · ");
  if (!streams.has(key)) streams.set(key, emptyStream(key, run, record));
  const stream = streams.get(key);
  const wall = Number(record.wall_time) || 0;
  stream.started = Math.min(stream.started, wall);
  stream.ended = Math.max(stream.ended, wall);
  const entry = {
    tag: String(record.tag),
    wall,
    epoch: record.kind === "baseline" ? -1 : record.epoch,
    flagged: record.flagged === true,
  };
  if (record.kind === "inputs") stream.inputs = newer(stream.inputs, entry);
  else if (record.kind === "alert") stream.alerts.push({ ...entry, owner: stream, severity: record.severity === "notice" ? "notice" : "alert" });
  else if (Number.isInteger(entry.epoch)) {
    const kind = { epoch: stream.maps, baseline: stream.maps, activations: stream.activations }[record.kind];
    kind?.set(entry.epoch, newer(kind.get(entry.epoch), entry));
  }
}

/** A restart writes its pictures over those of the fit before; they are the same unless the samples were changed. */
function lendInputs(streams) {
  for (const stream of streams.filter((one) => !one.inputs)) {
    const lenders = streams.filter((one) => one.inputs && one.run === stream.run && one.name === stream.name);
    stream.inputs = lenders.map((one) => one.inputs).reduce(newer, null);
  }
}

/** A log that holds alerts alone (a monitor's) belongs to the fit that was running in its directory. */
function attachAlerts(streams) {
  const withMaps = streams.filter((stream) => stream.maps.size);
  const hostOf = ({ run, ended }) => {
    const others = withMaps.filter((stream) => stream.run === run).sort((a, b) => a.started - b.started);
    return others.findLast((stream) => stream.started <= ended) ?? others[0];
  };
  return streams.filter((stream) => {
    const host = stream.maps.size ? null : hostOf(stream);
    if (host) host.alerts.push(...stream.alerts);
    return !host;
  });
}

const emptyStream = (key, run, { name, session }) => ({
  key,
  run,
  name: String(name),
  session: String(session),
  started: Infinity,
  ended: 0,
  inputs: null,
  maps: new Map(),
  activations: new Map(),
  alerts: [],
  epochs: [],
});

const newer = (known, entry) => (known && known.wall > entry.wall ? known : entry);

function complete(stream) {
  const ascending = (map) => [...map.keys()].sort((a, b) => a - b);
  stream.epochs = ascending(stream.maps);
  stream.activationEpochs = ascending(stream.activations);
  stream.alerts.sort((a, b) => a.epoch - b.epoch || a.wall - b.wall);
}

/** Names a stream by what tells it from the others: the run, then the callback, then the number of the fit. */
function label(streams) {
  const base = (stream) => stream.run.replace(/\/?explanations$/, "") || (stream.run === "." ? "this run" : stream.run);
  const groups = new Map();
  for (const stream of streams) {
    const several = streams.some((other) => other.run === stream.run && other.name !== stream.name);
    stream.base = several ? `${base(stream)} · ${stream.name}` : base(stream);
    groups.set(stream.base, [...(groups.get(stream.base) ?? []), stream]);
  }
  for (const [name, group] of groups)
    group.forEach((stream, index) => {
      stream.label = group.length === 1 ? name : `${name} · fit ${index + 1}`;
      stream.newest = index === group.length - 1;
    });
}

/** The epochs of several streams on one axis. */
export const epochAxis = (streams, of = "epochs") =>
  [...new Set(streams.flatMap((stream) => stream[of]))].sort((a, b) => a - b);

/** The last explained epoch up to `epoch`; null before the first. */
export function epochAt(epochs, epoch) {
  let found = null;
  for (const one of epochs) if (one <= epoch) found = one;
  return found;
}
