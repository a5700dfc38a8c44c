// A JSON editor: a text field over its own coloured copy, with line numbers, marks at their place, and suggestions.

import { fitting, situation } from "./complete.js";
import { element } from "./dom.js";
import { format, placeOf, read } from "./json.js";

// With more lines than this the browser takes seconds to write a text as if it were typed.
const MOST_TYPED = 60;
const PAINTED = /("(?:[^"\\\n]|\\.)*"?)(?=(\s*:)?)|-?\d[\d.eE+-]*|true|false|null/g;

export class Editor {
  options = [];
  findings = [];
  undone = null;

  /** `suggest` answers the options for a situation; `changed` hears of every change. */
  constructor(name, suggest, changed) {
    const part = (suffix) => document.getElementById(`${name}-${suffix}`);
    Object.assign(this, { name, suggest, changed, field: document.getElementById(name) });
    for (const each of ["lines", "paint", "marks", "options", "told", "problems", "sheet"]) this[`${each}Part`] = part(each);
    this.field.addEventListener("input", (event) => this.isWriting || this.typed(event.inputType ?? ""));
    this.field.addEventListener("keydown", (event) => this.pressed(event));
    for (const leaving of ["blur", "click"]) this.field.addEventListener(leaving, () => this.close());
    this.optionsPart.addEventListener("mousedown", (event) => this.clicked(event));
    part("format").addEventListener("click", () => this.format());
    this.refresh();
  }

  get text() {
    return this.field.value;
  }

  set text(text) {
    this.field.value = text;
    this.sheetPart.scrollTo(0, 0);
    this.show([]);
    this.changed();
  }

  format() {
    if (this.reading.root) this.replace(0, this.text.length, format(this.text, this.reading.root));
    this.field.focus();
    this.sheetPart.scrollTo(0, 0);
  }

  /** Shows findings (`{kind, message, hint}` with `pointer`, or `start` and `end`) in place, and errors as a list. */
  show(findings) {
    this.findings = findings;
    this.refresh();
    const errors = this.located.filter(({ kind }) => kind === "error");
    this.field.setAttribute("aria-invalid", String(errors.length > 0));
    this.problemsPart.replaceChildren(...errors.map((found) => this.entry(found)));
  }

  /** A finding as an entry of a list; its button leads to its place. */
  entry({ kind, message, hint = "", start, end }) {
    const [line] = this.at(start);
    const go = element("button", { type: "button", class: "button quiet" }, `Line ${line + 1}`);
    go.addEventListener("click", () => {
      this.field.focus();
      this.field.setSelectionRange(start, end);
      this.linesPart.children[line].scrollIntoView({ block: "nearest" });
    });
    return element("li", { class: kind }, go, element("p", {}, message, element("span", { class: "muted" }, ` ${hint}`)));
  }

  /** The line and the column of an offset, both from 0. */
  at(offset) {
    const before = this.text.slice(0, offset).split("\n");
    return [before.length - 1, before.at(-1).length];
  }

  /** Paints the text as it stands now; findings with a pointer move along with what they are about. */
  refresh() {
    this.reading = read(this.text);
    const { places } = this.reading;
    const shown = this.findings.filter(({ pointer }) => pointer === undefined || places);
    this.located = shown.map((found) => (found.pointer === undefined ? found : { ...found, ...placeOf(places, found) }));
    const lines = this.text.split("\n");
    const kinds = lines.map(() => "");
    for (const { kind, start } of this.located) kinds[this.at(start)[0]] ||= kind;
    this.linesPart.replaceChildren(...kinds.map((kind, index) => element("li", kind ? { class: kind } : {}, String(index + 1))));
    this.paintPart.replaceChildren(...painted(this.text), "\n");
    this.marksPart.replaceChildren(...this.located.flatMap((found) => this.marked(found, lines)));
  }

  /** A wave below a finding's place, and what it says after the line. */
  marked({ kind, message, start, end }, lines) {
    const [line, column] = this.at(start);
    const { length } = lines[line];
    const wave = " ".repeat(Math.min(end - start, length - column) || 1);
    return [["wave", wave, column], ["said", message, length + 2]].map(([what, text, at]) => {
      const mark = element("li", { class: `${what} ${kind}` }, text);
      mark.style.translate = `${at}ch ${line * 1.5}rem`;
      return mark;
    });
  }

  get situation() {
    return situation(this.text, this.field.selectionStart);
  }

  typed(how) {
    this.findings = this.findings.filter(({ pointer }) => pointer !== undefined);
    this.refresh();
    this.changed();
    const goesOn = how === "insertText" || (how.startsWith("delete") && !this.optionsPart.hidden);
    if (goesOn && this.situation.typed) this.open();
    else this.close();
  }

