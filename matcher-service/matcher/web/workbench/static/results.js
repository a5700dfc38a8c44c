// Shows what the service answered.

import { copy, fill, visible } from "./dom.js";

const SHOWN_PLAYBOOKS = 5;
const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

/** Shows one of the page's verdicts, with its details. */
export function verdict(state, details = "") {
  for (const notice of document.getElementById("verdict").children) {
    const isShown = notice.dataset.state === state;
    const target = notice.querySelector("[data-details]");
    if (target && isShown) target.textContent = details;
    notice.hidden = !isShown;
  }
}

/** The clauses of valid conditions; evaluated, each with its result and the value that it read. */
export function clauses(review, evaluation) {
  const valid = review?.valid ? review.clauses : [];
  visible("review", valid.length);
  const held = evaluation?.reasons.filter(({ satisfied }) => satisfied).length;
  const holding = `${held} of ${valid.length} ${held === 1 ? "holds" : "hold"}`;
  fill("clause-count", evaluation ? holding : plural(valid.length, "clause"));
  fill("summary", new Intl.ListFormat("en").format(valid.map(({ text }) => text)));
  fill("clauses", ...valid.map(({ text, indexed }, index) => clause(text, evaluation?.reasons[index], indexed)));
  fill("normalized", JSON.stringify(review?.normalized, null, 2) ?? "");
  fill("context", JSON.stringify(evaluation?.context, null, 2) ?? "");
  visible("context-details", evaluation);
}

function clause(text, reason, indexed = true) {
  const item = copy(reason ? `clause-${reason.satisfied}` : "clause");
  const [condition, observed, slow] = item.querySelectorAll("p");
  condition.textContent = text;
  observed.textContent = reason ? describeObserved(reason) : "";
  slow.hidden = indexed;
  return item;
}

function describeObserved({ error, observed }) {
  if (error) return `Evaluation failed: ${error}`;
  return observed === null ? "" : `Actual: ${observed}`;
}

const isBlocked = ({ policy }) => policy?.verdict === "blocked";

/** The published playbooks that match the exception, and where the draft would rank among them. */
export function choice(answer, draft) {
  visible("choice", answer);
  if (!answer) return;
  const others = (playbooks) => playbooks.filter(({ playbook_id: id }) => id !== draft.revises);
  const rivals = others(answer.ranked);
  const allowed = others(answer.ranked.filter((each) => !isBlocked(each)).concat(answer.selected ?? []));
  const ahead = rivals.filter(({ priority }) => priority > draft.priority).length;
  const ranking = draft.matches ? rivals.toSpliced(ahead, 0, { ...draft, isDraft: true }) : rivals;
  const nearMisses = others(answer.near_misses);
  const shown = Math.max(SHOWN_PLAYBOOKS, draft.matches ? ahead + 1 : 0);
  fill("considered", `${plural(answer.candidates, "published playbook")} considered, ${answer.matched} matching`);
  fill("outcome", outcome(allowed[0], draft));
  fill("ranking", ...ranking.slice(0, shown).map(ranked));
  fill("reasoning", answer.reasoning);
  visible("near-misses-section", nearMisses.length);
  fill("near-misses", ...nearMisses.map(nearMiss));
  fill("tags", answer.policy_tags.join(", ") || "none");
  fill("until", answer.valid_until ?? "a playbook, a pack or the exception changes");
}

function nearMiss({ name, version, failed }) {
  return clause(`${name} v${version}: ${failed.condition}`, failed);
}

/** `first` is the best of the published playbooks that policy allows. */
function outcome(first, { matches, priority }) {
  if (!matches) return `Without this draft, ${first ? `${first.name} wins` : "no playbook is chosen"}.`;
  if (!first) return "If published now, this draft would win: no other playbook that policy allows matches.";
  const position = first.priority > priority ? "rank below" : "win over";
  const isTie = first.priority === priority;
  const why = isTie
    ? "with equal priorities, the newer one wins"
    : `priority ${priority} against ${first.priority}`;
  return `If published now, this draft would ${position} ${first.name}: ${why}.`;
}

function ranked(playbook) {
  const { name, version, priority, isDraft, reasons = [] } = playbook;
  const item = copy(isDraft ? "ranked-draft" : "ranked");
  item.querySelector("[data-priority]").textContent = priority;
  if (isDraft) return item;
  const why = isBlocked(playbook) ? playbook.policy.reasons.map(({ text }) => text) : [];
  item.querySelector("[data-blocked]").hidden = !why.length;
  item.querySelector("[data-why]").textContent = why.join("; ");
  item.querySelector("strong").textContent = `${name} v${version}`;
  item.querySelector("ul").append(...reasons.map((reason) => clause(reason.condition, reason)));
  return item;
}
