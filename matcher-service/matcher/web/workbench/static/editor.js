// A JSON editor: a text field over its own coloured copy, with line numbers, marks at their place, and suggestions.

import { fitting, situation } from "./complete.js";
import { element } from "./dom.js";
import { format, placeOf, read } from "./json.js";

const PAINTED = /("(?:[^"\\\n]|\\.)*"?)(\s*:)?|-?\d[\d.eE+-]*|true|false|null|[{}[\],:]/g;
const PAIRS = { '"': '"', "{": "}", "[": "]" };

export class Editor {
  constructor(name, suggest, changed) {
    const root = document.getElementById(`${name}-editor`);
    this.field = document.getElementById(name);
    this.sheet = root.querySelector(".sheet");
    this.gutter = root.querySelector(".gutter");
    this.paint = root.querySelector(".paint");
    this.list = document.getElementById(`${name}-options`);
    this.told = root.querySelector("[role=status]");
    this.problems = document.getElementById(`${name}-problems`);
    Object.assign(this, { name, suggest, changed, marks: [], options: [], findings: [] });
    this.field.addEventListener("input", (event) => this.typed(event));
    this.field.addEventListener("keydown", (event) => this.pressed(event));
    this.field.addEventListener("blur", () => this.close());
    this.field.addEventListener("click", () => this.close());
    this.list.addEventListener("mousedown", (event) => this.clicked(event));
    document.getElementById(`${name}-format`).addEventListener("click", () => this.format());
    this.refresh();
  }

  get text() {
    return this.field.value;
  }

  /** Puts another text in place of the one that stands there. */
  set text(text) {
    this.field.value = text;
    this.findings = [];
    this.refresh();
    this.changed();
  }

  format() {
    if (this.reading.root) this.replace(0, this.text.length, format(this.text, this.reading.root));
    this.field.focus();
  }

  /** Shows findings (`{kind, pointer | start and end, message, hint}`) at their places, and errors in the list. */
  show(findings) {
    this.findings = findings;
    this.refresh();
    const errors = this.marks.filter(({ kind }) => kind === "error");
    this.field.setAttribute("aria-invalid", String(errors.length > 0));
    this.problems.replaceChildren(...errors.map((mark) => this.problem(mark)));
  }

  /** A finding as an entry of a list; pressing it leads to its place. */
  problem(mark) {
    const line = this.text.slice(0, mark.start).split("\n").length;
    const go = element("button", { type: "button", class: "button quiet go" }, `Line ${line}`);
    go.addEventListener("click", () => this.select(mark.start, mark.end));
    const hint = mark.hint ? element("span", { class: "muted" }, ` ${mark.hint}`) : "";
    return element("li", { class: mark.kind }, go, element("p", {}, mark.message, hint));
  }

  select(start, end) {
    this.field.focus();
    this.field.setSelectionRange(start, end);
    const line = this.text.slice(0, start).split("\n").length;
    this.gutter.children[line - 1]?.scrollIntoView({ block: "nearest" });
  }

  /** The marks, by where the text has them now. */
  located(findings) {
    const { places } = this.reading;
    const found = findings.filter(({ pointer }) => pointer === undefined || places);
    return found.map((finding) => ({ ...finding, ...(finding.pointer === undefined ? {} : bounds(placeOf(places, finding))) }));
  }

  refresh() {
    this.reading = read(this.text);
    this.marks = this.located(this.findings).sort((a, b) => a.start - b.start);
    const lines = this.text.split("\n");
    let start = 0;
    const rows = lines.map((line) => {
      const end = start + line.length;
      const here = this.marks.filter((mark) => mark.start <= end && mark.start >= start);
      const row = { line, start, marks: this.marks.filter((mark) => mark.start <= end && mark.end > start), here };
      start = end + 1;
      return row;
    });
    this.gutter.replaceChildren(...rows.map(({ here }, index) => element("li", { class: here.find(({ kind }) => kind === "error")?.kind ?? here[0]?.kind ?? "" }, String(index + 1))));
    this.paint.replaceChildren(...rows.flatMap((row) => [...painted(row), "\n"]));
  }

  typed(event) {
    this.findings = this.findings.filter(({ pointer }) => pointer !== undefined);
    this.refresh();
    this.changed();
    if (event.inputType === "insertText" && this.situation().typed) this.open();
    else if (!event.inputType?.startsWith("delete") || !this.situation().typed) this.close();
    else if (!this.list.hidden) this.open();
  }

  situation() {
    return situation(this.text, this.field.selectionStart);
  }

  pressed(event) {
    const isOpen = !this.list.hidden;
    if (event.key === " " && event.ctrlKey) this.open();
    else if (isOpen && (event.key === "ArrowDown" || event.key === "ArrowUp")) this.choose(this.chosen + (event.key === "ArrowDown" ? 1 : -1));
    else if (isOpen && (event.key === "Enter" || event.key === "Tab")) this.accept(this.options[this.chosen]);
    else if (isOpen && event.key === "Escape") this.close();
    else if (event.ctrlKey || event.metaKey || event.altKey || !this.wrote(event.key)) {
      if (event.key.startsWith("Arrow") || event.key === "Home" || event.key === "End") this.close();
      return;
    }
    event.preventDefault();
  }

