// What the service answered, shown.

import { element, fill, icon, visible } from "./dom.js";

const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;
const marked = (kind, name, text) => element("span", { class: `mark ${kind}` }, icon(name), text);

/** The one line that says how things stand; an action may follow. */
export function verdict(kind, name, title, detail = "", ...actions) {
  const box = document.getElementById("verdict");
  if (box.textContent === title + detail && !actions.length) return;
  box.className = `notice ${kind}`;
  box.replaceChildren(icon(name), element("div", { class: "stack" }, element("p", {}, element("strong", {}, title), ` ${detail}`), ...actions));
}

/** The clauses: in words while there is no exception, red and green with the actual value once there is one. */
export function clauses(review, judged) {
  const told = review?.valid ? review.clauses : [];
  fill("words", told.length ? `Applies when ${listed(told.map(({ text }) => text))}.` : "");
  fill("clauses", ...told.map((clause, index) => entry(clause.text, judged?.reasons[index], clause.indexed)));
  const held = judged?.reasons.filter(({ satisfied }) => satisfied).length;
  fill("tally", judged ? `${held} of ${told.length} hold` : plural(told.length, "clause"));
  fill("normalized", JSON.stringify(review?.normalized, null, 2) ?? "");
  fill("seen", judged ? JSON.stringify(judged.context, null, 2) : "");
  visible("seen-details", judged);
}

const listed = (words) => (words.length > 1 ? `${words.slice(0, -1).join(", ")}, and ${words.at(-1)}` : words[0]);

function entry(text, reason, indexed = true) {
  const state = reason && (reason.satisfied ? marked("good", "check", "Holds") : marked("failed", "cross", "Fails"));
  const slow = indexed ? "" : element("span", { class: "muted small" }, "Evaluated one by one: the index cannot help.");
  return element("li", {}, state ?? marked("", "info", "Untried"), element("div", {}, element("p", {}, text), ...(reason ? [actual(reason)] : []), slow));
}

function actual({ text, path, actual: value }) {
  const failure = text.match(/\((evaluation failed.*)\)$/)?.[1];
  const shown = path === null ? Object.entries(value ?? {}).map((pair) => pair.map(short).join(": ")).join(", ") : short(value);
  return element("p", { class: "small muted" }, failure ?? "Actual: ", failure ? "" : element("code", {}, shown || "nothing"));
}

const short = (value) => (typeof value === "string" ? value : JSON.stringify(typeof value === "number" ? Math.round(value * 100) / 100 : value));

/** What the stored playbooks would be chosen as, and where the draft would stand among them. */
export function choice(found, draft) {
  visible("choice", found);
  if (!found) return;
  const rivals = found.ranked.filter(({ playbook_id }) => playbook_id !== draft.revises);
  const ahead = rivals.filter(({ priority }) => priority > draft.priority).length;
  const own = { name: "This draft", priority: draft.priority, own: true };
  const ranking = draft.matches ? rivals.toSpliced(ahead, 0, own) : rivals;
  fill("considered", `${plural(found.candidates, "published playbook")} considered, ${found.matched} match`);
  fill("place", place(rivals, ahead, draft));
  fill("ranking", ...ranking.slice(0, Math.max(5, draft.matches ? ahead + 1 : 0)).map(ranked));
  fill("reasoning", found.reasoning);
  const near = found.near_misses.filter(({ playbook_id }) => playbook_id !== draft.revises);
  visible("near", near.length);
  fill("near-misses", ...near.map(({ name, version, failed }) => entry(`${name} v${version}: ${failed.text}`, failed)));
  fill("tags", `Policy tags: ${found.policy_tags.join(", ") || "none"}. ${found.valid_until ? `The choice holds until ${found.valid_until}.` : ""}`);
}

function place(rivals, ahead, { matches, priority }) {
  const [first] = rivals;
  if (!matches) return first ? `${first.name} wins.` : "No playbook would be chosen.";
  if (!first) return "Published now, this draft would win: no other playbook matches.";
  if (ahead) return `Published now, this draft would come ${ahead + 1}.: ${first.name} wins by its priority, ${first.priority} against ${priority}.`;
  const by = first.priority === priority ? `as high a priority as ${first.name}, ${priority}, and the newer one goes first` : `its priority ${priority} is above the ${first.priority} of ${first.name}`;
  return `Published now, this draft would win: ${by}.`;
}

function ranked({ name, version, priority, own, reasons = [] }) {
  const title = element("div", { class: "row spread" }, element("strong", {}, own ? name : `${name} v${version}`), element("span", { class: "small muted number" }, `priority ${priority}`));
  const why = element("details", {}, element("summary", {}, "Why it matches"), element("ul", { class: "clauses" }, ...reasons.map((reason) => entry(reason.text.replace(/ \((it|there).*\)$/, ""), reason))));
  return element("li", own ? { class: "own", "aria-current": "true" } : {}, title, ...(own ? [] : [why]));
}
