"""The operators of the language, each defined once: what it takes, what it is called, how it reads in words.

The guard, the explanations, ``/api/operators`` and the editors' completion derive from these definitions. An
operator that json-logic-qubit lacks also needs its function in ``evaluation.engine``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator that a rule may use.

    ``arity`` is the least and the greatest number of arguments; None allows any number. ``phrases`` are format
    strings, the first for the least number of arguments: ``{0}`` is an argument in words, with parentheses where
    it needs them, ``{words[0]}`` the same without, ``{all}`` all arguments separated by commas. With ``joined_by``
    two or more arguments are put together by it. ``aliases`` are names that other languages have for it.
    """

    name: str
    description: str
    arity: tuple[int, int] | None = None
    phrases: tuple[str, ...] = ()
    joined_by: str | None = None
    aliases: tuple[str, ...] = ()
    iterates: bool = False

    def phrase(self, count: int) -> str | None:
        """The phrase for a number of arguments, where there is one."""
        index = count - self.arity[0] if self.arity else 0
        return self.phrases[index] if 0 <= index < len(self.phrases) else None


_ONE, _TWO, _TWO_OR_THREE = (1, 1), (2, 2), (2, 3)

_DEFINITIONS = (
    Operator("var", "the value at a path; a second argument is the default", (0, 2)),
    Operator("missing", "the given paths that have no value", None),
    Operator("missing_some", "the paths without a value, unless enough of them have one", _TWO),
    Operator("==", 'equal, with coercion ("1" equals 1)', _TWO, ("{0} is {1}",), aliases=("=", "eq", "equals")),
    Operator("===", "equal, of the same type", _TWO, ("{0} is {1}",), aliases=("is",)),
    Operator("!=", "not equal, with coercion", _TWO, ("{0} is not {1}",), aliases=("ne", "<>", "not_equals")),
    Operator("!==", "not equal, or of another type", _TWO, ("{0} is not {1}",)),
    Operator(
        "<",
        "less; with three arguments, between",
        _TWO_OR_THREE,
        ("{0} is less than {1}", "{1} is between {0} and {2}"),
        aliases=("lt",),
    ),
    Operator(
        "<=",
        "less or equal; with three arguments, between, inclusive",
        _TWO_OR_THREE,
        ("{0} is at most {1}", "{1} is from {0} to {2}"),
        aliases=("lte", "le", "=<", "between"),
    ),
    Operator(">", "greater", _TWO, ("{0} is more than {1}",), aliases=("gt",)),
    Operator(">=", "greater or equal", _TWO, ("{0} is at least {1}",), aliases=("gte", "ge", "=>")),
    Operator("!", "not", _ONE, ("not {0}",), aliases=("not",)),
    Operator("!!", "the truth of a value", _ONE, ("{0} is set",), aliases=("exists",)),
    Operator("and", "the first false value, or the last one", None, ("{all}",), " and ", ("&&", "&")),
    Operator("or", "the first true value, or the last one", None, ("{all}",), " or ", ("||", "|")),
    Operator("if", "if, then, else; any number of times", None),
    Operator("?:", "if, then, else", (3, 3)),
    Operator("+", "sum", None, ("{all}",), " + ", ("add", "sum")),
    Operator("-", "difference, or the negative", (1, 2), ("minus {0}", "{0} - {1}")),
    Operator("*", "product", None, ("{all}",), " times "),
    Operator("/", "quotient", _TWO, ("{0} / {1}",)),
    Operator("%", "remainder", _TWO, ("{0} modulo {1}",)),
    Operator("min", "the smallest", None, ("the smallest of {all}",)),
    Operator("max", "the largest", None, ("the largest of {all}",)),
    Operator(
        "in", "an element of a list, or a part of a text", _TWO, ("{words[0]} is in {1}",), None, ("contains",)
    ),
    Operator("cat", "the arguments as one text", None, ("the concatenation of {all}",), None, ("concat",)),
    Operator(
        "substr",
        "a part of a text",
        _TWO_OR_THREE,
        ("the substring of {0} from {words[1]}", "the substring of {0} from {words[1]}, length {words[2]}"),
    ),
    Operator("merge", "the arguments as one list", None, ("the merged list of {all}",)),
    Operator(
        "map",
        "a list with a rule applied to each item",
        _TWO,
        ("{words[1]} of each item of {words[0]}",),
        iterates=True,
    ),
    Operator(
        "filter",
        "the items for which a rule holds",
        _TWO,
        ("the items of {words[0]} where {words[1]}",),
        iterates=True,
    ),
    Operator(
        "reduce",
        "a list combined into one value",
        _TWO_OR_THREE,
        ("{words[1]}, accumulated over {words[0]},",) * 2,
        iterates=True,
    ),
    Operator(
        "all",
        "a rule holds for every item, and there is one",
        _TWO,
        ("for every item of {words[0]} (at least one): {words[1]}",),
        aliases=("every",),
        iterates=True,
    ),
    Operator("none", "a rule holds for no item", _TWO, ("for no item of {words[0]}: {words[1]}",), iterates=True),
    Operator(
        "some",
        "a rule holds for an item",
        _TWO,
        ("for at least one item of {words[0]}: {words[1]}",),
        aliases=("any",),
        iterates=True,
    ),
    Operator(
        "glob",
        "a text matches a pattern with * and ?, ignoring case",
        _TWO,
        ("{0} matches {1}",),
        aliases=("like", "matches"),
    ),
    Operator("number", "the value if it is a number, otherwise null", _ONE, ("{0} as a number",)),
    Operator(
        "instant",
        "the microseconds from 1970 to an RFC 3339 time, to compare two; null for any other value",
        _ONE,
        ("{0} as a time",),
        aliases=("time", "datetime", "timestamp"),
    ),
)
OPERATORS: Mapping[str, Operator] = {each.name: each for each in _DEFINITIONS}
NUMBER, INSTANT = "number", "instant"
READINGS = frozenset({NUMBER, INSTANT})
"""Operators that give a value a type, and null for a value of another."""
ITERATORS = frozenset(each.name for each in _DEFINITIONS if each.iterates)
