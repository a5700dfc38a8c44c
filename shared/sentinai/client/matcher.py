"""The matcher, for an orchestration layer, the executor, and tools of rule authors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict, Unpack

from sentinai.client.answers import (
    MatchBatchResponse,
    MatchResponse,
    Operators,
    RuleResult,
    ValidateResponse,
    Verdict,
)
from sentinai.client.service import ServiceClient, given
from sentinai.clock import format_time

Document = Mapping[str, Any]


class MatchOptions(TypedDict, total=False):
    """What a match may be told besides the exception. Packs and playbooks stand in for the stored ones."""

    as_of: datetime
    limit: int
    near_misses: int
    domain_pack: Document
    policy_pack: Document
    playbooks: Sequence[Document]


class MatcherClient(ServiceClient):
    """Asks which playbook fits. Nothing it does changes anything, so every call may be repeated.

    Every method raises ApiProblem: by its ``code``, or as one of the types in :mod:`sentinai.client.problems`.
    """

    def match_exception(self, exception: Document, **options: Unpack[MatchOptions]) -> MatchResponse:
        """Find the playbook that fits an exception, and say why. Only its ``exception_id`` is required."""
        body = {"exception": exception, **_options(options)}
        return self._ask(MatchResponse, "POST", "/api/match", body=body)

    def match_batch(self, exceptions: Sequence[Document], **options: Unpack[MatchOptions]) -> MatchBatchResponse:
        """The same for up to 1,000 exceptions, in order; a bad one has a problem in its place."""
        body = {"exceptions": list(exceptions), **_options(options)}
        return self._ask(MatchBatchResponse, "POST", "/api/match/batch", body=body)

    def validate_conditions(self, conditions: Any, *, domain: str | None = None) -> ValidateResponse:
        """Check conditions before publishing; what is wrong with them is in the answer, not raised."""
        body = {"conditions": conditions, **given(domain=domain)}
        return self._ask(ValidateResponse, "POST", "/api/conditions/validate", body=body)

    def evaluate_conditions(
        self,
        conditions: Document,
        exception: Document,
        *,
        as_of: datetime | None = None,
        domain_pack: Document | None = None,
        policy_pack: Document | None = None,
    ) -> Verdict:
        """Hold conditions against one exception, clause by clause."""
        packs = given(as_of=as_of and format_time(as_of), domain_pack=domain_pack, policy_pack=policy_pack)
        body = {"conditions": conditions, "exception": exception, **packs}
        return self._ask(Verdict, "POST", "/api/conditions/evaluate", body=body)

    def evaluate_rule(self, logic: Any, data: Any = None) -> RuleResult:
        """Evaluate a bare JSON-Logic rule on any data, behind the same guard as conditions."""
        return self._ask(RuleResult, "POST", "/api/conditions/evaluate", body={"logic": logic, "data": data})

    def list_operators(self) -> Operators:
        """The operators, predicates and context paths of the condition language, for editors."""
        return self._ask(Operators, "GET", "/api/operators")


def _options(options: MatchOptions) -> dict[str, Any]:
    written: dict[str, Any] = given(**options)
    if "as_of" in written:
        written["as_of"] = format_time(written["as_of"])
    return written
