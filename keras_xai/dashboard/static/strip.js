// Rows of pictures over epochs. Only the columns on screen exist; the strip scrolls sideways and keeps the epoch in view.

import { h, say } from "./dom.js";

const GAP = 8;
const BEYOND = 1;

export class Strip {
  /**
   * @param app the page. @param makeCell () → {element, update(...)}: a new cell.
   * @param label what the strip shows, for screen readers.
   */
  constructor(app, makeCell, label) {
    this.app = app;
    this.makeCell = makeCell;
    this.columns = new Map();
    this.spare = [];
    this.side = h("div", { class: "strip-side" });
    this.field = h("div", { class: "strip-field" });
    this.scroller = h(
      "div",
      { class: "strip-scroll", onscroll: () => this.place(), role: "group", "aria-label": label, tabindex: 0 },
      this.field,
    );
    this.element = h("div", { class: "strip" }, this.side, this.scroller);
  }

  /**
   * @param model {axis, current, width, head, rows: [{label, note, height}], title(epoch), fill(cell, row, epoch)}: head is the
   *   height of the titles; title gives {text, note, state}; fill draws one cell.
   */
  update(model) {
    this.model = model;
    const { axis, rows, width, head } = model;
    const height = head + rows.reduce((sum, row) => sum + row.height, 0);
    this.pitch = width + GAP;
    this.field.style.width = `${axis.length * this.pitch}px`;
    this.field.style.height = `${height}px`;
    this.side.style.paddingTop = `${head}px`;
    this.updateSide(rows);
    this.follow();
    this.place();
  }

  updateSide(rows) {
    while (this.side.children.length < rows.length) this.side.append(h("div", { class: "strip-label" }, h("strong"), h("small")));
    while (this.side.children.length > rows.length) this.side.lastChild.remove();
    rows.forEach((row, index) => {
      const label = this.side.children[index];
      label.style.height = `${row.height}px`;
      say(label.firstChild, row.label);
      label.firstChild.title = row.label;
      say(label.lastChild, row.note ?? "");
    });
  }

  /** Scrolls so that a newly chosen epoch is on screen. */
  follow() {
    const index = this.model.axis.indexOf(this.model.current);
    if (this.followed === index && this.length === this.model.axis.length) return;
    [this.followed, this.length] = [index, this.model.axis.length];
    const left = index * this.pitch,
      { scrollLeft, clientWidth } = this.scroller;
    if (left < scrollLeft || left + this.pitch > scrollLeft + clientWidth)
      this.scroller.scrollLeft = left - (clientWidth - this.pitch) / 2;
  }

  place() {
    if (!this.model || !this.scroller.clientWidth) return;
    const { axis } = this.model;
    const first = Math.max(Math.floor(this.scroller.scrollLeft / this.pitch) - BEYOND, 0);
    const last = Math.min(
      Math.ceil((this.scroller.scrollLeft + this.scroller.clientWidth) / this.pitch) + BEYOND,
      axis.length,
    );
    for (const [index, column] of this.columns)
      if (index < first || index >= last) {
        column.element.remove();
        this.spare.push(column);
        this.columns.delete(index);
      }
    let after = null;
    for (let index = last - 1; index >= first; index--) {
      if (!this.columns.has(index)) this.columns.set(index, this.comingColumn(after));
      this.fill(this.columns.get(index), index);
      after = this.columns.get(index).element;
    }
    this.spare.length = Math.min(this.spare.length, 8);
  }

  /** A column in its place among the others: keys and screen readers follow the order of the page. */
  comingColumn(after) {
    const column = this.spare.pop() ?? this.makeColumn();
    this.field.insertBefore(column.element, after);
    return column;
  }

  makeColumn() {
    const text = h("strong"),
      note = h("span");
    const title = h("button", { type: "button", class: "strip-title" }, text, note);
    return { element: h("div", { class: "strip-column" }, title), title, text, note, cells: [] };
  }

  fill(column, index) {
    const { axis, rows, width, head, current, title, fill } = this.model;
    const epoch = axis[index];
    const { text, note, state } = title(epoch);
    column.element.style.transform = `translateX(${index * this.pitch}px)`;
    column.element.style.width = `${width}px`;
    column.element.classList.toggle("current", epoch === current);
    column.title.style.height = `${head}px`;
    column.title.onclick = () => this.app.bar.go(this.app.axis.indexOf(epoch));
    say(column.text, text);
    say(column.note, note ?? "");
    column.title.dataset.state = state ?? "";
    while (column.cells.length < rows.length) {
      const cell = this.makeCell();
      column.cells.push(cell);
      column.element.append(cell.element);
    }
    while (column.cells.length > rows.length) column.cells.pop().element.remove();
    rows.forEach((row, place) => fill(column.cells[place], row, epoch));
  }
}
