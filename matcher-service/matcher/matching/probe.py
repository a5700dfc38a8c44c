"""One exception held against the index: who is left, and what the index could not tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pyroaring import BitMap

from matcher.matching.catalogue import Catalogue
from matcher.matching.groups import HEAD, Group, Satisfied
from sentinai.conditions.evaluate import EvaluationError, Evaluator, value_at

_UNREADABLE = object()


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
        values = {path: _look_up(parts, context) for path, parts in catalogue.paths.items()}
        lasting = self._answers(catalogue.lasting, values)
        timed = self._answers(catalogue.timed, values)
        self.answers = [*lasting, *timed]
        self.lasting = _intersection(catalogue.everyone, lasting)
        self.left = _intersection(self.lasting, timed)

    def _answers(self, groups: Iterable[Group], values: Mapping[str, Any]) -> list[Satisfied]:
        found = []
        for group in groups:
            value = values[group.path]
            answer = None if value is _UNREADABLE else group.answer(value)
            if answer is None:
                self.unsure |= group.constrained
            else:
                found.append(answer)
                self._told.append((group, answer))
        found.sort(key=lambda answer: answer.count)
        return found

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

    def ruling_out(self, position: int) -> list[Group]:
        """The groups that rule a position out."""
        return [group for group, answer in self._told if position not in answer.everyone]

    def nearly(self) -> Iterator[BitMap]:
        """Positions that may fail in exactly one clause: among the best ranked first, then among all."""
        if len(self.catalogue.playbooks) > HEAD:
            yield self._nearly(_HEAD, [answer.head for answer in self.answers])
        yield self._nearly(self.catalogue.everyone, [answer.everyone for answer in self.answers])

    def _nearly(self, everyone: BitMap, answers: list[BitMap]) -> BitMap:
        """Misses counted to one, group by group, without looking at single playbooks."""
        none, one = everyone, BitMap()
        for answer in answers:
            one = (one & answer) | (none - answer)
            none = none & answer
        return one | (none & (self.catalogue.with_residuals | self.unsure))


_HEAD = BitMap(range(HEAD))


def _intersection(start: BitMap, answers: list[Satisfied]) -> BitMap:
    found = start
    for answer in answers:
        found = found & answer.everyone
    return found


def _look_up(parts: tuple[str, ...], data: Any) -> Any:
    try:
        return value_at(parts, data)
    except EvaluationError:
        return _UNREADABLE
