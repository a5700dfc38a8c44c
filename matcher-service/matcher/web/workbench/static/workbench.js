// The workbench: two editors, and what the service says of them as they change.

import { explain, Problem } from "/assets/sentinai.js";
import { forCondition, forException } from "./complete.js";
import { element, fill, visible } from "./dom.js";
import { Editor } from "./editor.js";
import { format, read } from "./json.js";
import * as results from "./results.js";
import { ask, call } from "./service.js";

const PAUSE = 250;
const RETRY = 5000;
const asOf = document.getElementById("as-of");
const draft = `workbench:${document.getElementById("workbench").dataset.owner}`;
let [revises, known, ready, timer, running] = [];

const condition = new Editor("condition", (where) => (known ? forCondition(known, where) : []), changed);
const exception = new Editor("exception", (where) => (known ? forException(known, where) : []), changed);

function changed() {
  localStorage.setItem(draft, JSON.stringify({ condition: condition.text, exception: exception.text, revises }));
  running?.abort();
  later(begin, PAUSE);
}

function later(act, pause) {
  clearTimeout(timer);
  timer = setTimeout(act, pause);
}

/** Fetches once what completion and the lists need; then checks what stands in the editors. */
async function begin() {
  clearTimeout(timer);
  running = new AbortController();
  const { signal } = running;
  visible("busy", true);
  try {
    await (ready ??= prepare());
    const texts = [condition, exception].map(({ reading, text }) => reading.root && text);
    const answer = await ask(...texts, asOf.value && `${asOf.value}Z`, signal);
    if (!signal.aborted) show(answer);
  } catch (error) {
    if (!known) ready = undefined;
    if (!signal.aborted) failed(error);
  }
  if (!signal.aborted) visible("busy", false);
}

function show({ review, judged, choice, refused = [] }) {
  const as = (kind, found = []) => found.map((each) => ({ ...each, kind }));
  const misread = ({ reading: { wrong } }) => wrong && as("error", [wrong]);
  condition.show(misread(condition) ?? [...as("error", review?.errors), ...as("warning", review?.warnings.filter(isNews))]);
  exception.show(misread(exception) ?? as("error", refused));
  const [errors, warnings] = ["error", "warning"].map((wanted) => condition.located.filter(({ kind }) => kind === wanted));
  fill("warnings", ...warnings.map((each) => condition.entry(each)));
  visible("warnings-card", warnings.length);
  const failing = results.clauses(review, judged);
  results.choice(choice, { matches: judged?.matches, priority: condition.reading.value?.priority ?? 0, revises: revises?.playbook_id });
  if (condition.reading.blank) results.verdict("blank");
  else if (errors.length) results.verdict("invalid", errors.length === 1 ? "one error" : `${errors.length} errors`);
  else if (!judged) results.verdict(exception.reading.blank ? "untried" : "unread");
  else if (judged.error) results.verdict("raises", judged.error.message);
  else results.verdict(judged.matches ? "matches" : "fails", `${failing} of ${judged.reasons.length} clauses ${failing === 1 ? "does" : "do"} not hold`);
}

/** A new version of a playbook may well say the same as the version it replaces. */
const isNews = ({ code, message }) => !(revises && ["duplicate", "never_chosen"].includes(code) && message.startsWith(revises.name));

function failed(error) {
  const isRefusal = error instanceof Problem && error.status < 500;
  for (const region of ["reading", "choice", "warnings-card"]) visible(region, false);
  if (isRefusal && error.status !== 401) results.verdict("refused", explain(error));
  else {
    results.verdict(isRefusal ? "over" : "away");
    later(begin, RETRY);
  }
}

async function prepare() {
  const { completion, examples, playbooks, samples } = await call("/workbench/material");
  known = completion;
  const group = (label, options) => element("optgroup", { label }, ...options.map(([value, text]) => element("option", { value }, text)));
  offer("start", [group("Examples", examples.map(({ name }, index) => [`e${index}`, name])), group("Published playbooks", playbooks.map((each) => [each.playbook_id, `${each.name} v${each.version}`]))], start);
  offer("sample", samples.map(({ name }, index) => element("option", { value: index }, name)), (index) => { exception.text = pretty(samples[index].exception); });
  if (!exception.text) exception.text = pretty(samples[0].exception);

  async function start(value) {
    const example = examples[value.slice(1)];
    if (value[0] === "e") return revise(undefined, pretty(example.conditions));
    const { conditions, ...playbook } = await call(`/workbench/playbooks/${value}`);
    return revise(playbook, pretty(conditions));
  }
}

/** A list of things to take: what is chosen is done, and the list stands ready again. */
function offer(id, options, act) {
  const select = document.getElementById(id);
  select.append(...options);
  select.addEventListener("change", () => {
    Promise.resolve(act(select.value)).catch(failed);
    select.value = "";
  });
}

function pretty(value) {
  const text = JSON.stringify(value);
  return format(text, read(text).root);
}

/** From here on the draft is the next version of a playbook, or of none. */
function revise(playbook, text = condition.text) {
  revises = playbook;
  visible("revising", playbook);
  fill("revised", playbook ? `${playbook.name} v${playbook.version}` : "");
  condition.text = text;
}

document.getElementById("as-new").addEventListener("click", () => revise());
document.getElementById("again").addEventListener("click", begin);
asOf.addEventListener("input", changed);

const before = JSON.parse(localStorage.getItem(draft) ?? "{}");
exception.text = before.exception ?? "";
revise(before.revises, before.condition ?? "");
