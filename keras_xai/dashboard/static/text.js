// Numbers and names as people read them.

/** Three digits that matter; "−" for minus. */
export function number(value) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  const text =
    size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(1) : String(Number(value.toPrecision(3)));
  return text.replaceAll("-", "−");
}

export const percent = (share) => (Number.isFinite(share) ? `${(share * 100).toFixed(share >= 0.9995 ? 0 : 1)} %` : "");

export const epochName = (epoch) => (epoch === -1 ? "untrained" : `epoch ${epoch}`);

const METHODS = { grad_cam: "Grad-CAM", hires_cam: "HiResCAM", lime: "LIME", rise: "RISE", saliency: "Saliency" };

/** "score_cam" → "Score-CAM"; "integrated_gradients" → "Integrated gradients". */
export function methodName(method) {
  if (Object.hasOwn(METHODS, method)) return METHODS[method];
  const words = method
    .replace(/_/g, " ")
    .replace(/ cam\b/, "-CAM")
    .replace(/\+\+$/, "++");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export const measureName = (name) => (name === "r2" ? "R² of the fit" : sentence(name.replace(/_/g, " ")));

export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** The name of a class; several for a sample with several labels. */
export function className(label, names) {
  if (label == null) return "";
  if (Array.isArray(label)) return label.map((one) => className(one, names)).join(", ") || "none";
  return names?.[label] ?? `class ${label}`;
}

/** Whether the prediction is one of the true classes; null where either is unknown. */
export function isRight(label, predicted) {
  if (label == null || predicted == null) return null;
  return Array.isArray(label) ? label.includes(predicted) : label === predicted;
}

export const time = (seconds) =>
  new Date(seconds * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });

export const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
