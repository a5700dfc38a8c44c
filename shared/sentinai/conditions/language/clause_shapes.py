"""The common shapes of clauses, as data: those that an index can answer and that have explanations of their own.

For each shape, the index gives the result of json-logic-qubit for every value; a clause without a shape is left to
the library.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sentinai.conditions.language.guard import arguments

STRICT, LOOSE, LISTED, MEMBER, GLOB, COMPARE, TRUE = "===", "==", "in", "contains", "glob", "compare", "true"
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_NEGATIONS = {"!==": STRICT, "!=": LOOSE}


@dataclass(frozen=True, slots=True)
class Shape:
    """A clause about the value at one path.

    ``kind`` says how the value is compared with ``values``, of which one must match: ``===``, ``==``, ``in`` (a
    literal list), ``contains`` (the value is a list), ``glob``, ``compare`` (by ``operator``), or ``true``.
    """

    kind: str
    path: str
    values: tuple[Any, ...]
    operator: str
    negated: bool = False


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


def _negation(shape: Shape) -> Shape:
    return Shape(shape.kind, shape.path, shape.values, shape.operator, not shape.negated)


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
    return None


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
        if shape is None or shape.negated or (shape.kind, shape.path) != (first.kind, first.path):
            return None
        values += shape.values
    return Shape(first.kind, first.path, tuple(values), first.operator)


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
