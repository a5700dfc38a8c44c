// JSON as it is being typed: where everything in it stands, and what is wrong with it, in words.

const SPACE = /[ \t\r\n]*/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])/y;
const LITERAL = /(?:true|false|null)(?!\w)/y;
const WORD = /[^\s{}[\],:"]+/y;
const MAX_DEPTH = 64;
const SHORT = 76;

/** What is wrong with a text: from `start` to `end`. */
class Misread extends Error {
  constructor(start, end, message, hint) {
    super(message);
    Object.assign(this, { start, end, hint });
  }
}

class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  take(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  next() {
    this.take(SPACE);
    return this.text[this.at];
  }

  refuse(message, hint, start = this.at) {
    const end = Math.max(this.at, start + 1);
    throw new Misread(start, end, message, hint);
  }

  value(pointer, depth) {
    const sign = this.next();
    const start = this.at;
    if (depth > MAX_DEPTH) this.refuse(`Nested deeper than ${MAX_DEPTH}.`);
    if (sign === undefined) this.refuse("The text ends where a value should stand.", undefined, Math.max(0, start - 1));
    if (sign === "{" || sign === "[") return this.container(sign, pointer, depth);
    const kind = sign === '"' ? "text" : "scalar";
    if (sign === '"') this.string();
    else if (!this.take(NUMBER) && !this.take(LITERAL)) this.noValue(sign);
    return { kind, pointer, start, end: this.at };
  }

  noValue(sign) {
    const start = this.at;
    const word = this.take(WORD);
    if (!word) this.refuse(sign === "," || sign === "]" || sign === "}" ? "A value is missing here." : `${sign} stands where a value should.`);
    if (word.startsWith("//") || word.startsWith("/*")) this.refuse("JSON has no comments.", "Take it out.", start);
    if (word.startsWith("'")) this.refuse("Texts stand in double quotes.", undefined, start);
    this.refuse(`${word} is no value.`, `As a text: "${word}".`, start);
  }

  string() {
    const start = this.at;
    if (this.take(STRING) !== undefined) return JSON.parse(this.text.slice(start, this.at));
    this.at += 1;
    this.take(/(?:[^"\\\n]|\\.)*/y);
    if (this.text[this.at] !== '"') this.refuse("This text is not closed.", 'End it with ".', start);
    this.at += 1;
    return this.refuse("This text has a character that JSON wants escaped.", "Such as \\n for a new line, \\\\ for a backslash.", start);
  }

  container(sign, pointer, depth) {
    const node = { kind: sign === "{" ? "object" : "list", pointer, start: this.at, items: [] };
    const close = sign === "{" ? "}" : "]";
    const names = new Set();
    this.at += 1;
    while (this.next() !== close) {
      if (node.items.length) this.comma(node.items.at(-1), close);
      const key = sign === "{" ? this.key(names) : { name: String(node.items.length) };
      const inner = `${pointer}/${key.name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
      node.items.push({ ...this.value(inner, depth + 1), key });
    }
    this.at += 1;
    node.end = this.at;
    return node;
  }

  comma(before, close) {
    const comma = this.at;
    if (this.text[comma] === undefined) this.refuse(`The text ends before ${close}.`, `Add ${close}.`, before.end - 1);
    if (this.text[comma] !== ",") {
      this.at = before.end;
      this.refuse("A comma is missing after this.", undefined, before.start);
    }
    this.at += 1;
    if (this.next() !== close) return;
    this.at = comma + 1;
    this.refuse("A comma too many.", "Take it out.", comma);
  }

  key(names) {
    const sign = this.next();
    const start = this.at;
    if (sign === undefined) this.refuse("The text ends before }.", "Add }.", Math.max(0, start - 1));
    if (sign !== '"') {
      const word = this.take(WORD);
      this.refuse("A key stands in double quotes.", word ? `Write "${word.replaceAll("'", "")}".` : undefined, start);
    }
    const key = { name: this.string(), start, end: this.at };
    if (names.has(key.name)) this.refuse("This key stands here twice.", "Keep one of them.", start);
    names.add(key.name);
    if (this.next() !== ":") {
      this.at = key.end;
      this.refuse("A colon and a value are missing after this.", undefined, start);
    }
    this.at += 1;
    return key;
  }
}

/**
 * Reads a text. Answers `{root, value, places, wrong}`: for a text that is JSON, its tree, its value, and its
 * nodes by JSON pointer; for any other, what is wrong. A blank text has neither.
 */
export function read(text) {
  if (!text.trim()) return { blank: true };
  const reader = new Reader(text);
  try {
    const root = reader.value("", 0);
    if (reader.next() !== undefined) {
      const start = reader.at;
      reader.at = text.trimEnd().length;
      reader.refuse("There is more after the end.", "One value is enough.", start);
    }
    const places = new Map();
    const walk = (node) => {
      places.set(node.pointer, node);
      node.items?.forEach(walk);
    };
    walk(root);
    return { root, places, value: JSON.parse(text) };
  } catch (wrong) {
    if (!(wrong instanceof Misread)) throw wrong;
    return { wrong };
  }
}

/** Where a finding belongs: its key or its value; for what is missing, the nearest thing around it. */
export function placeOf(places, finding) {
  const keyed = ["unknown_field", "unknown_predicate", "root_predicates", "operator_not_allowed"];
  let { pointer } = finding;
  while (!places.has(pointer)) pointer = pointer.slice(0, pointer.lastIndexOf("/"));
  const node = places.get(pointer);
  const isKey = node.key?.end && (keyed.includes(finding.code) || node.items);
  return isKey ? node.key : { start: node.start, end: node.items ? node.start + 1 : node.end };
}

/** A text written anew: short things on one line, the rest indented. Every scalar stays as it was typed. */
export function format(text, node, indent = "") {
  const written = (item, deeper) => {
    const value = deeper === undefined ? flat(item) : format(text, item, deeper);
    return item.key.end ? `${text.slice(item.key.start, item.key.end)}: ${value}` : value;
  };
  const flat = (each) => {
    if (!each.items) return text.slice(each.start, each.end);
    const inner = each.items.map((item) => written(item)).join(", ");
    return each.kind === "list" ? `[${inner}]` : `{${inner}}`;
  };
  const line = flat(node);
  const isOuter = node.pointer === "" || node.pointer === "/match" || node.pointer === "/normalized_context";
  if (!node.items?.length || (!isOuter && indent.length + line.length <= SHORT)) return line;
  const inner = node.items.map((item) => `${indent}  ${written(item, `${indent}  `)}`).join(",\n");
  return `${line[0]}\n${inner}\n${indent}${line.at(-1)}`;
}
