// Completion: what can be written at the caret, from the vocabulary that the service supplies.

const TOKEN = /"(?:[^"\\\n]|\\.)*"?|[{}[\],:]|[^\s{}[\],:"]+/g;
const CLOSED = /^"(?:[^"\\\n]|\\.)+"$|^""$/;
const REST = /[\w.*? -]*"/y;
const PATH_OPERATORS = ["var", "missing", "missing_some"];

/** What the caret is in: a key or a value, under which keys, and what is typed of it, from `start` to `end`. */
export function contextAt(text, caret) {
  const frames = [{ expects: "value" }];
  let [start, typed] = [caret, ""];
  for (const { 0: token, index } of text.slice(0, caret).matchAll(TOKEN)) {
    const isOpen = index + token.length === caret && !"{}[],:".includes(token) && !CLOSED.test(token);
    if (isOpen) [start, typed] = [index, token];
    else (PUNCTUATION[token] ?? scalar)(frames, token);
  }
  const { expects: role, path, bracket, taken = [] } = frames.at(-1);
  REST.lastIndex = caret;
  const rest = typed.startsWith('"') ? (REST.exec(text)?.[0].length ?? 0) : 0;
  const keys = frames.map(({ key }) => key).filter(Boolean);
  return { role, keys, typed, start, end: caret + rest, path, inList: bracket === "[", taken };
}

const PUNCTUATION = {
  "{": (frames, bracket) => frames.push({ bracket, expects: "key", taken: [] }),
  "[": (frames, bracket) => frames.push({ bracket, expects: "value", isPath: frames.at(-1).key === "var" }),
  "}": close,
  "]": close,
  ",": (frames) => {
    const top = frames.at(-1);
    Object.assign(top, top.bracket === "{" ? { expects: "key", key: "" } : { expects: "value" });
  },
  ":": (frames) => {
    frames.at(-1).expects = "value";
  },
};

function close(frames) {
  const { path } = frames.at(-1);
  if (frames.length > 1) frames.pop();
  const top = frames.at(-1);
  Object.assign(top, { path: path ?? top.path, expects: "" });
}

function scalar(frames, token) {
  const top = frames.at(-1);
  if (top.expects === "key") top.taken.push((top.key = token.slice(1, -1)));
  else if (top.key === "var" || top.isPath) top.path ??= token.slice(1, -1);
  top.expects = "";
}

const keyOptions = (options) => options.map((option) => ({ ...option, insert: JSON.stringify(option.label) }));
const pathOf = (options, name) => options.find(({ label }) => label === name)?.path;

function valueOptions(values = []) {
  return values.map((value) => ({ label: String(value), about: "", insert: JSON.stringify(value) }));
}

/** The options in a conditions document. */
export function forCondition(vocabulary, context) {
  const [first, second] = context.keys;
  if (context.role === "key")
    return keyOptions(vocabulary[second === "sla_window" ? second : (first ?? "root")] ?? []);
  if (first === "match" && second) return predicateValues(vocabulary, context, second);
  if (first === "logic") return ruleValues(vocabulary, context);
  return first ? [] : [{ label: "match", about: vocabulary.root[0].about, insert: '{"match": {▮}}' }];
}

function predicateValues(vocabulary, { inList, typed }, name) {
  const predicate = vocabulary.match.find(({ label }) => label === name);
  const options = valueOptions(vocabulary.values[predicate?.path]);
  if (!predicate?.list || inList || typed) return options;
  return options.map((option) => ({ ...option, insert: `[${option.insert}]` }));
}

function ruleValues(vocabulary, { keys, path, typed }) {
  if (PATH_OPERATORS.includes(keys.at(-1))) return keyOptions(vocabulary.paths);
  const options = valueOptions(vocabulary.values[path]);
  return typed ? options : [...options, { label: "var", about: "the value at a path", insert: '{"var": "▮"}' }];
}

/** The options in an exception. */
export function forException(vocabulary, { role, keys }) {
  const options = vocabulary[keys[0] === "normalized_context" ? "normalized_context" : "exception"];
  return role === "key" ? keyOptions(options) : valueOptions(vocabulary.values[pathOf(options, keys.at(-1))]);
}

/** The options that match what is typed: first those that start with it, then those that contain it. */
export function matching(options, { role, typed, taken }) {
  const wanted = typed.replaceAll('"', "").toLowerCase();
  const found = options.map((option) => [option.label.toLowerCase().indexOf(wanted), option]);
  const left = found.filter(([index, { label }]) => index >= 0 && !(role === "key" && taken.includes(label)));
  return left
    .sort(([a], [b]) => Math.sign(a) - Math.sign(b))
    .slice(0, 40)
    .map(([, option]) => option);
}
