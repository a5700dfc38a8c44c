// One exception: acting on its playbook, and seeing what others do as it happens.

import { call, explain, toast } from "/assets/sentinai.js";
import { renew, say } from "/console/assets/live.js";

const page = document.getElementById("exception");
const id = encodeURIComponent(page.dataset.exceptionId);
const api = `/api/exceptions/${id}`;
const regions = document.getElementById("regions");
let show = "";
let isLost = false;

/** Shows where the exception stands now. Whether that could be found out. */
async function look() {
  const seen = lastSeq();
  const notes = page.querySelector('[name="notes"]');
  const isWriting = document.activeElement === notes;
  const went = await renew(location.pathname, (fresh) => Number(fresh.dataset.lastSeq) < lastSeq());
  if (notes?.value.trim() && !notes.isConnected) keep(notes.value, isWriting);
  filterEvents();
  for (const event of document.querySelectorAll(".event")) {
    event.classList.toggle("arrived", Number(event.dataset.seq) > seen);
  }
  return went;
}

const lastSeq = () => Number(regions.dataset.lastSeq);
const actor = () => ({ actor_type: regions.dataset.actorType, actor_id: regions.dataset.actorId });

/** What was typed about a step that is no longer to be done goes on as a comment, if its author wants that. */
function keep(text, isWriting) {
  const comment = document.getElementById("comment-text");
  if (!comment) return;
  comment.value = [comment.value, text].filter(Boolean).join("\n");
  if (isWriting) comment.focus();
  toast("That step is done. What you typed about it stands in the comment field now.", "warn");
}

function refuse(text) {
  const refusal = document.getElementById("refusal");
  refusal.querySelector("p").textContent = text;
  refusal.hidden = false;
  refusal.scrollIntoView({ block: "nearest" });
}

/** Where the keyboard goes on when the button that was pressed is no longer there. */
const next = () => document.querySelector('[aria-current="step"]') ?? document.getElementById("panel-title");

/** Whoever signed in anew in another tab has another token: a page of before takes it up, and tries again. */
async function withNewToken(work) {
  try {
    return await work();
  } catch (error) {
    if (error.status !== 403 || !(await look())) throw error;
    return work();
  }
}

const words = (error) => (error.status === 401 ? "Your session is over, so nothing was done. What you typed stays here: sign in in another tab, then try again." : explain(error));

function lose(state) {
  say(state);
  isLost = true;
}

/** Does something once, shows what came of it, and explains a refusal. */
async function act(work, told) {
  if (page.getAttribute("aria-busy") === "true") return;
  page.setAttribute("aria-busy", "true");
  document.getElementById("refusal").hidden = true;
  try {
    const answer = await withNewToken(work);
    await look();
    toast(told(answer));
    if (document.activeElement === document.body) next()?.focus({ preventScroll: true });
  } catch (error) {
    if (error.status === 401) lose("over");
    const isNews = error.status === 409 && (await look());
    refuse(isNews ? `${explain(error)} The page now shows where it stands.` : words(error));
  } finally {
    page.removeAttribute("aria-busy");
  }
}

function finish(form, how, body, told) {
  const step = form.dataset.step;
  const guard = { playbook_id: Number(form.dataset.playbookId) };
  return act(
    async () => {
      const answer = await call("POST", `${api}/playbook/steps/${step}/${how}`, { ...actor(), ...guard, ...body });
      if (how === "complete" && !body.mode && answer.outcome === "completed") form.reset();
      return answer;
    },
    (answer) => {
      if (answer.outcome !== "already_completed") return told;
      const done = answer.steps.find((each) => String(each.step_order) === step);
      return `Step ${step} was done already, by ${done.actor_id}. Nothing was done twice.`;
    },
  );
}

/**
 * Opens a dialog about a step; resolves to its field's text, or to null when it is left. What was typed about the
 * same step before, and was refused or left, stands there still.
 */
function ask(name, form) {
  const dialog = document.getElementById(`${name}-dialog`);
  const field = dialog.querySelector("textarea");
  const about = form.closest("li").id;
  if (dialog.dataset.about !== about) field.value = "";
  dialog.dataset.about = about;
  // Left by Escape, a dialog keeps the value with which it was closed the last time.
  dialog.returnValue = "";
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
    const notes = await ask("attest", form);
    if (notes) finish(form, "complete", { mode: "attest", notes }, `Step ${form.dataset.step} is recorded as done elsewhere.`);
  },
  skip: async (form) => {
    const reason = await ask("skip", form);
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
  if (event.target.closest("[data-copy]")) copyId();
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

page.addEventListener("keydown", ({ key, ctrlKey, metaKey, target }) => {
  if (key === "Enter" && (ctrlKey || metaKey) && target.id === "comment-text") target.form.requestSubmit();
});

document.addEventListener("input", ({ target }) => {
  if (target.required) target.setCustomValidity(target.value && !target.value.trim() ? "This takes words." : "");
});

/** Copies the exception's id; where the browser does not let pages do that, selects it. */
async function copyId() {
  try {
    await navigator.clipboard.writeText(page.dataset.exceptionId);
    toast("The id is copied.");
  } catch {
    getSelection().selectAllChildren(page.querySelector(".crumbs .id"));
  }
}

function filterEvents() {
  const list = document.querySelector(".events");
  if (show) list.dataset.show = show;
  else delete list.dataset.show;
  document.getElementById("none-of-kind").hidden = !show || Boolean(list.querySelector(`[data-kind="${show}"]`));
  for (const button of document.querySelectorAll("button[data-kind]")) {
    button.setAttribute("aria-pressed", String(button.dataset.kind === show));
  }
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Waits for what others do, for as long as somebody looks. Without an answer it asks again a little later. */
async function follow() {
  for (;;) {
    await seen();
    const started = Date.now();
    try {
      const news = await call("GET", `${api}/events?after_seq=${lastSeq()}&wait=20`);
      if (isLost || news.items.some(({ seq }) => seq > lastSeq())) isLost = !(await look());
    } catch (error) {
      lose(error.status === 401 ? "over" : "away");
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
