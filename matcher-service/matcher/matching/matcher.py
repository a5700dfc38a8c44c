"""``match`` ranks the playbooks of a compiled catalogue that fit an exception. A pure function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from matcher.matching.compiled_catalogue import Catalogue
from matcher.matching.index_query import IndexQuery
from matcher.matching.model import MatchError, MatchResult, Playbook, Ranked
from matcher.matching.near_misses import find_misses
from matcher.matching.reasoning import compose
from matcher.matching.validity import valid_until
from sentinai.conditions import EvaluationError
from sentinai.conditions.evaluation import evaluate

MAX_ERRORS = 100
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
) -> MatchResult:
    """The playbooks that fit an exception, best ranked first, and why.

    ``context`` is what ``evaluation.context.build`` gives for ``as_of``. ``time_dependent_rules`` are further
    rules on which the context itself depends (a Policy Pack's tag rules), so that ``valid_until`` knows their
    thresholds.
    """
    query = IndexQuery(catalogue, context)
    errors: list[MatchError] = []
    found, matched = _walk(query, limit, errors)
    ranked = tuple(
        Ranked(playbook, rank, catalogue.explainer.explain_all(playbook.conditions.clauses, context))
        for rank, playbook in enumerate(found, 1)
    )
    missed = tuple(find_misses(query, near_misses)) if near_misses else ()
    return MatchResult(
        ranked=ranked,
        near_misses=missed,
        reasoning=compose(ranked, missed, len(catalogue.playbooks), matched),
        valid_until=valid_until(query, as_of, time_dependent_rules),
        candidates=len(catalogue.playbooks),
        matched=matched,
        errors=tuple(errors),
    )


def _walk(query: IndexQuery, limit: int, errors: list[MatchError]) -> tuple[list[Playbook], int]:
    """The best matches, and the number of all matches.

    Playbooks with a clause that the index cannot decide are evaluated one by one, each distinct clause once.
    Once the best are known, at most ``MAX_EVALUATED`` are evaluated; the number then covers only known matches.
    """
    playbooks = query.catalogue.playbooks
    unresolved = query.candidates & query.catalogue.with_residuals
    if query.undecided:
        unresolved |= query.candidates & query.undecided
    settled = query.candidates - unresolved if unresolved else query.candidates
    best = list(islice(settled, limit))
    confirmed: list[int] = []
    for evaluated, position in enumerate(unresolved):
        if evaluated >= MAX_EVALUATED and _are_known(best, confirmed, position, limit):
            break
        if _holds(query, position, errors):
            confirmed.append(position)
    best = sorted([*best, *confirmed[:limit]])[:limit]
    return [playbooks[position] for position in best], len(settled) + len(confirmed)


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
