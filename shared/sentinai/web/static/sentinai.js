// What every page needs: calls of the API, messages, times that keep going, and the colour scheme.

const root = document.documentElement;

/** A refusal of the API: a problem document (RFC 9457). */
export class Problem extends Error {
  constructor(status, document) {
    super(document.detail || document.title || `Status ${status}`);
    this.status = status;
    this.document = document;
  }
}

/** Calls the API as the signed-in person. Throws a Problem, or a TypeError when the service is away. */
export async function call(method, path, body) {
  const csrf = document.querySelector('meta[name="csrf-token"]')?.content ?? "";
  const response = await fetch(path, {
    method,
    headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(response.status, answer);
  return answer;
}

/** What to tell a person about a failed call. */
export function explain(error) {
  if (!(error instanceof Problem)) return "The service cannot be reached. Nothing was changed; try again in a moment.";
  const hints = (error.document.errors ?? []).map((found) => [found.message, found.hint].filter(Boolean).join(" "));
  const later = error.status === 503 ? ["Nothing was changed; try again in a moment."] : [];
  return [error.message, ...hints.filter((hint) => !error.message.includes(hint)), ...later].join(" ");
}

/** Shows a message that goes by itself; a bad one stays until it is closed. */
export function toast(text, kind = "fine") {
  const region = document.querySelector(".toasts");
  const message = document.createElement("div");
  message.className = `notice ${kind}`;
  const words = document.createElement("p");
  words.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "button quiet";
  close.textContent = "Close";
  close.addEventListener("click", () => message.remove());
  message.append(words, close);
  region.append(message);
  if (kind !== "bad") setTimeout(() => message.remove(), 8000);
}

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const units = [["day", 86400], ["hour", 3600], ["minute", 60]];

function ago(seconds) {
  for (const [unit, size] of units) {
    if (Math.abs(seconds) >= size) return relative.format(-Math.trunc(seconds / size), unit);
  }
  return "just now";
}

function countdown(seconds) {
  const left = Math.abs(Math.trunc(seconds));
  const [days, hours, minutes] = [Math.trunc(left / 86400), Math.trunc(left / 3600) % 24, Math.trunc(left / 60) % 60];
  if (days) return `${days}d ${hours}h`;
  if (hours) return `${hours}h ${String(minutes).padStart(2, "0")}m`;
  return `${minutes}m ${String(left % 60).padStart(2, "0")}s`;
}

/** Brings every time on the page up to date: how long ago, and how long until a deadline. */
export function tick(now = Date.now()) {
  for (const element of document.querySelectorAll("time[data-ago]")) {
    element.textContent = ago((now - Date.parse(element.dateTime)) / 1000);
  }
  for (const element of document.querySelectorAll(".sla[data-live]")) {
    const left = (Date.parse(element.dataset.deadline) - now) / 1000;
    const state = left < 0 ? "breached" : left < 3600 ? "at-risk" : "";
    element.className = `sla mark number ${state || "plain"}`;
    element.querySelector("[data-text]").textContent = left < 0 ? `${countdown(left)} over` : `${countdown(left)} left`;
    element.querySelector("use").setAttribute("href", left < 0 ? "#icon-alarm" : "#icon-clock");
  }
}

function chooseTheme() {
  const dark = getComputedStyle(root).colorScheme === "dark" || (!root.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
}

const kept = localStorage.getItem("theme");
if (kept) root.dataset.theme = kept;
document.addEventListener("DOMContentLoaded", () => {
  document.querySelector("[data-theme-toggle]")?.addEventListener("click", chooseTheme);
  tick();
  setInterval(tick, 1000);
});