  pressed(event) {
    const { key } = event;
    const isOpen = !this.optionsPart.hidden;
    const turn = { ArrowDown: 1, ArrowUp: -1 }[key];
    if (key === " " && event.ctrlKey) this.open();
    else if (isOpen && turn) this.choose(this.chosen + turn);
    else if (isOpen && (key === "Enter" || key === "Tab")) this.accept(this.options[this.chosen]);
    else if (isOpen && key === "Escape") this.close();
    else if (key === "Enter" && !event.ctrlKey && !event.isComposing) this.newLine();
    else if (key === "z" && (event.ctrlKey || event.metaKey) && this.text === this.undone?.by) this.text = this.undone.text;
    else {
      if (/^(Arrow|Home|End|Page)/.test(key)) this.close();
      return;
    }
    event.preventDefault();
  }

  /** A new line keeps the indentation, and goes deeper after an opening bracket. */
  newLine() {
    const { selectionStart: start, selectionEnd: end } = this.field;
    const line = this.text.slice(0, start).split("\n").at(-1);
    const indent = line.match(/^ */)[0];
    const deeper = `\n${indent}${/[[{]$/.test(line) ? "  " : ""}`;
    const rest = deeper.length > indent.length + 1 && "]}".includes(this.text[end]) ? `\n${indent}` : "";
    this.replace(start, end, deeper + rest, deeper.length);
  }

  /** Replaces a part of the text so that undo knows of it; the caret goes `caret` into what is written. */
  replace(start, end, text, caret = text.length) {
    const before = this.text;
    this.field.focus();
    this.field.setSelectionRange(start, end);
    this.isWriting = true;
    if (text.split("\n").length > MOST_TYPED) {
      this.field.setRangeText(text);
      this.undone = { text: before, by: this.text };
    } else {
      // The one way to write into a field that keeps its undo history, for all that it is called outdated.
      document.execCommand(text ? "insertText" : "delete", false, text);
    }
    this.isWriting = false;
    this.field.setSelectionRange(start + caret, start + caret);
    this.typed("insertText");
  }

  open() {
    const where = this.situation;
    this.options = fitting(this.suggest(where), where);
    if (!this.options.length || this.options[0].insert === where.typed) return this.close();
    this.optionsPart.replaceChildren(...this.options.map(({ label, about }, index) =>
      element("li", { role: "option", id: `${this.name}-option-${index}` }, label, element("small", {}, about))));
    const [line, column] = this.at(where.start);
    this.optionsPart.style.top = `calc(${(line + 1) * 1.5 + 0.5}rem - ${this.sheetPart.scrollTop}px)`;
    this.optionsPart.style.left = `clamp(0px, 3.75rem + ${column}ch - ${this.sheetPart.scrollLeft}px, 100% - 18rem)`;
    this.optionsPart.hidden = false;
    return this.choose(0);
  }

  choose(index) {
    this.chosen = (index + this.options.length) % this.options.length;
    const items = [...this.optionsPart.children];
    items.forEach((item, at) => item.setAttribute("aria-selected", String(at === this.chosen)));
    items[this.chosen].scrollIntoView({ block: "nearest" });
    this.field.setAttribute("aria-activedescendant", items[this.chosen].id);
    this.toldPart.textContent = `${items[this.chosen].innerText}, ${this.chosen + 1} of ${items.length}`;
  }

  close() {
    this.optionsPart.hidden = true;
    this.field.removeAttribute("aria-activedescendant");
    this.toldPart.textContent = "";
  }

  clicked(event) {
    event.preventDefault();
    const index = [...this.optionsPart.children].indexOf(event.target.closest("li"));
    if (index >= 0) this.accept(this.options[index]);
  }

  accept({ insert, opening }) {
    const { start, end } = this.situation;
    const after = this.text.slice(end);
    const comma = /^\s*"/.test(after) ? "," : "";
    const whole = opening && !/^\s*:/.test(after) ? `${insert}: ${opening}${comma}` : insert;
    const caret = whole.indexOf("▮");
    this.replace(start, end, whole.replace("▮", ""), caret < 0 ? whole.length : caret);
    if (caret < 0) this.close();
    else this.open();
  }
}

function painted(text) {
  let at = 0;
  const parts = [...text.matchAll(PAINTED)].flatMap(({ 0: token, 1: string, 2: colon, index }) => {
    const before = text.slice(at, index);
    at = index + token.length;
    return [before, element("span", { class: string ? (colon ? "key" : "text") : "scalar" }, token)];
  });
  return [...parts, text.slice(at)];
}
