"""Which rules may run: an allow-list of operators, and limits on everything that costs time or memory.

json-logic-qubit's ``method`` reaches any Python attribute, so only the operators of the language are allowed. The
limits bound what an accepted rule can cost: its depth and size, iterators that do not nest, and no value that
doubles with every item.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sentinai.conditions.language.operators import ITERATORS, OPERATORS
from sentinai.conditions.language.vocabulary import OTHER_NAMES
from sentinai.documents import json_pointer
from sentinai.documents.suggestions import did_you_mean, nearest
from sentinai.problems import Finding

MAX_DEPTH = 32
MAX_NODES = 512
MAX_LIST = 1000
MAX_STRING_BYTES = 4096
MAX_NUMBER = 2**1024


def check_logic(rule: Any, pointer: str = "") -> list[Finding]:
    """Everything that forbids running a rule, each at its JSON pointer; empty if it may run."""
    walk = _Walk()
    walk.visit(rule, pointer, depth=1, inside=None)
    return walk.findings


def arguments(rule: dict[str, Any]) -> tuple[str, list[Any]]:
    """The operator of a rule object, and its arguments as a list."""
    ((operator, values),) = rule.items()
    return operator, values if isinstance(values, list) else [values]


class _Walk:
    """One pass over a rule."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.nodes = 0

    def add(self, pointer: str, code: str, message: str, hint: str | None = None) -> None:
        self.findings.append(Finding(pointer, code, message, hint))

    def visit(self, node: Any, pointer: str, depth: int, inside: str | None) -> None:
        """Check a node; ``inside`` is the iterator that contains it, if any."""
        self.nodes += 1
        if self.nodes > MAX_NODES:
            if self.nodes == MAX_NODES + 1:
                self.add(pointer, "too_many_nodes", f"The rule has more than {MAX_NODES} nodes.", "Split it.")
            return
        if depth > MAX_DEPTH:
            self.add(pointer, "too_deep", f"The rule is nested deeper than {MAX_DEPTH} levels.", "Flatten it.")
        elif isinstance(node, dict):
            self._object(node, pointer, depth, inside)
        elif isinstance(node, list):
            self._list(node, pointer, depth, inside)
        else:
            self._scalar(node, pointer)

    def _scalar(self, value: Any, pointer: str) -> None:
        if isinstance(value, str):
            if len(value.encode("utf-8", "surrogatepass")) > MAX_STRING_BYTES:
                self.add(pointer, "string_too_long", f"A string exceeds {MAX_STRING_BYTES} bytes.")
        elif isinstance(value, (int, float)):
            if not -MAX_NUMBER < value < MAX_NUMBER:
                self.add(pointer, "number_too_large", "A number exceeds the range of a double.")
        elif value is not None:
            self.add(pointer, "not_json", f"{type(value).__name__} is not a JSON value.")

    def _list(self, items: list[Any], pointer: str, depth: int, inside: str | None) -> None:
        if len(items) > MAX_LIST:
            self.add(pointer, "list_too_long", f"A list has more than {MAX_LIST} items.")
            return
        if not any(isinstance(item, (dict, list)) for item in items):
            for index, item in enumerate(items):
                self._scalar(item, f"{pointer}/{index}")
            return
        for index, item in enumerate(items):
            self.visit(item, f"{pointer}/{index}", depth + 1, inside)

    def _object(self, rule: dict[Any, Any], pointer: str, depth: int, inside: str | None) -> None:
        if len(rule) != 1:
            self.add(
                pointer,
                "one_operator",
                f"A rule object needs exactly one key, its operator; this one has {len(rule)}.",
                'Join rules with {"and": [...]}.' if rule else "Remove it.",
            )
            return
        operator, values = next(iter(rule.items()))
        at = json_pointer.join(pointer, operator)
        if not isinstance(operator, str) or operator not in OPERATORS:
            self._refuse(operator, at)
            return
        self._check_arity(operator, values, at)
        if operator == "var":
            self._var(values, at, depth, inside)
        elif operator in ITERATORS:
            self._iterator(operator, values, at, depth, inside)
        else:
            self._arguments(values, at, depth, inside)

    def _refuse(self, operator: object, pointer: str) -> None:
        name = str(operator).lower()
        meant = OTHER_NAMES.get(name, name)
        suggestion = meant if meant in OPERATORS else nearest(name, OPERATORS)
        hint = did_you_mean(suggestion, f"Allowed: {' '.join(OPERATORS)}.")
        message = f"The operator {str(operator)[:60]!r} is not allowed."
        self.findings.append(Finding(pointer, "operator_not_allowed", message, hint, suggestion))

    def _check_arity(self, operator: str, values: Any, pointer: str) -> None:
        bounds = OPERATORS[operator].arity
        count = len(values) if isinstance(values, list) else 1
        if bounds and not bounds[0] <= count <= bounds[1]:
            wanted = str(bounds[0]) if bounds[0] == bounds[1] else f"{bounds[0]} to {bounds[1]}"
            self.add(pointer, "wrong_arguments", f"{operator!r} takes {wanted} arguments, not {count}.")

    def _arguments(self, values: Any, pointer: str, depth: int, inside: str | None) -> None:
        if not isinstance(values, list):
            self.visit(values, pointer, depth + 1, inside)
            return
        if len(values) > MAX_LIST:
            self.add(pointer, "list_too_long", f"A list has more than {MAX_LIST} items.")
            return
        for index, value in enumerate(values):
            self.visit(value, f"{pointer}/{index}", depth + 1, inside)

    def _var(self, values: Any, pointer: str, depth: int, inside: str | None) -> None:
        given = values if isinstance(values, list) else [values]
        name = given[0] if given else ""
        literal = name is None or (isinstance(name, (str, int)) and not isinstance(name, bool))
        if not literal:
            self.add(pointer, "var_not_literal", "The name in var must be a literal string or index.")
            return
        self._scalar(name, pointer)
        if inside == "reduce" and name in ("", None):
            self.add(pointer, "reduce_scope", "The whole scope cannot be read inside reduce.", "Read current.")
        for index, default in enumerate(given[1:], 1):
            self.visit(default, f"{pointer}/{index}", depth + 1, inside)

    def _iterator(self, operator: str, values: Any, pointer: str, depth: int, inside: str | None) -> None:
        if inside is not None:
            self.add(pointer, "nested_iterator", f"{operator!r} is inside {inside!r}: iterators must not nest.")
            return
        given = values if isinstance(values, list) else [values]
        for index, value in enumerate(given):
            self.visit(
                value, f"{pointer}/{index}", depth + 1, operator if index == 1 else f"the list of {operator}"
            )
        if operator == "reduce" and len(given) > 1:
            reads = sum(1 for name in variables(given[1]) if str(name).split(".")[0] == "accumulator")
            if reads > 1:
                self.add(
                    f"{pointer}/1",
                    "reduce_doubles",
                    "Read the accumulator at most once inside reduce: read twice, it may double with every item.",
                )


def variables(rule: Any) -> Iterator[str | int | None]:
    """The names that a rule reads with ``var``, ``missing`` or ``missing_some``, in order, with repetitions."""
    if isinstance(rule, list):
        for item in rule:
            yield from variables(item)
    elif isinstance(rule, dict) and len(rule) == 1:
        operator, values = arguments(rule)
        if operator == "var":
            yield values[0] if values and not isinstance(values[0], (dict, list)) else ""
            yield from variables(values[1:])
        else:
            if operator in ("missing", "missing_some"):
                yield from _named(values)
            yield from variables(values)


def _named(values: Any) -> Iterator[str]:
    """The literal names among the arguments of ``missing``, directly or in a list."""
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from _named(value)
