// A JSON editor: a text field over a coloured copy of its text, with line numbers, findings and completion.

import { contextAt, matching } from "./complete.js";
import { element } from "./dom.js";
import { format, parse, rangeOf } from "./json.js";

// With more lines than this, browsers take seconds to insert a text as if it were typed.
const MAX_INSERTED_LINES = 60;
const TOKENS = /("(?:[^"\\\n]|\\.)*"?)(?=(\s*:)?)|-?\d[\d.eE+-]*|true|false|null/g;

export class Editor {
  options = [];
  findings = [];
  undone = null;

  /** `suggest` returns the options in a context; `changed` is called at every change. */
  constructor(name, suggest, changed) {
    const part = (suffix) => document.getElementById(`${name}-${suffix}`);
    Object.assign(this, { name, suggest, changed, field: document.getElementById(name) });
    for (const each of ["lines", "paint", "marks", "options", "announcement", "problems", "sheet"])
      this[`${each}Part`] = part(each);
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
    const { root } = this.parsed;
    if (root) this.replace(0, this.text.length, format(this.text, root));
    this.field.focus();
    this.sheetPart.scrollTo(0, 0);
  }

  /** Marks findings (`{kind, message, hint}` with `pointer`, or `start` and `end`) in the text; lists errors. */
  show(findings) {
    this.findings = findings;
    this.refresh();
    const errors = this.located.filter(({ kind }) => kind === "error");
    this.field.setAttribute("aria-invalid", String(errors.length > 0));
    this.problemsPart.replaceChildren(...errors.map((found) => this.entry(found)));
  }

  /** A finding as a list item, with a button that selects its range. */
  entry({ kind, message, hint = "", start, end }) {
    const [line] = this.at(start);
    const link = element("button", { type: "button", class: "button quiet" }, `Line ${line + 1}`);
    link.addEventListener("click", () => {
      this.field.focus();
      this.field.setSelectionRange(start, end);
      this.linesPart.children[line].scrollIntoView({ block: "nearest" });
    });
    return element(
      "li",
      { class: kind },
      link,
      element("p", {}, message, element("span", { class: "muted" }, ` ${hint}`)),
    );
  }

  /** The line and the column of an offset, both from 0. */
  at(offset) {
    const before = this.text.slice(0, offset).split("\n");
    return [before.length - 1, before.at(-1).length];
  }

  /** Redraws the text; findings with a pointer move with the value they are about. */
  refresh() {
    this.parsed = parse(this.text);
    const { nodes } = this.parsed;
    const shown = this.findings.filter(({ pointer }) => pointer === undefined || nodes);
    this.located = shown.map((found) =>
      found.pointer === undefined ? found : { ...found, ...rangeOf(nodes, found) },
    );
    const lines = this.text.split("\n");
    const kinds = lines.map(() => "");
    for (const { kind, start } of this.located) kinds[this.at(start)[0]] ||= kind;
    this.linesPart.replaceChildren(
      ...kinds.map((kind, index) => element("li", kind ? { class: kind } : {}, String(index + 1))),
    );
    this.paintPart.replaceChildren(...coloured(this.text), "\n");
    this.marksPart.replaceChildren(...this.located.flatMap((found) => this.marked(found, lines)));
  }

  /** A wavy line under a finding's range, and its message after the line. */
  marked({ kind, message, start, end }, lines) {
    const [line, column] = this.at(start);
    const { length } = lines[line];
    const wave = " ".repeat(Math.min(end - start, length - column) || 1);
    return [
      ["wave", wave, column],
      ["inline-message", message, length + 2],
    ].map(([what, text, at]) => {
      const mark = element("li", { class: `${what} ${kind}` }, text);
      mark.style.translate = `${at}ch ${line * 1.5}rem`;
      return mark;
    });
  }

  get context() {
    return contextAt(this.text, this.field.selectionStart);
  }

  typed(how) {
    this.findings = this.findings.filter(({ pointer }) => pointer !== undefined);
    this.refresh();
    this.changed();
    const goesOn = how === "insertText" || (how.startsWith("delete") && !this.optionsPart.hidden);
    if (goesOn && this.context.typed) this.open();
    else this.close();
  }

  pressed(event) {
    const command = this.optionsPart.hidden ? this.editingCommand(event) : this.completionCommand(event);
    if (!command) {
      if (/^(Arrow|Home|End|Page)/.test(event.key)) this.close();
      return;
    }
    command();
    event.preventDefault();
  }

