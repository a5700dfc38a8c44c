// Shared by all pages: API calls, messages, relative times, and the colour scheme.

const root = document.documentElement;
const RETRY = "Nothing was changed; try again in a moment.";

/** An error response of the API: a problem document (RFC 9457). */
export class Problem extends Error {
  constructor(status, document) {
    super(document.detail || document.title || `Status ${status}`);
    this.status = status;
    this.document = document;
  }
}

/** Calls the API as the signed-in person. Throws a Problem, or a TypeError if the service is unreachable. */
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

/** The error message for a failed call. */
export function explain(error) {
  if (!(error instanceof Problem)) return `The service cannot be reached. ${RETRY}`;
  const { title, errors = [] } = error.document;
  if (errors.length)
    return [`${title}.`, ...errors.flatMap(({ message, hint }) => [message, hint])].filter(Boolean).join(" ");
  return error.status === 503 ? `${error.message} ${RETRY}` : error.message;
}

/** Shows a message that disappears after a while; an error stays until it is closed. */
export function toast(text, kind = "fine") {
  const region = document.querySelector(".toasts");
  const message = document.createElement("div");
  message.className = `notice ${kind}`;
  const paragraph = document.createElement("p");
  paragraph.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "button quiet";
  close.textContent = "Close";
  close.addEventListener("click", () => message.remove());
  message.append(paragraph, close);
  region.append(message);
  if (kind !== "bad") setTimeout(() => message.remove(), 8000);
}

const relativeTime = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const UNITS = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];

function ago(seconds) {
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return relativeTime.format(-Math.trunc(seconds / size), unit);
  }
  return "just now";
}

function countdown(seconds) {
  const left = Math.abs(Math.trunc(seconds));
  const [days, hours, minutes] = [
    Math.trunc(left / 86400),
    Math.trunc(left / 3600) % 24,
    Math.trunc(left / 60) % 60,
  ];
  if (days) return `${days}d ${hours}h`;
  if (hours) return `${hours}h ${String(minutes).padStart(2, "0")}m`;
  return `${minutes}m ${String(left % 60).padStart(2, "0")}s`;
}

/** Updates the relative times and the countdowns on the page. */
export function tick(now = Date.now()) {
  for (const element of document.querySelectorAll("time[data-ago]")) {
    element.textContent = ago((now - Date.parse(element.dateTime)) / 1000);
  }
  for (const element of document.querySelectorAll(".sla[data-live]")) {
    const left = (Date.parse(element.dataset.deadline) - now) / 1000;
    const state = left < 0 ? "breached" : left < 3600 ? "at-risk" : "";
    element.className = `sla mark number ${state || "plain"}`;
    element.querySelector("[data-text]").textContent =
      left < 0 ? `${countdown(left)} overdue` : `${countdown(left)} left`;
    element.querySelector("use").setAttribute("href", left < 0 ? "#icon-alarm" : "#icon-clock");
  }
}

function chooseTheme() {
  const dark =
    getComputedStyle(root).colorScheme === "dark" ||
    (!root.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
}

const savedTheme = localStorage.getItem("theme");
if (savedTheme) root.dataset.theme = savedTheme;
document.addEventListener("DOMContentLoaded", () => {
  document.querySelector("[data-theme-toggle]")?.addEventListener("click", chooseTheme);
  tick();
  setInterval(tick, 1000);
});
