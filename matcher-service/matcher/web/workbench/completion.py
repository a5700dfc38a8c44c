"""What the editors suggest in each context: keys with the start of their value, paths, and values of a path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from matcher.web.workbench.samples import Attribute
from sentinai.conditions.language import vocabulary
from sentinai.conditions.language.operators import OPERATORS, Operator
from sentinai.conditions.language.vocabulary import (
    BOOLEAN,
    COMPARISONS,
    CONTEXT_PREFIX,
    INSTANT,
    SEVERITY,
    TAGS,
    TEXT,
    TYPE,
)

Values = Mapping[str, Sequence[Any]]
Option = Mapping[str, Any]
_CARET = "▮"
_LISTS = ("in", "not_in", "any", "none")
_TEXTS = (TEXT, TYPE, SEVERITY, INSTANT, "string", "date-time")
_MEANINGS = {
    "": "is, or is one of",
    "in": "is one of",
    "not": "is not",
    "not_in": "is none of",
    "lt": "is less than",
    "lte": "is at most",
    "gt": "is more than",
    "gte": "is at least",
    "any": "has one of",
    "none": "has none of",
}
_HIDDEN = ("exception.tenant_id", "exception.severity_rank")
_WHOLE = "exception.normalized_context"


def completion(attributes: Sequence[Attribute], values: Values) -> dict[str, Any]:
    """The options for each context, by its name, and ``values`` by path.

    An option is ``{label, about, opening?, path?, list?}``: ``opening`` is how a key's value starts, with ▮ for
    the caret, ``path`` is what the key compares, ``list`` whether its value is a list.
    """
    booleans = [vocabulary.FIELDS["sla_breached"].path]
    booleans += [attribute.path for attribute in attributes if attribute.type == BOOLEAN]
    return {
        "root": _root(),
        "match": [*_predicates(), *_context_predicates(attributes), _sla_window()],
        "sla_window": [_key(f"minutes_remaining_{suffix}", "minutes", _CARET) for suffix in COMPARISONS],
        "logic": [_key(each.name, each.description, _arguments(each)) for each in OPERATORS.values()],
        "paths": [*_paths(), *({"label": each.path, "about": each.about} for each in attributes)],
        "exception": list(_exception_keys()),
        "normalized_context": [
            _key(each.name, each.about, _opening(each.type), path=each.path) for each in attributes
        ],
        "values": {**values, **{path: [True, False] for path in booleans}},
    }


def _key(label: str, about: str, opening: str, **more: Any) -> Option:
    return {"label": label, "about": about, "opening": opening, **more}


def _opening(kind: str, suffix: str = "") -> str:
    if suffix in _LISTS or kind in (TAGS, "array"):
        return f'["{_CARET}"]'
    if kind == "object":
        return f"{{{_CARET}}}"
    return f'"{_CARET}"' if kind in _TEXTS else _CARET


def _root() -> list[Option]:
    return [
        _key("match", "predicates, all of which must hold", f"{{{_CARET}}}"),
        _key("logic", "one JSON-Logic rule", f"{{{_CARET}}}"),
        _key("priority", "higher wins; default 0", _CARET),
    ]


def _predicates() -> Iterator[Option]:
    for name, field in vocabulary.FIELDS.items():
        yield from _with_suffixes(name, field.kind, field.path, "", field.kind)


def _context_predicates(attributes: Sequence[Attribute]) -> Iterator[Option]:
    for each in attributes:
        name = CONTEXT_PREFIX + each.name
        yield from _with_suffixes(name, vocabulary.ANY, each.path, each.about, each.type)


def _with_suffixes(name: str, kind: str, path: str, about: str, type_: str) -> Iterator[Option]:
    for suffix in vocabulary.SUFFIXES[kind]:
        label = f"{name}_{suffix}" if suffix else name
        meaning = "has all of" if kind == TAGS and not suffix else _MEANINGS[suffix]
        description = f"{meaning} · {about}" if about else meaning
        yield _key(label, description, _opening(type_, suffix), path=path, list=suffix in _LISTS)


def _sla_window() -> Option:
    return _key("sla_window", "an object with minutes_remaining_lt and similar keys", f"{{{_CARET}}}")


def _arguments(operator: Operator) -> str:
    if operator.name == "var":
        return f'"{_CARET}"'
    if operator.arity == (1, 1):
        return f"{{{_CARET}}}"
    starts_with_value = operator.arity in ((2, 2), (2, 3)) and operator.name != "missing_some"
    return f'[{{"var": "{_CARET}"}}, ]' if starts_with_value else f"[{_CARET}]"


def _paths() -> Iterator[Option]:
    return ({"label": path, "about": about} for path, about in vocabulary.PATHS.items())


def _exception_keys() -> Iterator[Option]:
    for path, about in vocabulary.PATHS.items():
        scope, _, name = path.partition(".")
        if scope == "exception" and path not in _HIDDEN:
            opening = f"{{{_CARET}}}" if path == _WHOLE else _opening(about.partition(":")[0])
            yield _key(name, about, opening, path=path)
