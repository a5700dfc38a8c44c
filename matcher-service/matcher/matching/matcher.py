"""``match`` ranks the playbooks of a compiled catalogue that fit an exception and selects one. A pure function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from pyroaring import BitMap

from matcher.matching.applied_policy import AppliedPolicy
from matcher.matching.compiled_catalogue import Catalogue
from matcher.matching.index_query import IndexQuery
from matcher.matching.model import MatchError, MatchResult, PassedOver, Ranked, Tie
from matcher.matching.near_misses import find_misses
from matcher.matching.reasoning import compose
from matcher.matching.validity import valid_until
from sentinai.conditions import EvaluationError
from sentinai.conditions.evaluation import evaluate
from sentinai.policy import Policy, PolicyStep, Verdict

VerdictOn = Callable[[tuple[PolicyStep, ...] | None], Verdict | None]
"""What policy says of a playbook with these steps, for one exception."""
MAX_ERRORS = 100
MAX_PASSED_OVER = 100
"""How many of the playbooks that policy blocks are listed."""
MAX_EVALUATED = 1000
"""The maximum number of playbooks evaluated one by one once the best are known."""


def match(
    catalogue: Catalogue,
    context: Mapping[str, Any],
    *,
    as_of: datetime,
    limit: int = 5,
    near_misses: int = 3,
    time_dependent_rules: Sequence[Any] = (),
    policy: AppliedPolicy | None = None,
) -> MatchResult:
    """The playbooks that fit an exception, best ranked first, the one that policy lets be selected, and why.

    ``context`` is what ``evaluation.context.build`` gives for ``as_of``. ``time_dependent_rules`` are further
    rules on which the context itself depends (a Policy Pack's tag rules), so that ``valid_until`` knows their
    thresholds. ``policy`` is that of the packs in the context, if it was applied to the catalogue already.
    """
    query = IndexQuery(catalogue, context)
    policy = policy or AppliedPolicy(Policy(context["domain_pack"], context["policy_pack"]), catalogue)
    errors: list[MatchError] = []
    found = _walk(query, limit, policy.blocked, errors)
    verdict = partial(policy.verdict, rules=policy.rules_in_force(context) if found.matched else ())
    ranked = [_ranked(query, verdict, position, rank) for rank, position in enumerate(found.best, 1)]
    if found.selected is not None and found.selected not in found.best:
        ranked.append(_ranked(query, verdict, found.selected, found.rank))
    selected = next((entry for entry in ranked if entry.rank == found.rank), None)
    passed_over = tuple(_passed_over(query, verdict, position) for position in found.passed_over)
    missed = tuple(find_misses(query, near_misses)) if near_misses else ()
    candidates = len(catalogue.playbooks)
    return MatchResult(
        selected=selected,
        tie=_tie(catalogue, found),
        passed_over=passed_over,
        ranked=tuple(ranked),
        near_misses=missed,
        reasoning=compose(selected, passed_over, ranked, missed, candidates=candidates, matched=found.matched),
        valid_until=valid_until(query, as_of, time_dependent_rules, policy.approval_conditions),
        candidates=candidates,
        matched=found.matched,
        errors=tuple(errors),
    )


def _tie(catalogue: Catalogue, found: _Found) -> Tie | None:
    if found.selected is None or found.runner_up is None:
        return None
    first, second = catalogue.playbooks[found.selected], catalogue.playbooks[found.runner_up]
    if first.conditions.priority != second.conditions.priority:
        return None
    return Tie(second, "created_at" if first.origin.created_at != second.origin.created_at else "playbook_id")


def _ranked(query: IndexQuery, verdict: VerdictOn, position: int, rank: int) -> Ranked:
    playbook = query.catalogue.playbooks[position]
    reasons = query.catalogue.explainer.explain_all(playbook.conditions.clauses, query.context)
    return Ranked(playbook, rank, reasons, verdict(playbook.steps))


def _passed_over(query: IndexQuery, verdict: VerdictOn, position: int) -> PassedOver:
    playbook = query.catalogue.playbooks[position]
    said = verdict(playbook.steps)
    return PassedOver(playbook, said.reasons if said else ())


class _Found(NamedTuple):
    """The positions of the best matches, and that of the selected one with its rank; those that it passes over.

    ``runner_up`` would be selected without it. ``matched`` is the number of all matches.
    """

    best: list[int]
    selected: int | None
    runner_up: int | None
    rank: int
    passed_over: list[int]
    matched: int


def _walk(query: IndexQuery, limit: int, blocked: BitMap, errors: list[MatchError]) -> _Found:
    """Find the best matches, and the best that is not blocked.

    Playbooks with a clause that the index cannot decide are evaluated one by one, each distinct clause once.
    Once the answer is known, at most ``MAX_EVALUATED`` are evaluated; the number then covers only known matches.
    """
    unresolved = query.candidates & query.catalogue.with_residuals
    if query.undecided:
        unresolved |= query.candidates & query.undecided
    settled = query.candidates - unresolved if unresolved else query.candidates
    first = list(islice(settled, max(limit, 2)))
    best = first[:limit]
    free = list(islice(settled - blocked, 2)) if blocked else first[:2]
    allowed = free[0] if free else None
    confirmed: list[int] = []
    for evaluated, position in enumerate(unresolved):
        known = allowed is not None and allowed < position
        if evaluated >= MAX_EVALUATED and known and _are_known(best, confirmed, position, limit):
            break
        if _holds(query, position, errors):
            confirmed.append(position)
            if not known and position not in blocked:
                allowed = position
    matching = settled
    if confirmed:
        free = sorted([*free, *islice((each for each in confirmed if each not in blocked), 2)])
        matching = settled | BitMap(confirmed)
        best = sorted([*best, *confirmed[:limit]])[:limit]
    rank = len(matching) + 1 if allowed is None else matching.rank(allowed)
    # Whatever outranks the best that is not blocked is blocked.
    passed_over = list(islice(matching, min(rank - 1, MAX_PASSED_OVER)))
    return _Found(best, allowed, free[1] if len(free) > 1 else None, rank, passed_over, len(matching))


def _are_known(best: list[int], confirmed: list[int], position: int, limit: int) -> bool:
    """Whether no playbook at or after a position can still be among the best."""
    return sum(each < position for each in best) + len(confirmed) >= limit


def _holds(query: IndexQuery, position: int, errors: list[MatchError]) -> bool:
    clause: Any = None
    try:
        for evaluator in query.catalogue.residuals.get(position, ()):
            clause = evaluator.rule
            if not query.evaluate(evaluator):
                return False
        if position in query.undecided:
            for each in query.catalogue.playbooks[position].conditions.clauses:
                clause = each.logic
                if not evaluate.holds(clause, query.context):
                    return False
    except EvaluationError as error:
        if len(errors) < MAX_ERRORS:
            playbook_id = query.catalogue.playbooks[position].playbook_id
            errors.append(MatchError(playbook_id, clause, str(error), error.code))
        return False
    return True
