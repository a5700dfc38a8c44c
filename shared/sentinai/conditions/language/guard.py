"""What may run: an allow-list of operators, and limits on all that costs.

json-logic-qubit's ``method`` reaches any Python attribute, so the list of what is allowed is ours and
closed; whatever is not on it is refused, in whatever disguise. The limits bound what an accepted rule can
cost: how deep, how large, how often an iterator goes round, and nothing that doubles itself.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from sentinai.conditions.language.operators import ITERATORS, OPERATORS
from sentinai.conditions.language.vocabulary import OTHER_NAMES
from sentinai.problems import Finding

MAX_DEPTH = 32
MAX_NODES = 512
MAX_LIST = 1000
MAX_STRING_BYTES = 4096
MAX_NUMBER = 2**1024


def check_logic(rule: Any, pointer: str = "") -> list[Finding]:
    """Everything that keeps a rule from being run, each at its JSON pointer; nothing means that it may run."""
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
        """Check a node; ``inside`` is the iterator that it stands in, if any."""
        self.nodes += 1
        if self.nodes > MAX_NODES:
            if self.nodes == MAX_NODES + 1:
                self.add(pointer, "too_many_nodes", f"The rule has more than {MAX_NODES} nodes.", "Split it up.")
            return
        if depth > MAX_DEPTH:
            self.add(pointer, "too_deep", f"The rule is nested deeper than {MAX_DEPTH}.", "Flatten it.")
        elif isinstance(node, dict):
            self._object(node, pointer, depth, inside)
        elif isinstance(node, list):
            self._list(node, pointer, depth, inside)
        else:
            self._scalar(node, pointer)

    def _scalar(self, value: Any, pointer: str) -> None:
        if isinstance(value, str):
            if len(value.encode("utf-8", "surrogatepass")) > MAX_STRING_BYTES:
                self.add(pointer, "string_too_long", f"A string is longer than {MAX_STRING_BYTES} bytes.")
        elif isinstance(value, (int, float)):
            if not -MAX_NUMBER < value < MAX_NUMBER:
                self.add(pointer, "number_too_large", "A number is beyond the range of a double.")
        elif value is not None:
            self.add(pointer, "not_json", f"{type(value).__name__} is no JSON value.")

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
                f"A rule object has exactly one key, its operator; this one has {len(rule)}.",
                'Join rules with {"and": [...]}.' if rule else "Take it out.",
            )
            return
        operator, values = next(iter(rule.items()))
        at = f"{pointer}/{escape(operator)}"
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
        near = [meant] if meant in OPERATORS else difflib.get_close_matches(name, OPERATORS, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Allowed: {' '.join(OPERATORS)}."
        self.add(pointer, "operator_not_allowed", f"The operator {str(operator)[:60]!r} is not allowed.", hint)

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
            self.add(pointer, "var_not_literal", "The name in var must be a literal text or index.")
            return
        self._scalar(name, pointer)
        if inside == "reduce" and name in ("", None):
            self.add(pointer, "reduce_scope", "Inside reduce, the whole scope cannot be read.", "Read current.")
        for index, default in enumerate(given[1:], 1):
            self.visit(default, f"{pointer}/{index}", depth + 1, inside)

    def _iterator(self, operator: str, values: Any, pointer: str, depth: int, inside: str | None) -> None:
        if inside is not None:
            self.add(pointer, "nested_iterator", f"{operator!r} stands inside {inside!r}; iterators do not nest.")
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
                    "Inside reduce, the accumulator is read at most once: read twice, it doubles at every item.",
                )


def variables(rule: Any) -> Iterator[str | int | None]:
    """The names that a rule reads by ``var``, ``missing`` or ``missing_some``, in order, each time it does."""
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
    """The literal names among the arguments of ``missing``: each by itself, or in a list."""
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from _named(value)


def escape(key: object) -> str:
    """A key as a segment of a JSON pointer (RFC 6901)."""
    return str(key).replace("~", "~0").replace("/", "~1")
