"""The matcher's client, for orchestration layers, the executor and tools of rule authors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypedDict, Unpack

from sentinai.client.service import ServiceClient, without_none
from sentinai.client.types import (
    MatchBatchResponse,
    MatchResponse,
    Operators,
    RuleResult,
    ValidateResponse,
    Verdict,
)
from sentinai.clock import format_time

Document = Mapping[str, Any]


class MatchOptions(TypedDict, total=False):
    """Options of a match. Packs and playbooks replace the stored ones."""

    as_of: datetime
    limit: int
    near_misses: int
    domain_pack: Document
    policy_pack: Document
    playbooks: Sequence[Document]


class BatchOptions(MatchOptions, total=False):
    """Options of a batch. ``detail="choice"`` leaves out reasons, ranking and near misses."""

    detail: Literal["full", "choice"]


class MatcherClient(ServiceClient):
    """Asks which playbook fits. No call changes anything, so all are retried.

    Every method raises ApiProblem or one of its subclasses in :mod:`sentinai.client.problems`.
    """

    def match_exception(self, exception: Document, **options: Unpack[MatchOptions]) -> MatchResponse:
        """Find the playbook that fits an exception, and explain why. Only its ``exception_id`` is required."""
        body = {"exception": exception, **_options(options)}
        return self._call(MatchResponse, "POST", "/api/match", body=body)

    def match_batch(self, exceptions: Sequence[Document], **options: Unpack[BatchOptions]) -> MatchBatchResponse:
        """Find the playbooks of up to 1,000 exceptions, in order; an invalid one gets a problem in its place."""
        body = {"exceptions": list(exceptions), **_options(options)}
        return self._call(MatchBatchResponse, "POST", "/api/match/batch", body=body)

    def validate_conditions(self, conditions: Any, *, domain: str | None = None) -> ValidateResponse:
        """Check conditions before publishing; findings are returned, not raised."""
        body = {"conditions": conditions, **without_none(domain=domain)}
        return self._call(ValidateResponse, "POST", "/api/conditions/validate", body=body)

    def evaluate_conditions(
        self,
        conditions: Document,
        exception: Document,
        *,
        as_of: datetime | None = None,
        domain_pack: Document | None = None,
        policy_pack: Document | None = None,
    ) -> Verdict:
        """Evaluate conditions on one exception, clause by clause."""
        packs = without_none(as_of=as_of and format_time(as_of), domain_pack=domain_pack, policy_pack=policy_pack)
        body = {"conditions": conditions, "exception": exception, **packs}
        return self._call(Verdict, "POST", "/api/conditions/evaluate", body=body)

    def evaluate_rule(self, logic: Any, data: Any = None) -> RuleResult:
        """Evaluate a bare JSON-Logic rule on any data, within the same limits as conditions."""
        return self._call(RuleResult, "POST", "/api/conditions/evaluate", body={"logic": logic, "data": data})

    def list_operators(self) -> Operators:
        """The operators, predicates and context paths of the condition language."""
        return self._call(Operators, "GET", "/api/operators")


def _options(options: MatchOptions | BatchOptions) -> dict[str, Any]:
    written: dict[str, Any] = without_none(**options)
    if "as_of" in written:
        written["as_of"] = format_time(written["as_of"])
    return written