  /** What a key does while the suggestions are open. */
  completionCommand(event) {
    const accept = () => this.accept(this.options[this.chosen]);
    const commands = {
      ArrowDown: () => this.choose(this.chosen + 1),
      ArrowUp: () => this.choose(this.chosen - 1),
      Enter: accept,
      Tab: accept,
      Escape: () => this.close(),
    };
    return commands[event.key] ?? this.editingCommand(event);
  }

  /** What a key does otherwise; undefined for keys that the browser handles. */
  editingCommand({ key, ctrlKey, metaKey, isComposing }) {
    if (key === " " && ctrlKey) return () => this.open();
    if (key === "Enter" && !ctrlKey && !isComposing) return () => this.newLine();
    if (key === "z" && (ctrlKey || metaKey) && this.text === this.undone?.by) return () => this.undo();
    return undefined;
  }

  undo() {
    this.text = this.undone.text;
  }

  /** A new line keeps the indentation, and is indented further after an opening bracket. */
  newLine() {
    const { selectionStart: start, selectionEnd: end } = this.field;
    const line = this.text.slice(0, start).split("\n").at(-1);
    const indent = line.match(/^ */)[0];
    const deeper = `\n${indent}${/[[{]$/.test(line) ? "  " : ""}`;
    const rest = deeper.length > indent.length + 1 && "]}".includes(this.text[end]) ? `\n${indent}` : "";
    this.replace(start, end, deeper + rest, deeper.length);
  }

  /** Replaces a part of the text so that it can be undone; the caret goes to offset `caret` of the new text. */
  replace(start, end, text, caret = text.length) {
    const before = this.text;
    this.field.focus();
    this.field.setSelectionRange(start, end);
    this.isWriting = true;
    if (text.split("\n").length > MAX_INSERTED_LINES) {
      this.field.setRangeText(text);
      this.undone = { text: before, by: this.text };
    } else {
      // Deprecated, but the only way to write into a field that keeps its undo history.
      document.execCommand(text ? "insertText" : "delete", false, text);
    }
    this.isWriting = false;
    this.field.setSelectionRange(start + caret, start + caret);
    this.typed("insertText");
  }

  open() {
    const context = this.context;
    this.options = matching(this.suggest(context), context);
    if (!this.options.length || this.options[0].insert === context.typed) return this.close();
    this.optionsPart.replaceChildren(
      ...this.options.map(({ label, about }, index) =>
        element("li", { role: "option", id: `${this.name}-option-${index}` }, label, element("small", {}, about)),
      ),
    );
    const [line, column] = this.at(context.start);
    this.optionsPart.style.top = `calc(${(line + 1) * 1.5 + 0.5}rem - ${this.sheetPart.scrollTop}px)`;
    const left = `3.75rem + ${column}ch - ${this.sheetPart.scrollLeft}px`;
    this.optionsPart.style.left = `clamp(0px, ${left}, 100% - 18rem)`;
    this.optionsPart.hidden = false;
    return this.choose(0);
  }

  choose(index) {
    this.chosen = (index + this.options.length) % this.options.length;
    const items = [...this.optionsPart.children];
    items.forEach((item, at) => item.setAttribute("aria-selected", String(at === this.chosen)));
    items[this.chosen].scrollIntoView({ block: "nearest" });
    this.field.setAttribute("aria-activedescendant", items[this.chosen].id);
    this.announcementPart.textContent = `${items[this.chosen].innerText}, ${this.chosen + 1} of ${items.length}`;
  }

  close() {
    this.optionsPart.hidden = true;
    this.field.removeAttribute("aria-activedescendant");
    this.announcementPart.textContent = "";
  }

  clicked(event) {
    event.preventDefault();
    const index = [...this.optionsPart.children].indexOf(event.target.closest("li"));
    if (index >= 0) this.accept(this.options[index]);
  }

  accept({ insert, opening }) {
    const { start, end } = this.context;
    const after = this.text.slice(end);
    const comma = /^\s*"/.test(after) ? "," : "";
    const whole = opening && !/^\s*:/.test(after) ? `${insert}: ${opening}${comma}` : insert;
    const caret = whole.indexOf("▮");
    this.replace(start, end, whole.replace("▮", ""), caret < 0 ? whole.length : caret);
    if (caret < 0) this.close();
    else this.open();
  }
}

function coloured(text) {
  let end = 0;
  const parts = [...text.matchAll(TOKENS)].flatMap(({ 0: token, 1: string, 2: colon, index }) => {
    const before = text.slice(end, index);
    end = index + token.length;
    return [before, element("span", { class: string ? (colon ? "key" : "text") : "scalar" }, token)];
  });
  return [...parts, text.slice(end)];
}
