"""One exception held against the index: who is left, and what the index could not tell."""

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
"""When so few are left, asking for each about its own clauses is quicker than asking all groups."""


class IndexQuery:
    """The answers of the clause indexes for one context, each computed when it is first needed.

    ``answers`` are those given so far, None where the library must decide. ``time_independent`` are the positions
    that satisfy every clause that does not change with time, ``candidates`` those that satisfy all that the index
    covers. ``undecided`` are the positions with a clause that the library must decide.
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

    def answer(self, group: ClauseIndex) -> Satisfied | None:
        """What a group says; None where the library must be asked."""
        if group in self.answers:
            return self.answers[group]
        try:
            answer = group.answer(group.read(self.context))
        except EvaluationError:
            answer = None
        if answer is None:
            self.undecided |= group.constrained
        self.answers[group] = answer
        return answer

    def _satisfying(self, groups: Iterable[ClauseIndex], among: BitMap) -> BitMap:
        """Of some positions, those that no group rules out."""
        left = among
        for group in groups:
            if len(left) <= FEW:
                return BitMap(
                    [position for position in left if self._satisfies(position, group.is_time_dependent)]
                )
            answer = self.answer(group)
            if answer is not None:
                left = answer.everyone if left is self.catalogue.everyone else left & answer.everyone
        return left

    def _satisfies(self, position: int, is_time_dependent: bool) -> bool:
        """Whether none of a playbook's own groups rules it out, of those that time moves or of the others."""
        for group in self.catalogue.clause_indexes[position]:
            if group is not None and group.is_time_dependent is is_time_dependent:
                answer = self.answer(group)
                if answer is not None and position not in answer.everyone:
                    return False
        return True

    def evaluate(self, evaluator: Evaluator) -> bool:
        """What a residual clause says, asked once however many playbooks have it.

        Raises:
            EvaluationError: it raised.
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

    def says(self, evaluator: Evaluator) -> bool:
        """As ``evaluate``, for which a clause that raises does not hold."""
        try:
            return self.evaluate(evaluator)
        except EvaluationError:
            return False

    def near_miss_candidates(self) -> Iterator[Iterable[int]]:
        """Positions that may fail in exactly one clause: among the best ranked first, then among all."""
        answers = [
            self.answer(group) for group in (*self.catalogue.time_independent, *self.catalogue.time_dependent)
        ]
        told = [answer for answer in answers if answer is not None]
        yield _positions(self._nearly_in_head(told))
        if len(self.catalogue.playbooks) > TOP_RANKED:
            yield self._near_miss_candidates(told)

    def _nearly_in_head(self, told: Iterable[Satisfied]) -> int:
        """As ``_near_miss_candidates``, for positions as bits."""
        none, one = (1 << min(TOP_RANKED, len(self.catalogue.playbooks))) - 1, 0
        for _, head in told:
            one = one & head | none & ~head
            none &= head
        open_questions = self.catalogue.head_with_residuals
        if self.undecided:
            open_questions |= bits(takewhile(TOP_RANKED.__gt__, self.undecided))
        return one | none & open_questions

    def _near_miss_candidates(self, told: Iterable[Satisfied]) -> BitMap:
        """Misses counted to one, group by group, without looking at single playbooks."""
        none, one = self.catalogue.everyone.copy(), BitMap()
        for everyone, _ in told:
            one &= everyone
            one |= none - everyone
            none &= everyone
        return one | (none & (self.catalogue.with_residuals | self.undecided))


def _positions(left: int) -> Iterator[int]:
    """The places of a number's bits, lowest first."""
    while left:
        lowest = left & -left
        yield lowest.bit_length() - 1
        left ^= lowest
