"""Templates with placeholders: ``{exception.entity}``, ``{sla.minutes_remaining:.0f}``, ``{{`` and ``}}``.

There are no expressions, calls, filters, loops or attributes: a path walks JSON objects and arrays, and a format
spec rounds, groups and pads. The result is data, and is escaped where it is displayed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sentinai.problems import Finding, InvalidDocument, TemplateUnresolved
from sentinai.templates import formats

ROOTS = ("exception", "domain_pack", "policy_pack", "sla", "step", "actor")
MAX_TEXT = 65_536
"""The most characters of a rendered text; a longer one is truncated, and says so."""

MAX_PAYLOAD = 262_144
"""The most characters of a rendered payload in total; a longer one is refused."""

_TRUNCATED = "… [truncated]"
_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*\Z")
_TOKENS = re.compile(r"\{\{|\}\}|\{(?P<inside>[^{}]*)\}|[{}]")
_MISSING = object()


class TemplateSyntaxError(ValueError):
    """A template that cannot be parsed; the message says what is wrong, and where."""


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
        TemplateSyntaxError: an unmatched brace, an invalid path, or an invalid format spec.
    """
    parts: list[Part] = []
    end = 0
    for found in _TOKENS.finditer(template):
        parts.append(template[end : found.start()])
        parts.append(_token(found))
        end = found.end()
    parts.append(template[end:])
    return tuple(part for part in parts if part)


def _token(found: re.Match[str]) -> Part:
    token = found[0]
    if token in ("{{", "}}"):
        return token[0]
    if found["inside"] is None:
        raise TemplateSyntaxError(
            f"Unmatched {token!r} at character {found.start() + 1}; write {token * 2!r} for a literal brace."
        )
    path, _, spec = found["inside"].partition(":")
    if not _PATH.match(path):
        raise TemplateSyntaxError(
            f"{found[0]!r} is not a valid placeholder; write a path in braces, such as {{exception.entity}}."
        )
    try:
        formats.parse(spec)
    except ValueError as error:
        raise TemplateSyntaxError(f"Invalid format in {found[0]!r}: {error}.") from error
    return Placeholder(path, spec)


def check(template: str, *, names: Collection[str] = ()) -> list[Finding]:
    """What is wrong with a template. ``names`` are names that it may use in addition to the roots."""
    try:
        parts = parse(template)
    except TemplateSyntaxError as error:
        return [Finding("", "template_syntax", str(error))]
    known = (*ROOTS, *names)
    return [
        Finding(
            "",
            "unknown_placeholder",
            f"Unknown name {part.root!r} in {{{part.path}}}.",
            f"Known names: {', '.join(known)}.",
        )
        for part in parts
        if isinstance(part, Placeholder) and part.root not in known
    ]


def placeholders(template: str) -> list[Placeholder]:
    """The placeholders of a template, in order; none for one that cannot be parsed."""
    try:
        return [part for part in parse(template) if isinstance(part, Placeholder)]
    except TemplateSyntaxError:
        return []


def render_text(template: str, values: Mapping[str, Any]) -> str:
    """Render a template as text: a missing value becomes ``[missing: path]``, null is empty, objects are JSON."""
    shown: list[str] = []
    room = MAX_TEXT
    for part in parse(template):
        text = part if isinstance(part, str) else _shown(part, _look_up(part.path, values))
        shown.append(text[:room])
        room -= len(text)
        if room < 0:
            return "".join((*shown, _TRUNCATED))
    return "".join(shown)


def render_payload(document: Any, values: Mapping[str, Any]) -> Any:
    """Render all strings of a document, recursively, but not its keys.

    A string that is a single placeholder without a format takes the value's type.

    Raises:
        TemplateUnresolved: placeholders have no value; all of them are named.
        InvalidDocument: the result is longer than ``MAX_PAYLOAD``.
    """
    missing = sorted({part.path for part in placeholders_in(document) if not _has(part.path, values)})
    if missing:
        raise TemplateUnresolved(
            f"No value for {', '.join(f'{{{path}}}' for path in missing)}.",
            findings=[Finding("", "template_unresolved", f"{{{path}}} has no value.") for path in missing],
        )
    try:
        return _filled(document, values, _Room(MAX_PAYLOAD))
    except _TooLong as error:
        raise InvalidDocument(f"The payload is longer than {MAX_PAYLOAD:,} characters.") from error


def preview_payload(document: Any, values: Mapping[str, Any]) -> Any:
    """Like :func:`render_payload`, but never raises: a missing value becomes ``[missing: path]``."""
    try:
        return _filled(document, values, _Room(MAX_PAYLOAD))
    except _TooLong:
        return f"[longer than {MAX_PAYLOAD:,} characters]"


def placeholders_in(document: Any) -> Iterator[Placeholder]:
    """The placeholders of all strings in a document, except in its keys."""
    if isinstance(document, Mapping):
        for item in document.values():
            yield from placeholders_in(item)
    elif isinstance(document, list):
        for item in document:
            yield from placeholders_in(item)
    elif isinstance(document, str):
        yield from placeholders(document)


class _TooLong(Exception):
    """The rendered document exceeds its limit."""


class _Room:
    """The characters that a rendered document may still use; a few placeholders can stand for very many."""

    def __init__(self, characters: int) -> None:
        self._left = characters

    def take(self, value: Any) -> None:
        """Use up about as many characters as the JSON of a value has.

        Raises:
            _TooLong: it does not fit; raised without going through the rest of the value.
        """
        pending = [value]
        while pending:
            each = pending.pop()
            self._left -= 2 + len(each) if isinstance(each, (str, list, Mapping)) else 8
            if self._left < 0:
                raise _TooLong
            if isinstance(each, Mapping):
                pending += [*each.keys(), *each.values()]
            elif isinstance(each, list):
                pending += each


def _filled(document: Any, values: Mapping[str, Any], room: _Room) -> Any:
    if isinstance(document, Mapping):
        return {key: _filled(item, values, room) for key, item in document.items()}
    if isinstance(document, list):
        return [_filled(item, values, room) for item in document]
    filled = _filled_text(document, values) if isinstance(document, str) else document
    room.take(filled)
    return filled


def _filled_text(template: str, values: Mapping[str, Any]) -> Any:
    parts = parse(template)
    if len(parts) != 1 or not isinstance(parts[0], Placeholder) or parts[0].spec:
        return render_text(template, values)
    value = _look_up(parts[0].path, values)
    return _shown(parts[0], value) if value is _MISSING else value


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
    return "" if value is None else formats.show(value, formats.parse(placeholder.spec))
