"""The placeholder grammar: ``{exception.entity}``, ``{sla.minutes_remaining:.0f}``, ``{{`` and ``}}``.

There are no expressions, calls, filters, loops or attributes: a path walks JSON objects and arrays, and
a format spec rounds, groups and pads. What is rendered is data; whoever shows it escapes it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sentinai.problems import Finding, TemplateUnresolved

ROOTS = ("exception", "domain_pack", "policy_pack", "sla", "step", "actor")
MAX_WIDTH = 64
MAX_PRECISION = 12
_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*\Z")
_SPEC = re.compile(
    r"(?:(?P<fill>[^{}])?(?P<align>[<>^]))?(?P<width>\d{1,2})?(?P<group>[,_])?"
    r"(?:\.(?P<precision>\d{1,2}))?(?P<kind>[dfs%])?\Z"
)
_TOKENS = re.compile(r"\{\{|\}\}|\{(?P<inside>[^{}]*)\}|[{}]")
_MISSING = object()


class TemplateSyntaxError(ValueError):
    """A template that cannot be read; the message says what is wrong where."""


@dataclass(frozen=True, slots=True)
class Placeholder:
    """One ``{path:spec}``."""

    path: str
    spec: str

    @property
    def root(self) -> str:
        """The first segment of the path."""
        return self.path.partition(".")[0]


Part = str | Placeholder


@lru_cache(maxsize=4096)
def parse(template: str) -> tuple[Part, ...]:
    """The literal texts and placeholders of a template, in order.

    Raises:
        TemplateSyntaxError: a lone brace, a path that is none, or a format spec that is too much.
    """
    parts: list[Part] = []
    end = 0
    for found in _TOKENS.finditer(template):
        parts.append(template[end : found.start()])
        parts.append(_token(found))
        end = found.end()
    parts.append(template[end:])
    return tuple(_joined(parts))


def _token(found: re.Match[str]) -> Part:
    token = found[0]
    if token in ("{{", "}}"):
        return token[0]
    if found["inside"] is None:
        raise TemplateSyntaxError(
            f"A lone {token!r} at character {found.start() + 1}; write {token * 2!r} for a literal brace."
        )
    path, _, spec = found["inside"].partition(":")
    if not _PATH.match(path):
        raise TemplateSyntaxError(
            f"{found[0]!r} is no placeholder: inside the braces stands a path such as exception.entity."
        )
    _check_spec(spec, found[0])
    return Placeholder(path, spec)


def _check_spec(spec: str, token: str) -> None:
    found = _SPEC.match(spec)
    if not found:
        raise TemplateSyntaxError(f"{token!r}: a format rounds, groups and pads, as in :>12,.2f.")
    if int(found["width"] or 0) > MAX_WIDTH or int(found["precision"] or 0) > MAX_PRECISION:
        raise TemplateSyntaxError(
            f"{token!r}: a width is at most {MAX_WIDTH} and a precision at most {MAX_PRECISION}."
        )


def _joined(parts: list[Part]) -> Iterator[Part]:
    text = ""
    for part in parts:
        if isinstance(part, str):
            text += part
            continue
        if text:
            yield text
        yield part
        text = ""
    if text:
        yield text


def check(template: str, *, names: Collection[str] = ()) -> list[Finding]:
    """What is wrong with a template. ``names`` are the extra names that it may use beside the roots."""
    try:
        parts = parse(template)
    except TemplateSyntaxError as error:
        return [Finding("", "template_syntax", str(error))]
    known = (*ROOTS, *names)
    return [
        Finding(
            "",
            "unknown_placeholder",
            f"{{{part.path}}} begins with {part.root!r}, which is not known here.",
            f"Known: {', '.join(known)}.",
        )
        for part in parts
        if isinstance(part, Placeholder) and part.root not in known
    ]


def placeholders(template: str) -> list[Placeholder]:
    """The placeholders of a template, in order; none for one that cannot be read."""
    try:
        return [part for part in parse(template) if isinstance(part, Placeholder)]
    except TemplateSyntaxError:
        return []


def render_text(template: str, values: Mapping[str, Any]) -> str:
    """The template as text: a missing value shows as ``[missing: path]``, null is empty, objects are JSON."""
    return "".join(
        part if isinstance(part, str) else _shown(part, _look_up(part.path, values)) for part in parse(template)
    )


def render_payload(document: Any, values: Mapping[str, Any]) -> Any:
    """The document with its strings rendered, recursively; keys stay as they are.

    A string that is one placeholder, without a format, keeps the value's type.

    Raises:
        TemplateUnresolved: a placeholder has no value; every such one is named.
    """
    missing = sorted({part.path for part in _all_placeholders(document) if not _has(part.path, values)})
    if missing:
        raise TemplateUnresolved(
            f"No value for {', '.join(f'{{{path}}}' for path in missing)}.",
            findings=[Finding("", "template_unresolved", f"{{{path}}} has no value.") for path in missing],
        )
    return preview_payload(document, values)


def preview_payload(document: Any, values: Mapping[str, Any]) -> Any:
    """The same, with a missing value shown as ``[missing: path]`` instead of refused."""
    if isinstance(document, dict):
        return {key: preview_payload(item, values) for key, item in document.items()}
    if isinstance(document, list):
        return [preview_payload(item, values) for item in document]
    if not isinstance(document, str):
        return document
    parts = parse(document)
    if len(parts) == 1 and isinstance(parts[0], Placeholder) and not parts[0].spec:
        value = _look_up(parts[0].path, values)
        return _shown(parts[0], value) if value is _MISSING else value
    return render_text(document, values)


def _all_placeholders(document: Any) -> Iterator[Placeholder]:
    if isinstance(document, dict):
        for item in document.values():
            yield from _all_placeholders(item)
    elif isinstance(document, list):
        for item in document:
            yield from _all_placeholders(item)
    elif isinstance(document, str):
        yield from (part for part in parse(document) if isinstance(part, Placeholder))


def _has(path: str, values: Mapping[str, Any]) -> bool:
    return _look_up(path, values) is not _MISSING


def _look_up(path: str, values: Any) -> Any:
    for segment in path.split("."):
        if isinstance(values, Mapping):
            values = values.get(segment, _MISSING)
        elif isinstance(values, list) and segment.isascii() and segment.isdigit() and len(segment) < 7:
            values = values[int(segment)] if int(segment) < len(values) else _MISSING
        else:
            return _MISSING
    return values


def _shown(placeholder: Placeholder, value: Any) -> str:
    if value is _MISSING:
        return f"[missing: {placeholder.path}]"
    if value is None:
        return ""
    return _formatted(value, placeholder.spec)


def _formatted(value: Any, spec: str) -> str:
    found = _SPEC.match(spec)
    assert found is not None
    text = _number(value, found) if _is_number(value) else _plain(value, found)
    return format(text, f"{found['fill'] or ' '}{found['align'] or '<'}{found['width'] or 0}")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number(value: int | float, spec: re.Match[str]) -> str:
    """A number, exactly: by decimals, so that an integer of any size keeps its digits."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    kind, group = spec["kind"] or "", spec["group"] or ""
    if kind in ("", "s", "d") and not spec["precision"]:
        rounded: int | float = round(value) if kind == "d" else value
        return format(rounded, group) if isinstance(rounded, int) or group else _shortest(rounded)
    places = int(spec["precision"] or 6) if kind in ("f", "%") or spec["precision"] else 0
    number = Decimal(value) if isinstance(value, int) else Decimal(repr(value))
    return format(number, f"{group}.{places}{'%' if kind == '%' else 'f'}")


def _shortest(value: float) -> str:
    return json.dumps(value)


def _plain(value: Any, spec: re.Match[str]) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    cut = spec["precision"] and isinstance(value, str) and spec["kind"] in (None, "s")
    return text[: int(spec["precision"])] if cut else text
