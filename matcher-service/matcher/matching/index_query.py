"""Queries the index for one exception: the candidates, and what the index cannot decide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import takewhile
from typing import Any

from pyroaring import BitMap

from matcher.matching.compiled_catalogue import Catalogue
from matcher.matching.index.clause_index import TOP_RANKED, ClauseIndex, Satisfied, bits
from sentinai.conditions.evaluation.errors import EvaluationError
from sentinai.conditions.evaluation.evaluate import Evaluator

FEW = 4
"""With at most this many positions left, checking each one's clauses is faster than querying every index."""


class IndexQuery:
    """The answers of the clause indexes for one context, each computed when it is first needed.

    ``answers`` are those computed so far, None where the library must decide. ``time_independent`` has the
    positions that satisfy every indexed clause that does not change with time, ``candidates`` those that satisfy
    every indexed clause. ``undecided`` has the positions with an indexed clause that the library must decide.
    """

    __slots__ = ("_verdicts", "answers", "candidates", "catalogue", "context", "time_independent", "undecided")

    def __init__(self, catalogue: Catalogue, context: Mapping[str, Any]) -> None:
        self.catalogue = catalogue
        self.context = context
        self.undecided = BitMap()
        self.answers: dict[ClauseIndex, Satisfied | None] = {}
        self._verdicts: dict[int, bool | EvaluationError] = {}
        self.time_independent = self._satisfying(catalogue.time_independent, catalogue.everyone)
        self.candidates = self._satisfying(catalogue.time_dependent, self.time_independent)

    def answer(self, clause_index: ClauseIndex) -> Satisfied | None:
        """The answer of one index; None if the library must evaluate its clauses."""
        if clause_index in self.answers:
            return self.answers[clause_index]
        try:
            answer = clause_index.answer(clause_index.read(self.context))
        except EvaluationError:
            answer = None
        if answer is None:
            self.undecided |= clause_index.constrained
        self.answers[clause_index] = answer
        return answer

    def _satisfying(self, clause_indexes: Iterable[ClauseIndex], among: BitMap) -> BitMap:
        """The positions that no index excludes."""
        remaining = among
        for clause_index in clause_indexes:
            if len(remaining) <= FEW:
                return BitMap(
                    [
                        position
                        for position in remaining
                        if self._satisfies(position, clause_index.is_time_dependent)
                    ]
                )
            answer = self.answer(clause_index)
            if answer is not None:
                remaining = (
                    answer.positions if remaining is self.catalogue.everyone else remaining & answer.positions
                )
        return remaining

    def _satisfies(self, position: int, is_time_dependent: bool) -> bool:
        """Whether no index of the playbook's clauses, time-dependent or time-independent, excludes it."""
        for clause_index in self.catalogue.clause_indexes[position]:
            if clause_index is not None and clause_index.is_time_dependent is is_time_dependent:
                answer = self.answer(clause_index)
                if answer is not None and position not in answer.positions:
                    return False
        return True

    def evaluate(self, evaluator: Evaluator) -> bool:
        """Whether a residual clause holds; evaluated once, however many playbooks share it.

        Raises:
            EvaluationError: it cannot be evaluated.
        """
        verdict = self._verdicts.get(id(evaluator))
        if verdict is None:
            try:
                verdict = evaluator.holds(self.context)
            except EvaluationError as error:
                verdict = error
            self._verdicts[id(evaluator)] = verdict
        if isinstance(verdict, EvaluationError):
            raise verdict
        return verdict

    def holds(self, evaluator: Evaluator) -> bool:
        """Like ``evaluate``, but false for a clause that raises."""
        try:
            return self.evaluate(evaluator)
        except EvaluationError:
            return False

    def near_miss_candidates(self) -> Iterator[Iterable[int]]:
        """Positions that may fail in exactly one clause: among the best ranked first, then among all."""
        answers = [
            self.answer(clause_index)
            for clause_index in (*self.catalogue.time_independent, *self.catalogue.time_dependent)
        ]
        known = [answer for answer in answers if answer is not None]
        yield _positions(self._near_miss_bits(known))
        if len(self.catalogue.playbooks) > TOP_RANKED:
            yield self._near_miss_candidates(known)

    def _near_miss_bits(self, answers: Iterable[Satisfied]) -> int:
        """Like ``_near_miss_candidates``, for the best ranked positions as bits."""
        none, one = (1 << min(TOP_RANKED, len(self.catalogue.playbooks))) - 1, 0
        for _, top_ranked in answers:
            one = one & top_ranked | none & ~top_ranked
            none &= top_ranked
        unresolved = self.catalogue.top_ranked_with_residuals
        if self.undecided:
            unresolved |= bits(takewhile(TOP_RANKED.__gt__, self.undecided))
        return one | none & unresolved

    def _near_miss_candidates(self, answers: Iterable[Satisfied]) -> BitMap:
        """Positions with at most one failed clause, counted for all playbooks together, one index at a time."""
        none, one = self.catalogue.everyone.copy(), BitMap()
        for satisfied, _ in answers:
            one &= satisfied
            one |= none - satisfied
            none &= satisfied
        return one | (none & (self.catalogue.with_residuals | self.undecided))


def _positions(remaining: int) -> Iterator[int]:
    """The positions of the set bits, lowest first."""
    while remaining:
        lowest = remaining & -remaining
        yield lowest.bit_length() - 1
        remaining ^= lowest
