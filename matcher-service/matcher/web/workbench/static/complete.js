// What could be written at the caret, of what the service says can be written at all.

const TOKEN = /"(?:[^"\\\n]|\\.)*"?|[{}[\],:]|[^\s{}[\],:"]+/g;
const CLOSED = /^"(?:[^"\\\n]|\\.)+"$|^""$/;
const REST = /[\w.*? -]*"/y;

/** Where the caret stands: a key or a value, below which keys, and what is typed of it, from `start` to `end`. */
export function situation(text, caret) {
  const frames = [{ expects: "value" }];
  let [start, typed] = [caret, ""];
  for (const { 0: token, index } of text.slice(0, caret).matchAll(TOKEN)) {
    const isOpen = index + token.length === caret && !"{}[],:".includes(token) && !CLOSED.test(token);
    if (isOpen) [start, typed] = [index, token];
    else step(frames, token);
  }
  const { expects: role, path, sign, taken = [] } = frames.at(-1);
  REST.lastIndex = caret;
  const rest = typed.startsWith('"') ? REST.exec(text)?.[0].length ?? 0 : 0;
  return { role, keys: frames.map(({ key }) => key).filter(Boolean), typed, start, end: caret + rest, path, inList: sign === "[", taken };
}

function step(frames, token) {
  const top = frames.at(-1);
  if (token === "{") frames.push({ sign: token, expects: "key", taken: [] });
  else if (token === "[") frames.push({ sign: token, expects: "value", reads: top.key === "var" });
  else if ("}]".includes(token)) {
    if (frames.length > 1) frames.pop();
    frames.at(-1).path = top.path ?? frames.at(-1).path;
    frames.at(-1).expects = "";
  } else if (token === ",") Object.assign(top, top.sign === "{" ? { expects: "key", key: "" } : { expects: "value" });
  else if (token === ":") top.expects = "value";
  else {
    if (top.expects === "key") top.taken.push((top.key = token.slice(1, -1)));
    else if (top.key === "var" || top.reads) top.path ??= token.slice(1, -1);
    top.expects = "";
  }
}

const keys = (options) => options.map((option) => ({ ...option, insert: JSON.stringify(option.label) }));
const values = (known = []) => known.map((value) => ({ label: String(value), about: "", insert: JSON.stringify(value) }));
const pathOf = (options, name) => options.find(({ label }) => label === name)?.path;

/** What fits into a conditions document. */
export function forCondition(known, where) {
  const [first, second] = where.keys;
  if (where.role === "key") return keys(known[second === "sla_window" ? second : first ?? "root"] ?? []);
  if (first === "match" && second) {
    const predicate = known.match.find(({ label }) => label === second);
    const found = values(known.values[predicate?.path]);
    return predicate?.list && !where.inList && !where.typed ? found.map((each) => ({ ...each, insert: `[${each.insert}]` })) : found;
  }
  if (first !== "logic") return first ? [] : [{ label: "match", about: known.root[0].about, insert: '{"match": {▮}}' }];
  if (["var", "missing", "missing_some"].includes(where.keys.at(-1))) return keys(known.paths);
  const read = { label: "var", about: "the value at a path", insert: '{"var": "▮"}' };
  return [...values(known.values[where.path]), ...(where.typed ? [] : [read])];
}

/** What fits into an exception. */
export function forException(known, where) {
  const options = known[where.keys[0] === "normalized_context" ? "normalized_context" : "exception"];
  return where.role === "key" ? keys(options) : values(known.values[pathOf(options, where.keys.at(-1))]);
}

/** Those that go on from what is typed: the ones that begin with it, then the ones that contain it. */
export function fitting(options, { role, typed, taken }) {
  const wanted = typed.replaceAll('"', "").toLowerCase();
  const places = options.map((option) => [option.label.toLowerCase().indexOf(wanted), option]);
  const left = places.filter(([at, { label }]) => at >= 0 && !(role === "key" && taken.includes(label)));
  return left.sort(([a], [b]) => Math.sign(a) - Math.sign(b)).slice(0, 40).map(([, option]) => option);
}
