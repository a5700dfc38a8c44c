// The exception page: work on its playbook, and follow what others do.

import { call, explain, toast } from "/assets/sentinai.js";
import { refresh, setConnection } from "/console/assets/live.js";

const page = document.getElementById("exception");
const id = encodeURIComponent(page.dataset.exceptionId);
const api = `/api/exceptions/${id}`;
const regions = document.getElementById("regions");
let shownKind = "";
let connectionLost = false;

const lastSeq = () => Number(regions.dataset.lastSeq);
const actor = () => ({ actor_type: regions.dataset.actorType, actor_id: regions.dataset.actorId });

/** Shows the current state of the exception; resolves to whether it could be loaded. */
async function reload() {
  const seen = lastSeq();
  const notes = page.querySelector('[name="notes"]');
  const hadFocus = document.activeElement === notes;
  const loaded = await refresh(location.pathname, (fresh) => Number(fresh.dataset.lastSeq) < lastSeq());
  if (notes?.value.trim() && !notes.isConnected) moveToComment(notes.value, hadFocus);
  filterEvents();
  for (const event of document.querySelectorAll(".event")) {
    event.classList.toggle("arrived", Number(event.dataset.seq) > seen);
  }
  return loaded;
}

/** Notes typed for a step that someone else has completed are offered as a comment. */
function moveToComment(text, hadFocus) {
  const comment = document.getElementById("comment-text");
  if (!comment) return;
  comment.value = [comment.value, text].filter(Boolean).join("\n");
  if (hadFocus) comment.focus();
  toast("This step is already done. Your notes were moved to the comment field.", "warn");
}

function showRefusal(text) {
  const refusal = document.getElementById("refusal");
  refusal.querySelector("p").textContent = text;
  refusal.hidden = false;
  refusal.scrollIntoView({ block: "nearest" });
}

/** Where the focus goes when the button that had it is gone. */
const nextFocus = () => document.querySelector('[aria-current="step"]') ?? document.getElementById("panel-title");

/** Signing in again in another tab changes the CSRF token: on 403, load the new one and retry once. */
async function withNewToken(work) {
  try {
    return await work();
  } catch (error) {
    if (error.status !== 403 || !(await reload())) throw error;
    return work();
  }
}

function explainFailure(error) {
  if (error.status !== 401) return explain(error);
  return "Your session has expired; nothing was done. Your text is kept: sign in in another tab, then try again.";
}

function loseConnection(state) {
  setConnection(state);
  connectionLost = true;
}

/** Runs one action at a time, shows its outcome, and explains a refusal. */
async function act(work, describe) {
  if (page.getAttribute("aria-busy") === "true") return;
  page.setAttribute("aria-busy", "true");
  document.getElementById("refusal").hidden = true;
  try {
    const answer = await withNewToken(work);
    await reload();
    toast(describe(answer));
    if (document.activeElement === document.body) nextFocus()?.focus({ preventScroll: true });
  } catch (error) {
    if (error.status === 401) loseConnection("expired");
    const wasStale = error.status === 409 && (await reload());
    showRefusal(wasStale ? `${explain(error)} The page now shows the current state.` : explainFailure(error));
  } finally {
    page.removeAttribute("aria-busy");
  }
}

function finishStep(form, operation, body, message) {
  const { step, playbookId } = form.dataset;
  const guard = { playbook_id: Number(playbookId) };
  return act(
    async () => {
      const path = `${api}/playbook/steps/${step}/${operation}`;
      const answer = await call("POST", path, { ...actor(), ...guard, ...body });
      if (operation === "complete" && !body.mode && answer.outcome === "completed") form.reset();
      return answer;
    },
    (answer) => {
      if (answer.outcome !== "already_completed") return message;
      const done = answer.steps.find((each) => String(each.step_order) === step);
      return `Step ${step} was already completed by ${done.actor_id}. Nothing was done twice.`;
    },
  );
}

/**
 * Opens a dialog for a step; resolves to the text of its field, or to null if it was cancelled. A text that was
 * typed for the same step before is still in the field.
 */
