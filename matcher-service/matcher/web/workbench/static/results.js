// What the service answered, shown.

import { copy, fill, visible } from "./dom.js";

const plural = (count, one) => `${count} ${one}${count === 1 ? "" : "s"}`;

/** Shows the one of the page's verdicts that holds, with what it says in particular. */
export function verdict(state, said = "") {
  for (const each of document.getElementById("verdict").children) {
    const place = each.querySelector("[data-said]");
    if (place && each.dataset.state === state) place.textContent = said;
    each.hidden = each.dataset.state !== state;
  }
}

/** The clauses: in words while there is no exception, red and green with the actual value once there is one. */
export function clauses(review, judged) {
  const told = review?.valid ? review.clauses : [];
  visible("reading", told.length);
  const held = judged?.reasons.filter(({ satisfied }) => satisfied).length;
  fill("tally", judged ? `${held} of ${told.length} hold` : plural(told.length, "clause"));
  fill("words", new Intl.ListFormat("en").format(told.map(({ text }) => text)));
  fill("clauses", ...told.map(({ text, indexed }, index) => clause(text, judged?.reasons[index], indexed)));
  fill("normalized", JSON.stringify(review?.normalized, null, 2) ?? "");
  fill("seen", JSON.stringify(judged?.context, null, 2) ?? "");
  visible("seen-details", judged);
  return told.length - held;
}

/** A clause with what was found, which the reason's own text adds to it. */
function clause(text, reason, indexed = true) {
  const made = copy(reason ? `clause-${reason.satisfied}` : "clause");
  const [said, found, slow] = made.querySelectorAll("p");
  said.textContent = text;
  found.textContent = reason?.text.slice(text.length).replace(/^ \((.*)\)$/s, "$1") ?? "";
  slow.hidden = indexed;
  return made;
}

/** Which of the published playbooks fit the exception, and where the draft would stand among them. */
export function choice(found, draft) {
  visible("choice", found);
  if (!found) return;
  const others = (list) => list.filter(({ playbook_id }) => playbook_id !== draft.revises);
  const rivals = others(found.ranked);
  const ahead = rivals.filter(({ priority }) => priority > draft.priority).length;
  const ranking = draft.matches ? rivals.toSpliced(ahead, 0, { ...draft, own: true }) : rivals;
  const near = others(found.near_misses);
  fill("considered", `${plural(found.candidates, "published playbook")}, ${found.matched} matching`);
  fill("place", place(rivals, ahead, draft));
  fill("ranking", ...ranking.slice(0, Math.max(5, draft.matches ? ahead + 1 : 0)).map(ranked));
  fill("reasoning", found.reasoning);
  visible("near", near.length);
  fill("near-misses", ...near.map(({ name, version, failed }) => clause(`${name} v${version}: ${failed.text}`, failed)));
  fill("tags", found.policy_tags.join(", ") || "none");
  fill("until", found.valid_until ?? "a playbook, a pack or the exception changes");
}

function place([first], ahead, { matches, priority }) {
  if (!matches) return `Without this draft, ${first ? `${first.name} wins` : "no playbook would be chosen"}.`;
  const why = !first ? "no other playbook matches" : first.priority === priority ? "of two with the same priority, the newer wins" : `priority ${priority} against ${first.priority}`;
  return `Published now, this draft would ${ahead ? `come after ${first.name}` : first ? `win over ${first.name}` : "win"}: ${why}.`;
}

function ranked({ name, version, priority, own, reasons = [] }) {
  const made = copy(own ? "ranked-own" : "ranked");
  made.querySelector("[data-priority]").textContent = priority;
  if (own) return made;
  made.querySelector("strong").textContent = `${name} v${version}`;
  made.querySelector("ul").append(...reasons.map((reason) => clause(reason.text, reason)));
  return made;
}
