// Building the page. Text from the log goes through `textContent` only, so nothing in it can become markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element: attributes by name, listeners as `onclick`, `text` for its text; children that are null are left out. */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "text") element.textContent = value;
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child != null));
  return element;
}

const ICONS = {
  play: "M8 5v14l11-7z",
  pause: "M6 5h4v14H6zM14 5h4v14h-4z",
  previous: "M15.4 7.4 14 6l-6 6 6 6 1.4-1.4-4.6-4.6z",
  next: "M8.6 16.6 13.2 12 8.6 7.4 10 6l6 6-6 6z",
  down: "M7.4 9 6 10.4l6 6 6-6L16.6 9 12 13.6z",
  flag: "M6 3v18h2v-7h10l-2-4 2-4H8V3z",
  download: "M11 4h2v8.2l3.1-3.1 1.4 1.4L12 16l-5.5-5.5 1.4-1.4 3.1 3.1zM5 18h14v2H5z",
  link: "M10.6 13.4a1 1 0 0 0 1.4 1.4l4.6-4.6a3 3 0 0 0-4.2-4.2l-2 2 1.4 1.4 2-2a1 1 0 0 1 1.4 1.4zM13.4 10.6a1 1 0 0 0-1.4-1.4l-4.6 4.6a3 3 0 0 0 4.2 4.2l2-2-1.4-1.4-2 2a1 1 0 0 1-1.4-1.4z",
  tune: "M4 6h9v2H4zM17 6h3v2h-3zM14 4h2v6h-2zM4 16h3v2H4zM11 16h9v2h-9zM8 14h2v6H8zM4 11h16v2H4z",
  close: "M6.4 5 12 10.6 17.6 5 19 6.4 13.4 12l5.6 5.6-1.4 1.4-5.6-5.6L6.4 19 5 17.6l5.6-5.6L5 6.4z",
};

/** A small picture that takes the colour of the text; it says nothing to a screen reader. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** A button with an icon, named for those who cannot see it. */
export function iconButton(name, label, onclick, attributes = {}) {
  return h(
    "button",
    { type: "button", class: "icon-button", "aria-label": label, title: label, onclick, ...attributes },
    icon(name),
  );
}

/** Sets what an element says, and nothing if it says so already: untouched text costs no layout. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Replaces the children only if they are others than before. */
export function place(element, ...children) {
  const wanted = children.flat().filter((child) => child != null);
  const same =
    wanted.length === element.childNodes.length && wanted.every((child, index) => child === element.childNodes[index]);
  if (!same) element.replaceChildren(...wanted);
}

/** A `select` whose options follow `[value, text]` pairs without losing the choice. */
export function options(select, pairs, chosen) {
  const signature = JSON.stringify(pairs);
  if (select.dataset.options !== signature) {
    select.dataset.options = signature;
    select.replaceChildren(...pairs.map(([value, text]) => h("option", { value, text })));
  }
  if (select.value !== String(chosen)) select.value = String(chosen);
}

/** A message in the middle of a view: what is the matter, and what to do. A line is text, {code} or an element. */
export function notice(title, ...lines) {
  const paragraphs = lines.map((line) => {
    if (line instanceof Element) return line;
    return line.code ? h("pre", { text: line.code }) : h("p", { text: line });
  });
  return h("div", { class: "notice", role: "status" }, h("h2", { text: title }), paragraphs);
}
