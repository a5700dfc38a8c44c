"""The common shapes of clauses, as data: those that an index can answer and that have explanations of their own.

For each shape, the index gives the result of json-logic-qubit for every value; a clause without a shape is left to
the library.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sentinai.clock import format_time, microseconds, time_at
from sentinai.conditions.language.guard import arguments
from sentinai.conditions.language.operators import INSTANT, NUMBER, READINGS

STRICT, LOOSE, LISTED, MEMBER, GLOB, COMPARE, TRUE = "===", "==", "in", "contains", "glob", "compare", "true"
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_NEGATIONS = {"!==": STRICT, "!=": LOOSE}


@dataclass(frozen=True, slots=True)
class Shape:
    """A clause about the value at one path.

    ``kind`` says how the value is compared with ``values``, of which one must match: ``===``, ``==``, ``in`` (a
    literal list), ``contains`` (the value is a list), ``glob``, ``compare`` (by ``operator``), or ``true``.
    ``reading`` is the operator that the value is read through, ``number`` or ``instant``; ``values`` are then what
    it gives.
    """

    kind: str
    path: str
    values: tuple[Any, ...]
    operator: str
    negated: bool = False
    reading: str | None = None


def shape_of(logic: Any) -> Shape | None:
    """The shape of a clause; None if it has no common shape."""
    if not isinstance(logic, dict) or len(logic) != 1:
        return None
    operator, given = arguments(logic)
    if operator == "!" and len(given) == 1:
        inner = shape_of(given[0])
        return _negation(inner) if inner else None
    if operator == "!!" and len(given) == 1 and _path(given[0]):
        return Shape(TRUE, _path(given[0]) or "", (True,), "!!")
    if operator == "var":
        path = _path(logic)
        return Shape(TRUE, path, (True,), "!!") if path else None
    if operator == "or":
        return _alternatives(given)
    return _binary(operator, given) if len(given) == 2 else None


def shown_values(shape: Shape) -> tuple[Any, ...]:
    """The values as an author writes them: instants as texts, in UTC."""
    if shape.reading != INSTANT:
        return shape.values
    return tuple(format_time(time_at(value)) for value in shape.values)


def _negation(shape: Shape) -> Shape:
    return replace(shape, negated=not shape.negated)


def _path(node: Any) -> str | None:
    """The path that a plain ``var`` reads; None for one with a default, an index, or the whole scope."""
    if not (isinstance(node, dict) and len(node) == 1 and "var" in node):
        return None
    name = node["var"]
    if isinstance(name, list) and len(name) == 1:
        name = name[0]
    return name if isinstance(name, str) and name else None


def _binary(operator: str, given: list[Any]) -> Shape | None:
    left, right = _path(given[0]), _path(given[1])
    if left and not right:
        return _about(left, operator, given[1])
    if right and not left:
        return _about_literal(right, operator, given[0])
    reading = _reading(given[0]) or _reading(given[1])
    return _read_through(reading, operator, given) if reading is not None else None


def _reading(node: Any) -> str | None:
    """The operator that a node reads its value through, if it is one of ``READINGS``."""
    operator = next(iter(node), None) if isinstance(node, dict) and len(node) == 1 else None
    return operator if operator in READINGS else None


def _read_through(reading: str, operator: str, given: list[Any]) -> Shape | None:
    """A comparison of a value, read as a number or an instant, with a literal one."""
    parts = [_without(reading, node) for node in given]
    shape = _binary(operator, parts) if None not in parts else None
    return replace(shape, reading=reading) if shape and shape.kind in (STRICT, LOOSE, COMPARE) else None


def _without(reading: str, node: Any) -> Any:
    """What is read through an operator: a ``var``, or the number that a literal gives; None for anything else."""
    if _reading(node) is None:
        return node if reading == NUMBER and _is_number(node) else None
    operator, given = arguments(node)
    if operator != reading or len(given) != 1:
        return None
    if reading == INSTANT and isinstance(given[0], str):
        return microseconds(given[0])
    return given[0] if _path(given[0]) else None


def _about(path: str, operator: str, literal: Any) -> Shape | None:
    """A clause with the path on the left."""
    if operator in _NEGATIONS:
        return _negated_equality(path, operator, literal)
    if operator in (STRICT, LOOSE) and _is_scalar(literal):
        return Shape(operator, path, (literal,), operator)
    if operator == "in" and isinstance(literal, list) and all(_is_scalar(item) for item in literal):
        return Shape(LISTED, path, tuple(literal), "in")
    if operator == "glob" and isinstance(literal, str):
        return Shape(GLOB, path, (literal,), "glob")
    if operator in _MIRRORED and _is_number(literal):
        return Shape(COMPARE, path, (literal,), operator)
    return None


def _about_literal(path: str, operator: str, literal: Any) -> Shape | None:
    """A clause with the path on the right."""
    if operator == "in" and _is_scalar(literal):
        return Shape(MEMBER, path, (literal,), "contains")
    if operator in _MIRRORED and _is_number(literal):
        return Shape(COMPARE, path, (literal,), _MIRRORED[operator])
    if operator in (STRICT, LOOSE, *_NEGATIONS):
        return _about(path, operator, literal)
    return None


def _negated_equality(path: str, operator: str, literal: Any) -> Shape | None:
    kind = _NEGATIONS[operator]
    return Shape(kind, path, (literal,), kind, negated=True) if _is_scalar(literal) else None


def _alternatives(given: list[Any]) -> Shape | None:
    """Alternatives of one shape about one path are one shape with several values."""
    shapes = [shape_of(part) for part in given]
    first = shapes[0] if shapes else None
    if first is None or first.negated or first.kind in (COMPARE, TRUE):
        return None
    values: list[Any] = []
    for shape in shapes:
        if shape is None or _subject(shape) != _subject(first):
            return None
        values += shape.values
    return replace(first, values=tuple(values))


def _subject(shape: Shape) -> tuple[Any, ...]:
    """What a shape compares, and how."""
    return shape.kind, shape.path, shape.negated, shape.reading


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
