// One exception: acting on its playbook, and seeing what others do as it happens.

import { call, explain, Problem, toast } from "/assets/sentinai.js";
import { renew, say } from "/console/assets/live.js";

const page = document.getElementById("exception");
const id = encodeURIComponent(page.dataset.exceptionId);
const api = `/api/exceptions/${id}`;
const regions = document.getElementById("regions");
let show = "";

/** Shows where the exception stands now. Whether that could be found out. */
async function look() {
  const [seen, who] = [lastSeq(), regions.dataset.actorId];
  const went = await renew("regions", location.pathname, (fresh) => Number(fresh.dataset.lastSeq) < lastSeq());
  if (regions.dataset.actorId !== who) location.reload();
  filterEvents();
  for (const event of document.querySelectorAll(".event")) {
    event.classList.toggle("arrived", Number(event.dataset.seq) > seen);
  }
  return went;
}

const lastSeq = () => Number(regions.dataset.lastSeq);
const actor = () => ({ actor_type: regions.dataset.actorType, actor_id: regions.dataset.actorId });

function refuse(text) {
  const refusal = document.getElementById("refusal");
  refusal.querySelector("p").textContent = text;
  refusal.hidden = false;
  refusal.scrollIntoView({ block: "nearest" });
}

/** Where the keyboard goes on when the button that was pressed is no longer there. */
const next = () => document.querySelector('[aria-current="step"]') ?? document.getElementById("panel-title");

/** Does something once, shows what came of it, and explains a refusal. */
async function act(work, told) {
  if (page.getAttribute("aria-busy") === "true") return;
  page.setAttribute("aria-busy", "true");
  document.getElementById("refusal").hidden = true;
  try {
    const answer = await work();
    await look();
    toast(told(answer));
    if (document.activeElement === document.body) next()?.focus({ preventScroll: true });
  } catch (error) {
    const isNews = error instanceof Problem && error.status === 409 && (await look());
    refuse(isNews ? `${explain(error)} The page now shows where it stands.` : explain(error));
  } finally {
    page.removeAttribute("aria-busy");
  }
}

function finish(form, how, body, told) {
  const step = form.dataset.step;
  const guard = { playbook_id: Number(form.dataset.playbookId) };
  return act(
    () => call("POST", `${api}/playbook/steps/${step}/${how}`, { ...actor(), ...guard, ...body }),
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
    if (text) act(() => call("POST", `${api}/comments`, { text }), () => {
      event.target.reset();
      return "The comment is added.";
    });
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

/** Waits for what others do, for as long as somebody looks. Without an answer it asks again a little later. */
async function follow() {
  let wasLost = false;
  for (;;) {
    await seen();
    const started = Date.now();
    try {
      const news = await call("GET", `${api}/events?after_seq=${lastSeq()}&wait=20`);
      if (wasLost || news.items.some(({ seq }) => seq > lastSeq())) wasLost = !(await look());
    } catch (error) {
      say(error instanceof Problem && error.status === 401 ? "over" : "away");
      wasLost = true;
      await pause(3000);
    }
    await pause(Math.max(0, 1500 - (Date.now() - started)));
  }
}

/** Resolves as soon as the page is in sight. */
const seen = () => new Promise((resolve) => {
  if (!document.hidden) resolve();
  else document.addEventListener("visibilitychange", resolve, { once: true });
});

follow();
