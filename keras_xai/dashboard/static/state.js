// What the user sees, as plain values. It lives in the address, so that a reload keeps it and a link shares it.

const PREFIX = "p.keras_xai.";
const PAUSE = 200; // milliseconds between changes of the address: a browser that is told a hundred a second stops listening

/** Every setting with its start value. Lists are of strings; null means "not chosen": the view decides. */
export const DEFAULTS = {
  view: "grid",
  runs: null,
  epoch: null,
  hidden: [],
  opacity: 0.8,
  colours: "ember",
  threshold: 0,
  smooth: true,
  muted: true,
  scale: "run",
  size: 144,
  label: null,
  outcome: "all",
  flagged: true,
  text: "",
  sample: null,
  first: null,
  second: null,
  alert: null,
  affected: null,
  layer: null,
  panel: null,
};

const CHOICES = {
  view: ["grid", "filmstrip", "alerts", "curves", "activations"],
  colours: ["ember", "viridis", "grey"],
  scale: ["run", "image"],
  panel: [true, false],
  outcome: ["all", "right", "wrong", "flipped"],
};
const RANGES = {
  opacity: [0, 1],
  threshold: [0, 0.95],
  size: [64, 360],
  epoch: [-1, 1e9],
  first: [-1, 1e9],
  second: [-1, 1e9],
  label: [0, 1e9],
};

export class State {
  /** @param changed called after each change. */
  constructor(changed) {
    this.changed = changed;
    this.values = { ...DEFAULTS, ...readAddress() };
    this.written = -PAUSE;
    addressed().addEventListener("hashchange", () => this.read());
  }

  /** Somebody has changed the address, by hand or with a link; what was about to be written there is out of date. */
  read() {
    this.forget();
    this.values = { ...DEFAULTS, ...readAddress() };
    this.changed();
  }

  set(patch) {
    if (Object.keys(patch).every((name) => JSON.stringify(this.values[name]) === JSON.stringify(patch[name]))) return;
    this.values = { ...this.values, ...patch };
    const wait = this.written + PAUSE - performance.now();
    if (wait <= 0) this.write();
    else this.writing ??= setTimeout(() => this.write(), wait);
    this.changed();
  }

  /** Brings the address up to date now. */
  write() {
    this.forget();
    this.written = performance.now();
    writeAddress(this.values);
  }

  forget() {
    clearTimeout(this.writing);
    this.writing = null;
  }
}

/** The window whose address the user sees: TensorBoard's, where it lets us. */
function addressed() {
  try {
    return window.top.location.hash === undefined ? window : window.top;
  } catch {
    return window;
  }
}

export function readAddress(hash = addressed().location.hash) {
  const values = {};
  for (const [key, text] of new URLSearchParams(hash.replace(/^#/, ""))) {
    const name = key.startsWith(PREFIX) ? key.slice(PREFIX.length) : "";
    if (!Object.hasOwn(DEFAULTS, name)) continue;
    const value = check(name, decode(text));
    if (value !== undefined) values[name] = value;
  }
  return values;
}

function decode(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The value if it fits the setting: an address can be mistyped. */
function check(name, value) {
  if (name in CHOICES) return CHOICES[name].includes(value) ? value : undefined;
  if (name in RANGES)
    return Number.isFinite(value) && value >= RANGES[name][0] && value <= RANGES[name][1] ? value : undefined;
  if (name === "runs" || name === "hidden") return Array.isArray(value) ? value.map(String) : undefined;
  if (typeof DEFAULTS[name] === "boolean") return typeof value === "boolean" ? value : undefined;
  return String(value);
}

function writeAddress(values) {
  const target = addressed();
  const kept = target.location.hash
    .replace(/^#/, "")
    .split("&")
    .filter((part) => part && !part.startsWith(PREFIX));
  const ours = Object.entries(values)
    .filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(DEFAULTS[name]))
    .map(
      ([name, value]) =>
        `${PREFIX}${name}=${encodeURIComponent(typeof value === "string" ? value : JSON.stringify(value))}`,
    );
  try {
    // With the whole address: TensorBoard's frame has a <base>, against which "#…" alone would be resolved.
    const { pathname, search } = target.location;
    target.history.replaceState(target.history.state, "", `${pathname}${search}#${[...kept, ...ours].join("&")}`);
  } catch {
    // A page opened from a file may not be allowed to; the view still works.
  }
}
