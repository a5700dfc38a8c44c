// Uses the types that openapi-typescript generates from the executor's document.
import type { components, operations, paths } from "../executor-types";

type Schemas = components["schemas"];
type Filters = NonNullable<operations["list_exceptions"]["parameters"]["query"]>;

export const created: Schemas["ExceptionCreate"] = {
  domain: "Utilities",
  exception_type: "Reading missing",
  normalized_context: { meter: "M-7" },
};

export const playbook: Schemas["PlaybookPublish"] = {
  name: "Reread",
  conditions: { match: { exception_type: "Reading *", severity_in: ["high"], amount_gt: 100 }, priority: 10 },
  steps: [{ name: "Note", action_type: "add_comment", params: { text: "Seen." } }],
};

// @ts-expect-error There is no such action.
export const unknown: Schemas["StepToPublish"] = { name: "Ring", action_type: "ring_bell" };

export const filters: Filters = { status: ["open"], severity: ["high", "critical"], sort: "sla", limit: 50 };

// @ts-expect-error There is no such order.
export const sorted: Filters = { sort: "colour", limit: 50 };

export function current(state: Schemas["PlaybookState"]): string {
  const step = state.steps.find((each) => each.step_order === state.current_step);
  return step === undefined ? `${state.progress.done} of ${state.progress.total}` : `${step.name}: ${step.status}`;
}

export type Completion = NonNullable<
  paths["/api/exceptions/{exception_id}/playbook/steps/{step_order}/complete"]["post"]["requestBody"]
>["content"]["application/json"];
export const completion: Completion = { actor_type: "human", actor_id: "noor", mode: "attest" };
