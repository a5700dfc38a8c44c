"""One exception held against the index: who is left, and what the index could not tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import takewhile
from typing import Any

from pyroaring import BitMap

from matcher.matching.catalogue import Catalogue
from matcher.matching.group import HEAD, Group, Satisfied, bits
from sentinai.conditions.containment import EvaluationError
from sentinai.conditions.evaluate import Evaluator


class Probe:
    """The answers of all groups for one context.

    ``lasting`` are the positions that satisfy all that time does not move, ``left`` those that satisfy all
    that the index knows. ``unsure`` are the positions of which a clause must be asked of the library.
    """

    def __init__(self, catalogue: Catalogue, context: Mapping[str, Any]) -> None:
        self.catalogue = catalogue
        self.context = context
        self.unsure = BitMap()
        self._told: list[tuple[Group, Satisfied]] = []
        self._verdicts: dict[int, bool | EvaluationError] = {}
        self.lasting = self._satisfying(catalogue.lasting, catalogue.everyone)
        self.left = self._satisfying(catalogue.timed, self.lasting)

    def _satisfying(self, groups: Iterable[Group], among: BitMap) -> BitMap:
        """Of some positions, those that no group rules out."""
        answers = []
        for group in groups:
            try:
                answer = group.answer(group.read(self.context))
            except EvaluationError:
                answer = None
            if answer is None:
                self.unsure |= group.constrained
            else:
                self._told.append((group, answer))
                answers.append(answer.everyone)
        return BitMap.intersection(*answers, among) if answers else among

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

    def ruling_out(self, position: int) -> list[Group]:
        """The groups that rule a position out."""
        return [group for group, answer in self._told if position not in answer.everyone]

    def nearly(self) -> Iterator[Iterable[int]]:
        """Positions that may fail in exactly one clause: among the best ranked first, then among all."""
        yield _positions(self._nearly_in_head())
        if len(self.catalogue.playbooks) > HEAD:
            yield self._nearly()

    def _nearly_in_head(self) -> int:
        """As ``_nearly``, for positions as bits."""
        none, one = (1 << min(HEAD, len(self.catalogue.playbooks))) - 1, 0
        for _, answer in self._told:
            one = one & answer.head | none & ~answer.head
            none &= answer.head
        open_questions = self.catalogue.head_with_residuals
        if self.unsure:
            open_questions |= bits(takewhile(HEAD.__gt__, self.unsure))
        return one | none & open_questions

    def _nearly(self) -> BitMap:
        """Misses counted to one, group by group, without looking at single playbooks."""
        none, one = self.catalogue.everyone.copy(), BitMap()
        for _, answer in self._told:
            one &= answer.everyone
            one |= none - answer.everyone
            none &= answer.everyone
        return one | (none & (self.catalogue.with_residuals | self.unsure))


def _positions(left: int) -> Iterator[int]:
    """The places of a number's bits, lowest first."""
    while left:
        lowest = left & -left
        yield lowest.bit_length() - 1
        left ^= lowest
