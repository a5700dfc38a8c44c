// The workbench's calls. When the session expires, the page and the draft stay as they are.

import { Problem } from "/assets/sentinai.js";

const tokenOf = (page) => page.querySelector('meta[name="csrf-token"]').content;
const ownerOf = (page) => page.getElementById("workbench")?.dataset.owner;
const EXCEPTION = "/exception";
let csrf = tokenOf(document);

/** Calls the service. `parts` are JSON texts, so that numbers are sent as they were typed. */
export async function call(path, parts, signal) {
  const members = Object.entries(parts ?? {}).filter(([, text]) => text);
  const body = parts && `{${members.map(([name, text]) => `"${name}":${text}`)}}`;
  const sent = csrf;
  const headers = { "Content-Type": "application/json", "X-CSRF-Token": sent };
  const response = await fetch(path, { method: body ? "POST" : "GET", body, signal, headers });
  if (response.status === 403 && (await hasNewToken(sent))) return call(path, parts, signal);
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(response.status, answer);
  return answer;
}

/** Fetches the CSRF token, which signing in again changes; reloads the page if another person is signed in. */
async function hasNewToken(sent) {
  const answer = await fetch(location.pathname);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (ownerOf(page) !== ownerOf(document)) {
    location.reload();
    return false;
  }
  csrf = tokenOf(page);
  return csrf !== sent;
}

/** Validates conditions, matches an exception, and evaluates both together; either may be missing. */
export async function ask(conditions, exception, asOf, signal) {
  const input = { exception, as_of: asOf && JSON.stringify(asOf) };
  const [review, choice] = await Promise.all([
    conditions && call("/api/conditions/validate", { conditions }, signal),
    exception && call("/api/match", { ...input, limit: "100" }, signal).catch(exceptionFindings),
  ]);
  if (choice?.refused) return { review, refused: choice.refused };
  if (!review?.valid || !choice) return { review, choice };
  return { review, choice, evaluation: await call("/api/conditions/evaluate", { conditions, ...input }, signal) };
}

/** The findings about the exception; a problem without any is not the author's and is thrown. */
function exceptionFindings(problem) {
  const errors = problem.document?.errors ?? [];
  const refused = errors
    .filter(({ pointer }) => pointer.startsWith(EXCEPTION))
    .map((finding) => ({ ...finding, pointer: finding.pointer.slice(EXCEPTION.length) }));
  if (!refused.length) throw problem;
  return { refused };
}
