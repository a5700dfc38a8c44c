// Uses the types that openapi-typescript generates from the matcher's document.
import type { components, operations, paths } from "../matcher-types";

type Schemas = components["schemas"];
type Answer = operations["match_exception"]["responses"][200]["content"]["application/json"];

export const request: Schemas["MatchRequest"] = {
  exception: { exception_id: "EX-1", severity: "high", amount: null, normalized_context: { meter: { reading: 7 } } },
  limit: 5,
  near_misses: 0,
  policy_pack: { tags: ["harbour"], tag_rules: [{ tag: "late", when: { ">": [{ var: "amount" }, 100] } }] },
};

// @ts-expect-error An exception must have an id.
export const incomplete: Schemas["MatchRequest"] = { exception: {}, limit: 5, near_misses: 0 };

export function chosen(answer: Answer): string {
  const [best] = answer.ranked;
  return best === undefined ? answer.reasoning : `${best.name}: ${best.reasons.map((reason) => reason.text).join(", ")}`;
}

export function codes(problem: Schemas["Problem"]): string[] {
  return [problem.code, ...(problem.errors ?? []).map((finding) => `${finding.code} at ${finding.pointer}`)];
}

// @ts-expect-error The priority is a number.
export const priority = (answer: Answer): string => answer.selected?.priority ?? "none";

export type Operators = paths["/api/operators"]["get"]["responses"][200]["content"]["application/json"];
export const names = (operators: Operators): string[] => operators.operators.map((operator) => operator.name);
