// A JSON parser for text being typed: the position of every value, and readable errors.

const SPACE = /[ \t\r\n]*/y;
const STRING = /"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])|(?:true|false|null)(?!\w)/y;
const WORD = /"[^\n]*|[^\s{}[\],:"]+/y;
const MAX_DEPTH = 60;
const MAX_WIDTH = 76;
const KEY_FINDINGS = ["unknown_field", "unknown_predicate", "root_predicates", "operator_not_allowed"];

class SyntaxProblem extends Error {}

/** The JSON pointer (RFC 6901) of a member or an item. */
const child = (pointer, name) => `${pointer}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
const parent = (pointer) => pointer.slice(0, pointer.lastIndexOf("/"));
const unquoted = (word) => word.replaceAll("'", "");

class Reader {
  at = 0;
  nodes = new Map();

  constructor(text) {
    this.text = text;
    this.last = text.trimEnd().length - 1;
  }

  take(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? "";
    this.at += found.length;
    return found;
  }

  next() {
    this.take(SPACE);
    return this.text[this.at];
  }

  refuse(message, start, hint = "", end = Math.max(this.at, start + 1)) {
    throw Object.assign(new SyntaxProblem(), { message, start, end, hint });
  }

  value(pointer, depth, key) {
    const first = this.next();
    const node = { pointer, key, start: this.at };
    if (depth > MAX_DEPTH) this.refuse("This is nested too deeply.", this.at);
    if (first === "{" || first === "[") node.items = this.items(first === "{" ? "}" : "]", pointer, depth + 1);
    else if (!this.take(STRING) && !this.take(SCALAR)) this.noValue();
    node.end = this.at;
    this.nodes.set(pointer, node);
    return node;
  }

  noValue() {
    const start = this.at;
    const word = this.take(WORD);
    if (!word) this.refuse("A value is missing here.", Math.min(start, this.last));
    if (word[0] !== '"')
      this.refuse(`${word} is not a value.`, start, `Put text in double quotes: "${unquoted(word)}".`);
    const message = "This string is not closed, or contains a character that must be escaped.";
    this.refuse(message, start, 'Close it with "; write a quotation mark as \\" and a backslash as \\\\.');
  }

  items(close, pointer, depth) {
    const items = [];
    const names = new Set();
    this.at += 1;
    while (this.next() !== close) {
      if (items.length) this.comma(items.at(-1), close);
      const key = close === "}" ? this.key(names) : { name: String(items.length) };
      items.push(this.value(child(pointer, key.name), depth, key));
    }
    this.at += 1;
    return items;
  }

  comma({ start, end }, close) {
    const comma = this.at;
    if (this.text[comma] !== ",") this.refuse(`A comma or ${close} is missing after this.`, start, "", end);
    this.at += 1;
    if (this.next() === close) this.refuse("Nothing follows this comma: remove it.", comma, "", comma + 1);
  }

  key(names) {
    this.next();
    const start = Math.min(this.at, this.last);
    const written = this.take(STRING);
    if (this.text[start] === '"' && !written) this.noValue();
    if (!written) {
      const expected = this.at > this.last ? "A key in double quotes, or }," : "A key in double quotes";
      this.refuse(`${expected} is missing here.`, start, "", start + (this.take(WORD).length || 1));
    }
    const key = { name: JSON.parse(written), start, end: this.at };
    if (names.has(key.name)) this.refuse("This key is used twice.", start);
    names.add(key.name);
    if (this.next() !== ":") this.refuse("A colon and a value are missing after this.", start, "", key.end);
    this.at += 1;
    return key;
  }
}

/**
 * Parses a text. Returns `{root, value, nodes}` for JSON, with its nodes by JSON pointer; `{blank}` for an empty
 * text; otherwise `{error}` with `{message, hint, start, end}`.
 */
export function parse(text) {
  if (!text.trim()) return { blank: true };
  const reader = new Reader(text);
  try {
    const root = reader.value("", 0);
    if (reader.next()) reader.refuse("Unexpected text after the end of the document.", reader.at, "", text.length);
    return { root, nodes: reader.nodes, value: JSON.parse(text) };
  } catch (error) {
    if (!(error instanceof SyntaxProblem)) throw error;
    return { error };
  }
}

/** The range of a finding: its key or its value, or the nearest enclosing value if it is about a missing one. */
export function rangeOf(nodes, { pointer, code }) {
  let nearest = pointer;
  while (!nodes.has(nearest)) nearest = parent(nearest);
  const { key, items, ...value } = nodes.get(nearest);
  const { start, end } = key?.end && (items || KEY_FINDINGS.includes(code)) ? key : value;
  return { start, end: items && end === value.end ? start + 1 : end };
}

/** The text reformatted: short values on one line, others indented. Scalars stay as they were typed. */
export function format(text, node, indent = "") {
  if (!node.items) return text.slice(node.start, node.end);
  const [opens, closes] = [text[node.start], text[node.end - 1]];
  const formatted = (item, deeper) => {
    const value = format(text, item, deeper);
    return item.key.end ? `${JSON.stringify(item.key.name)}: ${value}` : value;
  };
  const line = opens + node.items.map((item) => formatted(item)).join(", ") + closes;
  if (!node.items.length || indent === undefined) return line;
  if (node.pointer.split("/").length > 2 && indent.length + line.length <= MAX_WIDTH) return line;
  const inner = `${indent}  `;
  return `${opens}\n${node.items.map((item) => inner + formatted(item, inner)).join(",\n")}\n${indent}${closes}`;
}
