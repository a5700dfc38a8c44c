// The workbench: two editors, and what the service says of them as they change.

import { explain, Problem } from "/assets/sentinai.js";
import { forCondition, forException } from "./complete.js";
import { element, fill, visible } from "./dom.js";
import { Editor } from "./editor.js";
import { format, read } from "./json.js";
import * as results from "./results.js";
import { ask, get } from "./service.js";

const PAUSE = 250;
const RETRY = 5000;
const page = document.getElementById("workbench");
const asOf = document.getElementById("as-of");
const kept = `workbench:${page.dataset.tenant}:${page.dataset.subject}`;
let [revises, known, timer, running] = [];

const condition = new Editor("condition", (where) => (known ? forCondition(known, where) : []), changed);
const exception = new Editor("exception", (where) => (known ? forException(known, where) : []), changed);

function changed() {
  localStorage.setItem(kept, JSON.stringify({ condition: condition.text, exception: exception.text, revises }));
  clearTimeout(timer);
  running?.abort();
  timer = setTimeout(check, PAUSE);
}

async function check() {
  running = new AbortController();
  const { signal } = running;
  const [draft, given] = [condition.reading, exception.reading];
  document.getElementById("results").setAttribute("aria-busy", "true");
  try {
    const answer = await ask({ condition: draft.root && condition.text, exception: given.root && exception.text, asOf: asOf.value && `${asOf.value}Z` }, signal);
    if (!signal.aborted) show(draft, given, answer);
  } catch (error) {
    if (!signal.aborted) failed(error);
  }
}

function show(draft, given, { review, verdict, choice, refused }) {
  const warnings = (review?.warnings ?? []).filter(isNews).map((each) => ({ ...each, kind: "warning" }));
  condition.show(draft.wrong ? [misread(draft)] : [...(review?.errors ?? []).map((each) => ({ ...each, kind: "error" })), ...warnings]);
  exception.show(given.wrong ? [misread(given)] : refused ?? []);
  results.clauses(review, verdict);
  results.choice(choice, { matches: verdict?.matches, priority: draft.value?.priority ?? 0, revises: revises?.playbook_id });
  fill("warnings", ...condition.marks.filter(({ kind }) => kind === "warning").map((mark) => condition.problem(mark)));
  visible("warnings-card", warnings.length);
  visible("clauses-card", review?.valid);
  visible("answers", review?.valid || choice);
  say(draft, given.wrong || refused, review, verdict);
  document.getElementById("results").removeAttribute("aria-busy");
}

const misread = ({ wrong }) => ({ kind: "error", start: wrong.start, end: wrong.end, message: wrong.message, hint: wrong.hint });

/** A new version of a playbook may well say the same as the version it replaces. */
const isNews = ({ code, message }) => !(revises && ["duplicate", "shadowed"].includes(code) && message.includes(revises.name));

function say(draft, isBadException, review, verdict) {
  const errors = condition.marks.filter(({ kind }) => kind === "error").length;
  const fails = verdict?.reasons.filter(({ satisfied }) => !satisfied).length;
  if (draft.blank) results.verdict("", "empty", "No condition yet.", "Write one, or start from an example or a published playbook.");
  else if (errors) results.verdict("bad", "cross", "Not valid:", `${errors === 1 ? "one error" : `${errors} errors`}. It would not be published.`);
  else if (isBadException) results.verdict("warn", "warning", "Valid.", "The exception cannot be read, so nothing was held against it.");
  else if (!verdict) results.verdict("fine", "check", "Valid.", "Give an exception to see whether it matches.");
  else if (verdict.error) results.verdict("bad", "warning", "Valid, but it cannot be evaluated:", `${verdict.error.message}. A playbook like that does not match.`);
  else if (verdict.matches) results.verdict("fine", "check", "Valid, and it matches.", "Every clause holds.");
  else results.verdict("warn", "cross", "Valid, but no match:", `${fails} of ${review.clauses.length} ${review.clauses.length === 1 ? "clause" : "clauses"} ${fails === 1 ? "fails" : "fail"} on this exception.`);
}

function failed(error) {
  const isOver = error instanceof Problem && error.status === 401;
  const isAway = !(error instanceof Problem) || error.status >= 500;
  visible("answers", false);
  if (isOver) {
    const link = element("a", { href: `${page.dataset.console}/sign-in`, class: "button" }, "Sign in at the console");
    results.verdict("warn", "lock", "Your session is over.", "Your draft stays in this browser. Sign in, then load this page again.", link);
  } else {
    const again = element("button", { type: "button", class: "button" }, "Try again");
    again.addEventListener("click", begin);
    results.verdict("bad", "warning", isAway ? "The matcher is away." : "The matcher refused.", isAway ? "Your draft is safe; trying again in a few seconds." : explain(error), again);
    if (isAway) timer = setTimeout(begin, RETRY);
  }
}

/** Fetches what completion and the lists need, once; then checks. */
async function begin() {
  clearTimeout(timer);
  try {
    if (!known) await prepare();
  } catch (error) {
    return failed(error);
  }
  return check();
}

async function prepare() {
  const material = await get("/workbench/material");
  known = material.completion;
  const start = document.getElementById("start");
  const groups = [["Examples", material.examples, ({ name }) => name], ["Published playbooks", material.playbooks, ({ name, version }) => `${name} v${version}`]];
  for (const [label, items, text] of groups) {
    if (items.length) start.append(element("optgroup", { label }, ...items.map((each, index) => element("option", { value: each.playbook_id ?? `example ${index}` }, text(each)))));
  }
  const sample = document.getElementById("sample");
  sample.append(...material.samples.map(({ name }, index) => element("option", { value: index }, name)));
  const take = (index) => { exception.text = pretty(material.samples[index].exception); };
  chosen(sample, take);
  chosen(start, async (value) => {
    const example = material.examples[value.split(" ")[1]];
    const source = example ?? (await get(`/workbench/playbooks/${value}`).catch(failed));
    if (source) revise(example ? undefined : source, pretty(source.conditions));
  });
  if (!exception.text) take(0);
}

/** What is chosen of a list is done, and the list stands ready again. */
function chosen(select, act) {
  select.addEventListener("change", () => {
    if (select.value) act(select.value);
    select.value = "";
  });
}

function pretty(value) {
  const text = JSON.stringify(value);
  return format(text, read(text).root).replace(/^\{"/, '{"');
}

/** From here on the draft is a new version of a playbook, or of none. */
function revise(playbook, text = condition.text) {
  revises = playbook && { playbook_id: playbook.playbook_id, name: playbook.name, version: playbook.version };
  visible("revising", revises);
  if (revises) document.querySelector("#revising span").textContent = `The next version of ${revises.name} v${revises.version}`;
  condition.text = text;
}

document.querySelector("#revising button").addEventListener("click", () => revise());
asOf.addEventListener("input", changed);
document.getElementById("as-of-now").addEventListener("click", () => {
  asOf.value = "";
  changed();
});

const before = JSON.parse(localStorage.getItem(kept) ?? "{}");
exception.text = before.exception ?? "";
revise(before.revises, before.condition ?? "");
begin();
