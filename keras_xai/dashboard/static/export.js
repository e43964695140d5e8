// The view as PNG: its elements are copied into an SVG with their styles and canvases as pictures, and that is drawn.

import { colourOf } from "./theme.js";

/** Saves what is on screen. */
export async function exportView(app) {
  const title = [app.streams.map((stream) => stream.label).join(", "), app.bar.name.textContent]
    .filter(Boolean)
    .join("  ·  ");
  const blob = await pictureOf(app.main, title, Math.min(Math.max(window.devicePixelRatio, 1), 2));
  const name = [
    "keras-xai",
    app.values.view,
    app.epoch === null ? "" : app.epoch === -1 ? "untrained" : `epoch-${app.epoch}`,
  ]
    .filter(Boolean)
    .join("-");
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: `${name}.png` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

const HEAD = 36; // pixels for the title

/** A PNG of an element as it stands, under a title. */
export async function pictureOf(element, title, ratio) {
  const { width, height } = element.getBoundingClientRect();
  const copy = frozen(element);
  copy.setAttribute("xmlns", "http://www.w3.org/1999/xhtml");
  const style = document.createElement("style");
  style.textContent = styles();
  const root = document.createElement("div");
  root.setAttribute("data-theme", document.documentElement.dataset.theme);
  root.className = "export-root";
  root.style.cssText = `width:${width}px;height:${height}px;overflow:hidden`;
  root.append(style, copy);
  const body = new XMLSerializer().serializeToString(root);
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><foreignObject width="100%" height="100%">${body}</foreignObject></svg>`;
  const picture = new Image();
  picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await picture.decode();
  const canvas = onGround(width, height + HEAD, ratio);
  const context = canvas.getContext("2d");
  context.fillStyle = colourOf("--text");
  context.font = "600 15px system-ui, sans-serif";
  context.fillText(title, 16, 24, width - 32);
  context.drawImage(picture, 0, HEAD);
  return new Promise((done, failed) =>
    canvas.toBlob((blob) => (blob ? done(blob) : failed(new Error("the browser gave no picture"))), "image/png"),
  );
}

function onGround(width, height, ratio) {
  const canvas = Object.assign(document.createElement("canvas"), {
    width: Math.round(width * ratio),
    height: Math.round(height * ratio),
  });
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.fillStyle = colourOf("--ground");
  context.fillRect(0, 0, width, height);
  return canvas;
}

/** A copy whose canvases are pictures, whose inputs say what they hold, and which stands where the original is scrolled to. */
function frozen(element) {
  const copy = element.cloneNode(true);
  const before = [element, ...element.querySelectorAll("*")],
    after = [copy, ...copy.querySelectorAll("*")];
  before.forEach((one, index) => freeze(one, after[index]));
  return copy;
}

function freeze(one, copy) {
  if (one instanceof HTMLCanvasElement) {
    const picture = document.createElement("img");
    picture.src = one.width && one.height ? one.toDataURL() : "data:,";
    picture.className = one.className;
    picture.style.cssText = one.style.cssText;
    copy.replaceWith(picture);
  }
  if (one instanceof HTMLInputElement && one.checked) copy.setAttribute("checked", "");
  if (one instanceof HTMLOptionElement && one.selected) copy.setAttribute("selected", "");
  if (one.scrollTop || one.scrollLeft)
    for (const child of copy.children) child.style.translate = `${-one.scrollLeft}px ${-one.scrollTop}px`;
  if (one.parentElement && getComputedStyle(one).position === "sticky") stick(one, copy);
}

/** A heading that stays in sight, the first in its parent, stands apart from it by as much as that was scrolled. */
function stick(one, copy) {
  const [here, parent] = [one, one.parentElement].map((element) => element.getBoundingClientRect());
  copy.style.position = "relative";
  copy.style.translate = `${here.left - parent.left}px ${here.top - parent.top}px`;
}

const styles = () =>
  [...document.styleSheets]
    .flatMap((sheet) => [...sheet.cssRules].map((rule) => rule.cssText))
    .join("\n")
    .replaceAll(":root", ".export-root");
