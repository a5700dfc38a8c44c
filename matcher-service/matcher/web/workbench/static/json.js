// JSON as it is being typed: where everything in it stands, and what is wrong with it, in words.

const SPACE = /[ \t\r\n]*/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])|(?:true|false|null)(?!\w)/y;
const WORD = /"[^\n]*|[^\s{}[\],:"]+/y;
const MAX_DEPTH = 60;
const SHORT = 76;
const AT_KEYS = ["unknown_field", "unknown_predicate", "root_predicates", "operator_not_allowed"];

class Misread extends Error {}

class Reader {
  at = 0;
  places = new Map();

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
    throw Object.assign(new Misread(), { message, start, end, hint });
  }

  value(pointer, depth, key) {
    const sign = this.next();
    const node = { pointer, key, start: this.at };
    if (depth > MAX_DEPTH) this.refuse("This is nested too deep.", this.at);
    if (sign === "{" || sign === "[") node.items = this.items(sign === "{" ? "}" : "]", pointer, depth + 1);
    else if (!this.take(STRING) && !this.take(SCALAR)) this.noValue();
    node.end = this.at;
    this.places.set(pointer, node);
    return node;
  }

  noValue() {
    const start = this.at;
    const word = this.take(WORD);
    if (!word) this.refuse("A value is missing here.", Math.min(start, this.last));
    if (word[0] === '"') this.refuse("This text does not end, or has a character that must be escaped.", start, 'It ends with "; escapes are \\" and \\\\.');
    this.refuse(`${word} is no value.`, start, `A text stands in double quotes: "${word.replaceAll("'", "")}".`);
  }

  items(close, pointer, depth) {
    const items = [];
    const names = new Set();
    this.at += 1;
    while (this.next() !== close) {
      if (items.length) this.comma(items.at(-1), close);
      const key = close === "}" ? this.key(names) : { name: String(items.length) };
      items.push(this.value(`${pointer}/${key.name.replaceAll("~", "~0").replaceAll("/", "~1")}`, depth, key));
    }
    this.at += 1;
    return items;
  }

  comma({ start, end }, close) {
    const comma = this.at;
    if (this.text[comma] !== ",") this.refuse(`A comma or ${close} is missing after this.`, start, "", end);
    this.at += 1;
    if (this.next() === close) this.refuse("This comma is one too many.", comma, "", comma + 1);
  }

  key(names) {
    this.next();
    const start = Math.min(this.at, this.last);
    const written = this.take(STRING);
    if (this.text[start] === '"' && !written) this.noValue();
    if (!written) this.refuse(`A key in double quotes${this.at > this.last ? ", or }," : ""} is missing here.`, start, "", start + (this.take(WORD).length || 1));
    const key = { name: JSON.parse(written), start, end: this.at };
    if (names.has(key.name)) this.refuse("This key stands here twice.", start);
    names.add(key.name);
    if (this.next() !== ":") this.refuse("A colon and a value are missing after this.", start, "", key.end);
    this.at += 1;
    return key;
  }
}

/**
 * Reads a text: `{root, value, places}` of one that is JSON, its nodes by JSON pointer; `{wrong}` of one that is
 * not, with `{message, hint, start, end}`; `{blank}` of an empty one.
 */
export function read(text) {
  if (!text.trim()) return { blank: true };
  const reader = new Reader(text);
  try {
    const root = reader.value("", 0);
    if (reader.next()) reader.refuse("There is more after the end.", reader.at, "", text.length);
    return { root, places: reader.places, value: JSON.parse(text) };
  } catch (wrong) {
    if (wrong instanceof Misread) return { wrong };
    throw wrong;
  }
}

/** Where a finding belongs: its key or its value; for what is missing, the nearest thing around it. */
export function placeOf(places, { pointer, code }) {
  while (!places.has(pointer)) pointer = pointer.slice(0, pointer.lastIndexOf("/"));
  const { key, items, ...place } = places.get(pointer);
  const { start, end } = key?.end && (items || AT_KEYS.includes(code)) ? key : place;
  return { start, end: items && end === place.end ? start + 1 : end };
}

/** A text written anew: short things on one line, the rest indented. Every scalar stays as it was typed. */
export function format(text, node, indent = "") {
  if (!node.items) return text.slice(node.start, node.end);
  const [opens, closes] = [text[node.start], text[node.end - 1]];
  const written = (item, deeper) => (item.key.end ? `${JSON.stringify(item.key.name)}: ` : "") + format(text, item, deeper);
  const line = opens + node.items.map((item) => written(item)).join(", ") + closes;
  if (!node.items.length || indent === undefined) return line;
  if (node.pointer.split("/").length > 2 && indent.length + line.length <= SHORT) return line;
  const inner = `${indent}  `;
  return `${opens}\n${node.items.map((item) => inner + written(item, inner)).join(",\n")}\n${indent}${closes}`;
}
