// The calls of the workbench: like anyone else's, but that a session that is over leaves the page as it is.

import { Problem } from "/assets/sentinai.js";

const csrf = document.querySelector('meta[name="csrf-token"]').content;

/** Calls the service with a body that is written already, so that every number goes as it was typed. */
async function call(method, path, body, signal) {
  const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrf };
  const response = await fetch(path, { method, body, signal, headers });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(response.status, answer);
  return answer;
}

export const get = (path) => call("GET", path);

/** A body from the parts' own texts. */
const written = (parts) => `{${Object.entries(parts).filter(([, text]) => text).map(([name, text]) => `"${name}":${text}`).join(",")}}`;

/**
 * Everything the service says of a draft and an exception (texts, either may be missing):
 * `{review, verdict, choice, refused}`, where `refused` are the findings about the exception.
 */
export async function ask({ condition, exception, asOf }, signal) {
  const post = (path, parts) => call("POST", path, written(parts), signal);
  const question = { exception, as_of: asOf && JSON.stringify(asOf) };
  const [review, choice] = await Promise.all([
    condition && post("/api/conditions/validate", { conditions: condition }),
    exception && post("/api/match", { ...question, limit: "100" }).catch(refusal),
  ]);
  if (choice?.refused) return { review, refused: choice.refused };
  const verdict = review?.valid && exception ? await post("/api/conditions/evaluate", { conditions: condition, ...question }) : undefined;
  return { review, verdict, choice };
}

/** The service's findings about the exception; any other refusal is passed on. */
function refusal(problem) {
  const found = problem.document?.errors?.filter(({ pointer }) => pointer.startsWith("/exception"));
  if (!found?.length) throw problem;
  return { refused: found.map((each) => ({ ...each, pointer: each.pointer.slice("/exception".length), kind: "error" })) };
}
