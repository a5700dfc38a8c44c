"""``/api/match``: find the playbook that fits an exception, for one exception or for up to 1,000."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matcher.bootstrap import Services
from matcher.matching import MatchResult, match
from matcher.web.match_inputs import MatchInputs, resolve_match_inputs
from matcher.web.packs import check_tenant
from sentinai import deadline
from sentinai.clock import format_time
from sentinai.conditions.evaluation import budget
from sentinai.conditions.evaluation.budget import BATCH_UNITS, MATCH_UNITS, REQUEST_UNITS, Budget
from sentinai.documents.schemas import require
from sentinai.problems import CorruptData, EvaluationBudgetExceeded, InvalidDocument, TenantMismatch, TooLarge
from sentinai.telemetry import CANDIDATES, EVALUATION_ERRORS, MATCHES
from sentinai.web import Answer, Api, Call
from sentinai.web.inputs import require_context

api: Api[Services] = Api("Matching", "Which playbook fits an exception, and why.")
_EXCEPTION = "match-exception"
_RANKED = 5
_NEAR_MISSES = 3


@api.operation("POST", "/api/match", answers={200: "match-response"}, body="match-request")
def match_exception(call: Call[Services]) -> Answer:
    """Find the playbook that fits an exception, and explain why."""
    body = call.body
    _check_exception(call, body["exception"], "/exception")
    with budget.spending(Budget(check=deadline.pause)):
        inputs = resolve_match_inputs(call.services, call.identity, body)
        return Answer(_match(body["exception"], inputs, body))


@api.operation(
    "POST",
    "/api/match/batch",
    answers={200: "match-batch-response"},
    body="match-batch-request",
    body_limit="batch_body_limit_bytes",
)
def match_batch(call: Call[Services]) -> Answer:
    """Find the playbooks of up to 1,000 exceptions, in order; an invalid one gets a problem in its place."""
    body = call.body
    whole = Budget(BATCH_UNITS, check=deadline.pause)
    with budget.spending(whole.part(REQUEST_UNITS)):
        inputs = resolve_match_inputs(call.services, call.identity, body)
    results = [
        _match_item(call, exception, f"/exceptions/{index}", inputs, whole)
        for index, exception in enumerate(body["exceptions"])
    ]
    return Answer({"results": results})


def _match_item(
    call: Call[Services], exception: Any, pointer: str, inputs: MatchInputs, whole: Budget
) -> dict[str, Any]:
    try:
        _require_exception(exception, pointer)
        _check_exception(call, exception, pointer)
        with budget.spending(whole.part(REQUEST_UNITS)) as part:
            part.charge(MATCH_UNITS)
            return _match(exception, inputs, call.body)
    except (CorruptData, InvalidDocument, TenantMismatch, TooLarge, EvaluationBudgetExceeded) as problem:
        return problem.to_json(f"/api/match/batch#{pointer}")


def _check_exception(call: Call[Services], exception: Mapping[str, Any], pointer: str) -> None:
    check_tenant(call.identity, exception, pointer)
    require_context(exception, call.services.settings.context_limit_bytes, pointer)


def _require_exception(exception: Any, pointer: str) -> None:
    try:
        require(_EXCEPTION, exception)
    except InvalidDocument as problem:
        raise problem.under(pointer) from None


def _match(exception: Mapping[str, Any], inputs: MatchInputs, options: Mapping[str, Any]) -> dict[str, Any]:
    """The response for one valid exception."""
    # Waiting for the catalogue, or matching those before it in a batch, may have taken all the time.
    deadline.check()
    packs = inputs.packs.of(exception.get("domain"))
    context = packs.context(exception, inputs.tenant_id, inputs.as_of)
    choice_only = options.get("detail") == "choice"
    result = match(
        inputs.catalogue,
        context,
        as_of=inputs.as_of,
        # 2.0 is an integer in JSON Schema.
        limit=0 if choice_only else int(options.get("limit", _RANKED)),
        near_misses=0 if choice_only else int(options.get("near_misses", _NEAR_MISSES)),
        time_dependent_rules=[rule.when.rule for rule in packs.tag_rules],
        policy=inputs.policy(exception.get("domain")),
    )
    found = result.choice_json() if choice_only else result.to_json()
    _count(result)
    found["errors"] = [*found["errors"], *(each.to_json() for each in inputs.excluded)]
    if choice_only:
        return {"exception_id": exception["exception_id"], "catalogue_revision": inputs.revision, **found}
    return {
        "tenant_id": inputs.tenant_id,
        "exception_id": exception["exception_id"],
        "as_of": format_time(inputs.as_of),
        "catalogue_revision": inputs.revision,
        "domain_pack_version": packs.domain.version,
        "policy_pack_version": packs.policy.version,
        "policy_tags": context["policy"]["tags"],
        **found,
    }


def _count(found: MatchResult) -> None:
    MATCHES.labels("none" if found.selected is None else "selected").inc()
    CANDIDATES.observe(found.candidates)
    if found.errors:
        EVALUATION_ERRORS.inc(len(found.errors))
