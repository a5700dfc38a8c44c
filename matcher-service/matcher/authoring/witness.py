"""An exception that all of some clauses hold for, if one is easily made; whoever uses it checks it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import Any, NamedTuple

from sentinai.clock import format_time
from sentinai.conditions.language import clause_shapes
from sentinai.conditions.language.clause_shapes import Shape, shape_of
from sentinai.conditions.lint.implication import SEVERITY_PATHS, STATES, holds
from sentinai.conditions.lint.subsumption import are_texts
from sentinai.documents.schemas import is_valid

_SLA, _SEVERITY, _TAGS = "sla", "severity", "policy.tags"
_MINUTE = timedelta(minutes=1)
_MOST_VALUES = 64
"""How many values are tried for one path."""
_LONGEST_WAIT = 10**6
"""In minutes: far enough, and within the range of dates."""


Required = Mapping[str, frozenset[str]]
"""By path, the texts of which conditions require one."""


class _Value(NamedTuple):
    """What rules see, and the fields of the exception that show it to them, by path."""

    seen: Mapping[str, Any]
    fields: Mapping[str, Any]


def required(clauses: Iterable[Any]) -> Required:
    """What clauses require of the texts at some paths."""
    found: dict[str, frozenset[str]] = {}
    for shape in filter(None, map(shape_of, clauses)):
        if shape.kind in (clause_shapes.STRICT, clause_shapes.LISTED) and not shape.negated and are_texts(shape):
            found[shape.path] = frozenset(shape.values)
    return found


def exclude_each_other(one: Required, other: Required) -> bool:
    """Whether no text satisfies two conditions: a quick test that most pairs of playbooks fail."""
    return any(path in other and texts.isdisjoint(other[path]) for path, texts in one.items())


def exception_for(clauses: Iterable[Any], as_of: datetime) -> dict[str, Any] | None:
    """An exception for which every clause of a common shape holds; None if none was found."""
    exception: dict[str, Any] = {"exception_id": "witness"}
    for about, group in _by_subject(clauses).items():
        shapes = [shape for _, shape in group]
        values = islice(_values(about, shapes, as_of), _MOST_VALUES)
        value = next((each for each in values if all(holds(logic, each.seen) for logic, _ in group)), None)
        if value is None:
            return None
        for path, given in value.fields.items():
            _put(exception, path.split("."), given)
    return exception if is_valid("match-exception", exception) else None


def _by_subject(clauses: Iterable[Any]) -> dict[str, list[tuple[Any, Shape]]]:
    """The clauses that have a shape, by what must have one value for all of them."""
    found: dict[str, list[tuple[Any, Shape]]] = {}
    for logic in clauses:
        shape = shape_of(logic)
        if shape is not None:
            found.setdefault(_subject(shape.path), []).append((logic, shape))
    return found


def _subject(path: str) -> str:
    if path in SEVERITY_PATHS:
        return _SEVERITY
    return _SLA if path.startswith("sla.") else path


def _values(about: str, shapes: Sequence[Shape], as_of: datetime) -> Iterator[_Value]:
    if about == _SEVERITY:
        for state in STATES:
            yield _Value(state, {"severity": state["exception"]["severity"]})
    elif about == _SLA:
        for minutes in chain(_literals(shapes), (60, -60, None)):
            if minutes is None or (_is_number(minutes) and abs(minutes) < _LONGEST_WAIT):
                yield _deadline(minutes, as_of)
    elif about == _TAGS:
        tags = [value for each in shapes if not each.negated for value in each.values]
        for some in (tags, tags[:1], []):
            yield _Value(_at(about, some), {"normalized_context.policy_tags": some})
    elif about.startswith("exception."):
        for value in chain(_literals(shapes), ("other", 1, True, [], None)):
            yield _Value(_at(about, value), {about.removeprefix("exception."): value})


def _deadline(minutes: float | None, as_of: datetime) -> _Value:
    if minutes is None:
        return _Value({"sla": {"minutes_remaining": None, "breached": False}}, {"sla_deadline": None})
    seen = {"sla": {"minutes_remaining": minutes, "breached": minutes < 0}}
    return _Value(seen, {"sla_deadline": format_time(as_of + minutes * _MINUTE)})


def _literals(shapes: Iterable[Shape]) -> Iterator[Any]:
    """The values that clauses name, and those next to them."""
    for shape in shapes:
        if shape.kind == clause_shapes.MEMBER:
            yield list(shape.values)
        for value in shape.values:
            if shape.kind == clause_shapes.GLOB:
                yield value.replace("*", "").replace("?", "x")
                yield value.replace("*", "x").replace("?", "x")
            else:
                yield value
                if shape.kind == clause_shapes.COMPARE and _is_number(value):
                    yield from (value + 1, value - 1)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _at(path: str, value: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    _put(found, path.split("."), value)
    return found


def _put(document: dict[str, Any], path: Sequence[str], value: Any) -> None:
    *parents, last = path
    for parent in parents:
        inner = document.setdefault(parent, {})
        document = inner if isinstance(inner, dict) else {}
    document[last] = value
