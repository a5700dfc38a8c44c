// One exception: acting on its playbook, and seeing what others do as it happens.

import { call, explain, Problem, tick, toast } from "/assets/sentinai.js";

const page = document.getElementById("exception");
const id = encodeURIComponent(page.dataset.exceptionId);
const api = `/api/exceptions/${id}`;
const actor = { actor_type: page.dataset.actorType, actor_id: page.dataset.actorId };
const stale = document.getElementById("stale");
let lastSeq = Number(page.dataset.lastSeq);
let show = "";

/** Brings a region up to date, without losing what a person is typing or where they are. */
async function reload(region) {
  const response = await fetch(`/console/exceptions/${id}/${region}`);
  if (!response.ok || response.redirected) return;
  const element = document.getElementById(region);
  const focused = element.contains(document.activeElement) ? focusKey(document.activeElement) : null;
  const typed = new Map([...element.querySelectorAll("textarea, input")].map((field) => [field.id, field.value]));
  const step = element.querySelector(".act")?.dataset.step;
  const open = [...element.querySelectorAll("details")].map((details) => details.open);
  element.innerHTML = await response.text();
  if (step === element.querySelector(".act")?.dataset.step) {
    for (const field of element.querySelectorAll("textarea, input")) field.value = typed.get(field.id) ?? "";
    if (region === "panel") element.querySelectorAll("details").forEach((details, index) => { details.open = open[index] ?? false; });
  }
  if (focused) element.querySelector(focused)?.focus();
  tick();
}

function focusKey(element) {
  if (element.id) return `#${CSS.escape(element.id)}`;
  if (element.dataset.do) return `[data-do="${element.dataset.do}"]`;
  return element.dataset.kind === undefined ? null : `[data-kind="${element.dataset.kind}"]`;
}

async function reloadAll() {
  await Promise.all(["facts", "panel", "timeline"].map(reload));
  filterEvents();
  const newest = document.querySelector(".event[data-seq]");
  for (const event of document.querySelectorAll(".event[data-seq]")) {
    event.classList.toggle("arrived", Number(event.dataset.seq) > lastSeq);
  }
  if (newest) lastSeq = Math.max(lastSeq, Number(newest.dataset.seq));
}

function refuse(text) {
  const refusal = document.getElementById("refusal");
  refusal.querySelector("p").textContent = text;
  refusal.hidden = false;
  refusal.scrollIntoView({ block: "nearest" });
}

/** Does something once, shows what came of it, and explains a refusal. */
async function act(work, told) {
  if (page.getAttribute("aria-busy") === "true") return;
  page.setAttribute("aria-busy", "true");
  try {
    const answer = await work();
    await reloadAll();
    toast(told(answer));
  } catch (error) {
    const isNews = error instanceof Problem && error.status === 409;
    if (isNews) await reloadAll();
    refuse(isNews ? `${explain(error)} The page now shows where it stands.` : explain(error));
  } finally {
    page.removeAttribute("aria-busy");
  }
}

function finish(form, how, body, told) {
  const step = form.dataset.step;
  const guard = { playbook_id: Number(form.dataset.playbookId) };
  return act(
    () => call("POST", `${api}/playbook/steps/${step}/${how}`, { ...actor, ...guard, ...body }),
    (answer) => {
      if (answer.outcome !== "already_completed") return told;
      const done = answer.steps.find((each) => String(each.step_order) === step);
      return `Step ${step} was done already, by ${done.actor_id}. Nothing was done twice.`;
    },
  );
}

/** Opens a dialog; resolves to its field's text, or to null when it is left. */
function ask(name) {
  const dialog = document.getElementById(`${name}-dialog`);
  const field = dialog.querySelector("textarea");
  field.value = "";
  dialog.showModal();
  field.focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === name ? field.value.trim() : null), { once: true });
  });
}

const doing = {
  complete: (form) => {
    const notes = form.elements.notes.value.trim();
    finish(form, "complete", notes ? { notes } : {}, `Step ${form.dataset.step} is completed.`);
  },
  attest: async (form) => {
    const notes = await ask("attest");
    if (notes) finish(form, "complete", { mode: "attest", notes }, `Step ${form.dataset.step} is recorded as done elsewhere.`);
  },
  skip: async (form) => {
    const reason = await ask("skip");
    if (reason) finish(form, "skip", { reason }, `Step ${form.dataset.step} is skipped.`);
  },
  recalculate: () => recalculate({}),
  switch: () => recalculate({ switch: true }),
};

function recalculate(body) {
  return act(
    () => call("POST", `${api}/playbook/recalculate`, body),
    (answer) => {
      if (answer.changed) return answer.playbook_name ? `${answer.playbook_name} is recommended now.` : "The recommendation was withdrawn.";
      return answer.better_match ? `${answer.better_match.name} would be chosen now; the playbook in progress stays.` : "Nothing changed: the recommendation still holds.";
    },
  );
}

page.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (button && button.type !== "submit") doing[button.dataset.do](button.closest("form"));
  const filter = event.target.closest("button[data-kind]");
  if (filter) {
    show = filter.dataset.kind;
    filterEvents();
  }
});

page.addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.target.id === "comment") {
    const text = event.target.elements.text.value.trim();
    event.target.reset();
    if (text) act(() => call("POST", `${api}/comments`, { text }), () => "The comment is added.");
  } else {
    doing.complete(event.target);
  }
});

function filterEvents() {
  const list = document.querySelector(".events");
  if (show) list.dataset.show = show;
  else delete list.dataset.show;
  for (const button of document.querySelectorAll("button[data-kind]")) {
    button.setAttribute("aria-pressed", String(button.dataset.kind === show));
  }
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Waits for what others do, for as long as the page is open. */
async function follow() {
  for (;;) {
    const started = Date.now();
    try {
      const news = await call("GET", `${api}/events?after_seq=${lastSeq}&wait=20`);
      stale.hidden = true;
      if (news.items.length) {
        const mine = page.getAttribute("aria-busy") === "true";
        if (!mine) await reloadAll();
      }
    } catch {
      stale.hidden = false;
      await pause(3000);
    }
    await pause(Math.max(0, 1500 - (Date.now() - started)));
  }
}

follow();
