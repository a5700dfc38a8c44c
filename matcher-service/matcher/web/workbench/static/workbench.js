// The workbench: two editors, and the service's verdict on them as they change.

import { explain, Problem } from "/assets/sentinai.js";
import { forCondition, forException } from "./complete.js";
import { element, fill, visible } from "./dom.js";
import { Editor } from "./editor.js";
import { format, parse } from "./json.js";
import * as results from "./results.js";
import { ask, call } from "./service.js";

const TYPING_PAUSE = 250;
const RETRY_PAUSE = 5000;
const asOf = document.getElementById("as-of");
const draftKey = `workbench:${document.getElementById("workbench").dataset.owner}`;
let [revised, vocabulary, ready, timer, running] = [];

const condition = new Editor(
  "condition",
  (context) => (vocabulary ? forCondition(vocabulary, context) : []),
  changed,
);
const exception = new Editor(
  "exception",
  (context) => (vocabulary ? forException(vocabulary, context) : []),
  changed,
);

function changed() {
  const draft = { condition: condition.text, exception: exception.text, revises: revised };
  localStorage.setItem(draftKey, JSON.stringify(draft));
  running?.abort();
  schedule(check, TYPING_PAUSE);
}

function schedule(task, pause) {
  clearTimeout(timer);
  timer = setTimeout(task, pause);
}

/** Checks both editors; the first time, also loads the vocabulary and the lists. */
async function check() {
  clearTimeout(timer);
  running = new AbortController();
  const { signal } = running;
  visible("busy", true);
  try {
    await (ready ??= prepare());
    const texts = [condition, exception].map(({ parsed, text }) => parsed.root && text);
    const answer = await ask(...texts, asOf.value && `${asOf.value}Z`, signal);
    if (!signal.aborted) show(answer);
  } catch (error) {
    if (!vocabulary) ready = undefined;
    if (!signal.aborted) showFailure(error);
  }
  if (!signal.aborted) visible("busy", false);
}

const ofKind = (kind, findings = []) => findings.map((finding) => ({ ...finding, kind }));
const syntaxErrors = ({ parsed: { error } }) => error && ofKind("error", [error]);

function show({ review, evaluation, choice, refused }) {
  const warnings = review?.warnings.filter((warning) => !isAboutRevised(warning));
  condition.show(syntaxErrors(condition) ?? [...ofKind("error", review?.errors), ...ofKind("warning", warnings)]);
  exception.show(syntaxErrors(exception) ?? ofKind("error", refused));
  showWarnings(condition.located.filter(({ kind }) => kind === "warning"));
  results.clauses(review, evaluation);
  results.choice(choice, {
    matches: evaluation?.matches,
    priority: condition.parsed.value?.priority ?? 0,
    revises: revised?.playbook_id,
  });
  const errors = condition.located.filter(({ kind }) => kind === "error");
  results.verdict(...verdictOn(errors.length, evaluation));
}

function showWarnings(warnings) {
  fill("warnings", ...warnings.map((warning) => condition.entry(warning)));
  visible("warnings-card", warnings.length);
}

/** A new version of a playbook may well equal the version that it replaces. */
const isAboutRevised = ({ playbook }) => Boolean(revised) && playbook === revised.name;

/** The name of the verdict, and its details. */
function verdictOn(errors, evaluation) {
  if (condition.parsed.blank) return ["blank"];
  if (errors) return ["invalid", errors === 1 ? "one error" : `${errors} errors`];
  if (!evaluation) return [exception.parsed.blank ? "untested" : "unreadable"];
  if (evaluation.error) return ["raises", evaluation.error.message];
  if (evaluation.matches) return ["matches"];
  const failing = evaluation.reasons.filter(({ satisfied }) => !satisfied).length;
  return ["fails", `${failing} of ${evaluation.reasons.length} clauses ${failing === 1 ? "does" : "do"} not hold`];
}

function showFailure(error) {
  const isRefusal = error instanceof Problem && error.status < 500;
  for (const region of ["review", "choice", "warnings-card"]) visible(region, false);
  if (isRefusal && error.status !== 401) {
    results.verdict("refused", explain(error));
  } else {
    results.verdict(isRefusal ? "expired" : "offline");
    schedule(check, RETRY_PAUSE);
  }
}

async function prepare() {
  const { completion, examples, playbooks, samples } = await call("/workbench/material");
  vocabulary = completion;
  const startingPoints = [
    ...examples.map(({ name, conditions }) => ["Examples", name, () => revise(undefined, pretty(conditions))]),
    ...playbooks.map((each) => ["Published playbooks", `${each.name} v${each.version}`, () => startFrom(each)]),
  ];
  const useSample = (sample) => {
    exception.text = pretty(sample.exception);
  };
  offer("start", startingPoints);
  offer(
    "sample",
    samples.map((sample) => ["", sample.name, () => useSample(sample)]),
  );
  if (!exception.text) useSample(samples[0]);
}

async function startFrom({ playbook_id: id }) {
  const { conditions, ...playbook } = await call(`/workbench/playbooks/${id}`);
  revise(playbook, pretty(conditions));
}

/** Fills a menu with `[group, label, action]` entries: choosing one runs its action and resets the menu. */
function offer(id, entries) {
  const select = document.getElementById(id);
  const groups = Map.groupBy(entries, ([group]) => group);
  for (const [label, members] of groups) {
    const options = members.map((entry) => element("option", { value: entries.indexOf(entry) }, entry[1]));
    select.append(...(label ? [element("optgroup", { label }, ...options)] : options));
  }
  select.addEventListener("change", () => {
    const [, , action] = entries[select.value];
    select.value = "";
    Promise.resolve(action()).catch(showFailure);
  });
}

function pretty(value) {
  const text = JSON.stringify(value);
  return format(text, parse(text).root);
}

/** From now on, the draft is the next version of a playbook, or a new playbook if none is given. */
function revise(playbook, text = condition.text) {
  revised = playbook;
  visible("revising", playbook);
  fill("revised", playbook ? `${playbook.name} v${playbook.version}` : "");
  condition.text = text;
}

document.getElementById("as-new").addEventListener("click", () => revise());
document.getElementById("retry").addEventListener("click", check);
asOf.addEventListener("input", changed);

const saved = JSON.parse(localStorage.getItem(draftKey) ?? "{}");
exception.text = saved.exception ?? "";
revise(saved.revises, saved.condition ?? "");