function askFor(name, form) {
  const dialog = document.getElementById(`${name}-dialog`);
  const field = dialog.querySelector("textarea");
  const subject = form.closest("li").id;
  if (dialog.dataset.subject !== subject) field.value = "";
  dialog.dataset.subject = subject;
  // A dialog that is closed by Escape keeps the return value of the time before.
  dialog.returnValue = "";
  dialog.showModal();
  field.focus();
  return new Promise((resolve) => {
    const close = () => resolve(dialog.returnValue === name ? field.value.trim() : null);
    dialog.addEventListener("close", close, { once: true });
  });
}

const commands = {
  complete: (form) => {
    const notes = form.elements.notes.value.trim();
    finishStep(form, "complete", notes ? { notes } : {}, `Step ${form.dataset.step} completed.`);
  },
  attest: async (form) => {
    const notes = await askFor("attest", form);
    if (!notes) return;
    finishStep(
      form,
      "complete",
      { mode: "attest", notes },
      `Step ${form.dataset.step} recorded as done elsewhere.`,
    );
  },
  skip: async (form) => {
    const reason = await askFor("skip", form);
    if (reason) finishStep(form, "skip", { reason }, `Step ${form.dataset.step} skipped.`);
  },
  recalculate: () => recalculate({}),
  switch: () => recalculate({ switch: true }),
};

function recalculate(body) {
  return act(() => call("POST", `${api}/playbook/recalculate`, body), describeRecalculation);
}

function describeRecalculation({ changed, playbook_name: name, better_match: better }) {
  if (changed) return name ? `${name} is now recommended.` : "The recommendation was withdrawn.";
  if (better) return `${better.name} is now the best match; the playbook in progress was kept.`;
  return "No change: the recommendation is up to date.";
}

function addComment(form) {
  const text = form.elements.text.value.trim();
  if (!text) return;
  act(
    () => call("POST", `${api}/comments`, { text }),
    () => {
      form.reset();
      return "Comment added.";
    },
  );
}

page.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-command]");
  if (button && button.type !== "submit") commands[button.dataset.command](button.closest("form"));
  if (target.closest("[data-copy]")) copyId();
  const filter = target.closest("button[data-kind]");
  if (!filter) return;
  shownKind = filter.dataset.kind;
  filterEvents();
});

page.addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.target.id === "comment") addComment(event.target);
  else commands.complete(event.target);
});

page.addEventListener("keydown", ({ key, ctrlKey, metaKey, target }) => {
  if (key === "Enter" && (ctrlKey || metaKey) && target.id === "comment-text") target.form.requestSubmit();
});

document.addEventListener("input", ({ target }) => {
  if (target.required) target.setCustomValidity(target.value && !target.value.trim() ? "Enter some text." : "");
});

/** Copies the exception's id; selects it where the browser does not allow copying. */
async function copyId() {
  try {
    await navigator.clipboard.writeText(page.dataset.exceptionId);
    toast("ID copied.");
  } catch {
    getSelection().selectAllChildren(page.querySelector(".crumbs .id"));
  }
}

function filterEvents() {
  const list = document.querySelector(".events");
  if (shownKind) list.dataset.show = shownKind;
  else delete list.dataset.show;
  const isEmpty = shownKind && !list.querySelector(`[data-kind="${shownKind}"]`);
  document.getElementById("no-events").hidden = !isEmpty;
  for (const button of document.querySelectorAll("button[data-kind]")) {
    button.setAttribute("aria-pressed", String(button.dataset.kind === shownKind));
  }
}

function pause(milliseconds) {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}

/** Long-polls for new events while the page is visible; after a failure it retries. */
async function follow() {
  for (;;) {
    await visible();
    const started = Date.now();
    try {
      const news = await call("GET", `${api}/events?after_seq=${lastSeq()}&wait=20`);
      const hasNews = news.items.some(({ seq }) => seq > lastSeq());
      if (connectionLost || hasNews) connectionLost = !(await reload());
    } catch (error) {
      loseConnection(error.status === 401 ? "expired" : "offline");
      await pause(3000);
    }
    await pause(Math.max(0, 1500 - (Date.now() - started)));
  }
}

/** Resolves as soon as the page is visible. */
const visible = () =>
  new Promise((resolve) => {
    if (document.hidden) document.addEventListener("visibilitychange", resolve, { once: true });
    else resolve();
  });

follow();