  /** Writes what a key means beyond itself: pairs, and new lines that keep the indentation. */
  wrote(key) {
    const { selectionStart: start, selectionEnd: end } = this.field;
    const [before, after] = [this.text[start - 1], this.text[end]];
    const inText = this.situation().typed.startsWith('"');
    if (start !== end) return false;
    if (key === "Enter") this.newLine(start, before, after);
    else if (key.length === 1 && key === after && ('"]}'.includes(key) && (key === '"' || !inText)) && before !== "\\") this.field.setSelectionRange(start + 1, start + 1);
    else if (PAIRS[key] && !inText && !/[\w"]/.test(after ?? "")) this.insertPair(key, start);
    else if (key === "Backspace" && before && PAIRS[before] === after) this.replace(start - 1, start + 1, "");
    else return false;
    if (key === '"' && this.situation().typed === '"') this.open();
    else if (key === '"') this.close();
    return true;
  }

  insertPair(key, start) {
    this.replace(start, start, key + PAIRS[key]);
    this.field.setSelectionRange(start + 1, start + 1);
  }

  newLine(start, before, after) {
    const indent = this.text.slice(0, start).split("\n").at(-1).match(/^ */)[0];
    const isInside = before === "{" || before === "[";
    const deeper = `\n${indent}${isInside ? "  " : ""}`;
    const rest = isInside && PAIRS[before] === after ? `\n${indent}` : "";
    this.replace(start, start, deeper + rest);
    this.field.setSelectionRange(start + deeper.length, start + deeper.length);
  }

  /** Replaces a part of the text so that undo knows of it. */
  replace(start, end, text) {
    this.field.focus();
    this.field.setSelectionRange(start, end);
    // The one way to write into a field that keeps its undo history; setRangeText where it is missing.
    if (document.execCommand(text ? "insertText" : "delete", false, text)) return;
    this.field.setRangeText(text, start, end, "end");
    this.field.dispatchEvent(new Event("input"));
  }

  open() {
    const where = this.situation();
    this.options = fitting(this.suggest(where), where);
    const isDone = this.options.length === 1 && this.options[0].insert === where.typed;
    if (!this.options.length || isDone) return this.close();
    this.list.replaceChildren(...this.options.map(({ label, about }, index) =>
      element("li", { role: "option", id: `${this.name}-option-${index}`, "aria-selected": "false" }, element("span", {}, label), element("small", {}, about))));
    this.list.hidden = false;
    this.place(where.start);
    return this.choose(0);
  }

  /** Below the line, at the column; measured on the painted copy. */
  place(offset) {
    const before = this.text.slice(0, offset).split("\n");
    const [row, sheet] = [this.gutter.children[before.length - 1].getBoundingClientRect(), this.sheet.getBoundingClientRect()];
    const range = document.createRange();
    range.selectNodeContents(this.paint);
    const wide = row.width + before.at(-1).length * this.characterWidth() - this.sheet.scrollLeft;
    this.list.style.top = `${row.bottom - sheet.top}px`;
    this.list.style.left = `${Math.max(0, Math.min(wide, sheet.width - this.list.offsetWidth))}px`;
  }

  characterWidth() {
    const context = document.createElement("canvas").getContext("2d");
    context.font = getComputedStyle(this.field).font;
    return context.measureText("0").width;
  }

  choose(index) {
    this.chosen = (index + this.options.length) % this.options.length;
    [...this.list.children].forEach((item, at) => item.setAttribute("aria-selected", String(at === this.chosen)));
    const item = this.list.children[this.chosen];
    item.scrollIntoView({ block: "nearest" });
    this.field.setAttribute("aria-activedescendant", item.id);
    const { label, about } = this.options[this.chosen];
    this.told.textContent = `${label}${about ? `, ${about}` : ""}, ${this.chosen + 1} of ${this.options.length}`;
  }

  close() {
    this.list.hidden = true;
    this.field.removeAttribute("aria-activedescendant");
    this.told.textContent = "";
  }

  clicked(event) {
    event.preventDefault();
    const item = event.target.closest("[role=option]");
    if (item) this.accept(this.options[[...this.list.children].indexOf(item)]);
  }

  accept({ insert, opening }) {
    const { start, end } = this.situation();
    const after = this.text.slice(end);
    const comma = /^\s*"/.test(after) ? "," : "";
    const whole = opening && !/^\s*:/.test(after) ? `${insert}: ${opening}${comma}` : insert;
    this.replace(start, end, whole.replace("▮", ""));
    const caret = start + (whole.includes("▮") ? whole.indexOf("▮") : whole.length);
    this.field.setSelectionRange(caret, caret);
    this.close();
    if (whole.includes("▮")) this.open();
  }
}

const bounds = ({ start, end }) => ({ start, end: Math.max(end, start + 1) });

/** A line in colour: its tokens, cut where marks begin and end; then what the marks say. */
function painted({ line, start, marks, here }) {
  const tokens = [...line.matchAll(PAINTED)].map((found) => {
    const [whole, string, colon] = found;
    const kind = string ? (colon === undefined ? "text" : "key") : /^[{}[\],:]/.test(whole) ? "" : "scalar";
    return { from: found.index, to: found.index + (string ?? whole).length, kind };
  });
  const edges = [0, line.length, ...tokens.flatMap(({ from, to }) => [from, to]), ...marks.flatMap((mark) => [mark.start - start, mark.end - start])];
  const cuts = [...new Set(edges.filter((at) => at >= 0 && at <= line.length))].sort((a, b) => a - b);
  const parts = cuts.slice(1).map((to, index) => {
    const from = cuts[index];
    const token = tokens.find((each) => each.from <= from && to <= each.to);
    const marked = marks.filter((mark) => mark.start - start <= from && to <= mark.end - start).map(({ kind }) => kind);
    const names = [token?.kind, marked.includes("error") ? "error" : marked[0]].filter(Boolean).join(" ");
    return names ? element("span", { class: names }, line.slice(from, to)) : line.slice(from, to);
  });
  const said = here[0] && element("span", { class: `said ${here[0].kind}` }, here[0].message);
  return said ? [...parts, said] : parts;
}
