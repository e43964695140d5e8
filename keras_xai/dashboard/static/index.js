// The Explanations tab of TensorBoard, and the page of a report. TensorBoard imports this module and calls `render`.

import { App } from "./app.js";
import { h } from "./dom.js";
import { followReloads } from "./reload.js";
import { openSource } from "./source.js";
import { followTheme } from "./theme.js";

const STYLES = ["uplot.css", "style.css"];

export async function render() {
  document.documentElement.lang = "en";
  document.title = "Explanations";
  const source = openSource();
  const app = new App(source);
  const read = app.reload();
  await styled();
  document.body.replaceChildren(app.element);
  followTheme(() => app.schedule());
  app.schedule();
  await read;
  if (source.live) followReloads(() => app.reload());
}

/** A report brings its styles along; TensorBoard's frame is empty and gets ours. */
async function styled() {
  if (document.getElementById("keras-xai-style")) return;
  const links = STYLES.map((name) => h("link", { rel: "stylesheet", href: new URL(`./${name}`, import.meta.url) }));
  const loaded = links.map(
    (link) => new Promise((done) => ["load", "error"].forEach((end) => link.addEventListener(end, done))),
  );
  document.head.append(...links);
  await Promise.all(loaded);
}
