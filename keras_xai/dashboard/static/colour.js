// From numbers to colours: tables of 256 steps between a few anchors.

const EMBER = [
  "#08092d",
  "#1f0c51",
  "#3e0674",
  "#5e1285",
  "#8c1383",
  "#b91472",
  "#e12251",
  "#f84e37",
  "#ff7e33",
  "#ffa842",
  "#ffcd45",
];
const VIRIDIS = [
  "#440154",
  "#482878",
  "#3e4989",
  "#31688e",
  "#26828e",
  "#1f9e89",
  "#35b779",
  "#6ece58",
  "#b5de2b",
  "#fde725",
];
const GREY = ["#000000", "#ffffff"];
const BLUE_RED = [
  "#0050a9",
  "#256fcf",
  "#4a90f0",
  "#80b2f8",
  "#b5d4fe",
  "#f3f3f3",
  "#fec0b3",
  "#fc8b7a",
  "#ee554b",
  "#cc262f",
  "#9f0222",
];
const PURPLE_GREEN = [
  "#40004b",
  "#762a83",
  "#9970ab",
  "#c2a5cf",
  "#e7d4e8",
  "#f7f7f7",
  "#d9f0d3",
  "#a6dba0",
  "#5aae61",
  "#1b7837",
  "#00441b",
];

/** What a user can choose from: a table for evidence, and one for evidence for and against, whose ends have names. */
export const COLOURS = {
  ember: { label: "Ember", sequential: EMBER, diverging: BLUE_RED, more: "red", less: "blue" },
  viridis: { label: "Viridis", sequential: VIRIDIS, diverging: PURPLE_GREEN, more: "green", less: "purple" },
  grey: { label: "Grey", sequential: GREY, diverging: BLUE_RED, more: "red", less: "blue" },
};

const tables = new Map();

/** (256 · 3) uint8, the colours from the bottom of a scale to its top; a signed scale has 0 in the middle. */
export function table(name, signed) {
  const anchors = COLOURS[name] ?? COLOURS.ember;
  const key = `${name} ${signed}`;
  if (!tables.has(key)) tables.set(key, between(signed ? anchors.diverging : anchors.sequential));
  return tables.get(key);
}

function between(anchors) {
  const corners = anchors.map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  const colours = new Uint8ClampedArray(256 * 3);
  for (let step = 0; step < 256; step++) {
    const position = (step / 255) * (corners.length - 1);
    const index = Math.min(Math.floor(position), corners.length - 2);
    for (let channel = 0; channel < 3; channel++) {
      const [low, high] = [corners[index][channel], corners[index + 1][channel]];
      colours[3 * step + channel] = Math.round(low + (position - index) * (high - low));
    }
  }
  return colours;
}

/** The same as a CSS gradient, for legends. */
export function gradient(name, signed) {
  const anchors = COLOURS[name] ?? COLOURS.ember;
  return `linear-gradient(to right, ${(signed ? anchors.diverging : anchors.sequential).join(", ")})`;
}
