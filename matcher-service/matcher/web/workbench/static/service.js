// The calls of the workbench. A session that is over leaves the page, and the draft, as they are.

import { Problem } from "/assets/sentinai.js";

const tokenOf = (page) => page.querySelector('meta[name="csrf-token"]').content;
const ownerOf = (page) => page.getElementById("workbench")?.dataset.owner;
let csrf = tokenOf(document);

/** Calls the service. `parts` are JSON already: every number goes as it was typed. */
export async function call(path, parts, signal) {
  const body = parts && `{${Object.entries(parts).filter(([, text]) => text).map(([name, text]) => `"${name}":${text}`)}}`;
  const sent = csrf;
  const headers = { "Content-Type": "application/json", "X-CSRF-Token": sent };
  const response = await fetch(path, { method: body ? "POST" : "GET", body, signal, headers });
  if (response.status === 403 && (await hasNewToken(sent))) return call(path, parts, signal);
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(response.status, answer);
  return answer;
}

/** Takes up the token of whoever signed in anew in another tab; whether it is one. Another person's page is loaded. */
async function hasNewToken(sent) {
  const answer = await fetch(location.pathname);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (ownerOf(page) !== ownerOf(document)) location.reload();
  csrf = tokenOf(page);
  return csrf !== sent;
}

/** What the service says of conditions and of an exception, of which either may be missing. */
export async function ask(conditions, exception, asOf, signal) {
  const question = { exception, as_of: asOf && JSON.stringify(asOf) };
  const [review, choice] = await Promise.all([
    conditions && call("/api/conditions/validate", { conditions }, signal),
    exception && call("/api/match", { ...question, limit: "100" }, signal).catch(aboutException),
  ]);
  const isReady = review?.valid && choice?.ranked;
  return { review, ...choice?.refused ? choice : { choice }, judged: isReady ? await call("/api/conditions/evaluate", { conditions, ...question }, signal) : undefined };
}

/** The findings about the exception; any other refusal is none of its author's. */
function aboutException(problem) {
  const own = (problem.document?.errors ?? []).filter(({ pointer }) => pointer.startsWith("/exception"));
  if (!own.length) throw problem;
  return { refused: own.map((each) => ({ ...each, pointer: each.pointer.slice("/exception".length) })) };
}
