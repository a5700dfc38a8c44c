"""``match``: predicates as JSON-Logic clauses, one or more each.

A positive predicate is false for a value that is absent or null, a negative one true. So the clauses compare
strictly: json-logic-qubit's ``==`` would treat null as the string "None".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sentinai.clock import format_time, microseconds, parse_time
from sentinai.conditions.language import vocabulary as words
from sentinai.conditions.language.guard import MAX_LIST, MAX_STRING_BYTES
from sentinai.documents import json_pointer
from sentinai.documents.suggestions import did_you_mean, nearest
from sentinai.exception_fields import SEVERITIES
from sentinai.problems import MAX_FINDINGS, Finding

_CONTEXT_PATH = re.compile(r"[^.]+(\.[^.]+)*\Z")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?\Z")
_BOOLEAN = re.compile(r"(true|false)\Z")
_SLA_WINDOW = "minutes_remaining"
_SHORT_TEXT = 128


@dataclass(frozen=True, slots=True)
class Predicate:
    """A key of ``match``: the path that it reads, the kind of its values, and its suffix."""

    key: str
    path: str
    kind: str
    suffix: str


def to_clauses(match: Mapping[str, Any], pointer: str, findings: list[Finding]) -> list[tuple[Any, str]]:
    """The clauses of a ``match`` object, each with its pointer; errors are added to ``findings``."""
    clauses: list[tuple[Any, str]] = []
    for key, value in match.items():
        if len(findings) >= MAX_FINDINGS:
            break
        at = json_pointer.join(pointer, key)
        if key == "sla_window":
            clauses += _sla_window(value, at, findings)
            continue
        known = _of_text(key, value) if value.__class__ is str and len(value) <= _SHORT_TEXT else None
        if known is not None:
            clauses += [(clause, at) for clause in known]
            continue
        predicate = _predicate(key)
        if predicate is None:
            findings.append(_unknown(key, at))
        elif _is_valid(predicate, value, at, findings):
            clauses += [(clause, at) for clause in _clauses(predicate, value)]
    return clauses


@lru_cache(maxsize=8192)
def _of_text(key: str, value: str) -> tuple[Any, ...] | None:
    """The clauses of a predicate with a string; None if it is invalid.

    Playbooks repeat the same predicates over and over, so that they share one clause for each.
    """
    predicate = _predicate(key)
    if predicate is None or not _is_valid(predicate, value, "", []):
        return None
    return tuple(_clauses(predicate, value))


def is_predicate(key: str) -> bool:
    """Whether ``match`` knows a key."""
    return key == "sla_window" or _predicate(key) is not None


@lru_cache(maxsize=4096)
def _predicate(key: str) -> Predicate | None:
    if key == "exception_types":
        return Predicate(key, words.FIELDS["exception_type"].path, words.TYPE, "in")
    if key.startswith(words.CONTEXT_PREFIX):
        return _context_predicate(key)
    for suffix in ("", *words.ALL_SUFFIXES):
        name = key.removesuffix(f"_{suffix}") if suffix else key
        field = words.FIELDS.get(name)
        if field and (not suffix or name != key) and suffix in words.SUFFIXES[field.kind]:
            return Predicate(key, field.path, field.kind, suffix)
    return None


def _context_predicate(key: str) -> Predicate | None:
    path = key.removeprefix(words.CONTEXT_PREFIX)
    suffix = ""
    for known in words.ALL_SUFFIXES:
        if path.endswith(f"_{known}") and known in words.SUFFIXES[words.ANY]:
            path, suffix = path.removesuffix(f"_{known}"), known
            break
    if not _CONTEXT_PATH.match(path):
        return None
    return Predicate(key, words.CONTEXT_PATH + path, words.ANY, suffix)


def _unknown(key: str, pointer: str) -> Finding:
    if key in ("priority", "logic", "match"):
        return Finding(pointer, "unknown_predicate", f"{key!r} is not a predicate.", "Move it out of match.")
    meant = words.OTHER_NAMES.get(key.lower(), key.lower())
    suggestion = meant if is_predicate(meant) else nearest(key, words.predicates())
    hint = did_you_mean(suggestion, "For other attributes use context.<path> or logic.")
    return Finding(pointer, "unknown_predicate", f"Unknown predicate {key!r}.", hint, suggestion)


def _sla_window(window: Any, pointer: str, findings: list[Finding]) -> list[tuple[Any, str]]:
    if not isinstance(window, dict) or not window:
        findings.append(
            Finding(
                pointer, "wrong_type", "sla_window must be an object.", 'For example {"minutes_remaining_lt": 60}.'
            )
        )
        return []
    clauses: list[tuple[Any, str]] = []
    for key, value in window.items():
        at = json_pointer.join(pointer, key)
        predicate = _predicate(f"sla_{key}") if key.startswith(_SLA_WINDOW) else None
        if predicate is None:
            known = ", ".join(f"{_SLA_WINDOW}_{suffix}" for suffix in words.COMPARISONS)
            findings.append(
                Finding(at, "unknown_predicate", f"Unknown key {key!r} in sla_window.", f"Known keys: {known}.")
            )
        elif _is_valid(predicate, value, at, findings):
            clauses += [(clause, at) for clause in _clauses(predicate, value)]
    return clauses


def _is_valid(predicate: Predicate, value: Any, pointer: str, findings: list[Finding]) -> bool:
    before = len(findings)
    if predicate.suffix in words.COMPARISONS:
        kind = words.ORDERED if predicate.kind == words.ANY else predicate.kind
        _check_value(kind, value, pointer, findings)
    elif isinstance(value, list):
        _check_list(predicate, value, pointer, findings)
    elif predicate.suffix in ("in", "not_in", "any", "none"):
        written = json.dumps([value], ensure_ascii=False)[:80]
        findings.append(Finding(pointer, "wrong_type", f"{predicate.key} needs a list.", f"Write {written}."))
    else:
        _check_value(predicate.kind, value, pointer, findings)
    return len(findings) == before


def _check_list(predicate: Predicate, values: list[Any], pointer: str, findings: list[Finding]) -> None:
    if len(values) > MAX_LIST:
        findings.append(Finding(pointer, "list_too_long", f"A list has more than {MAX_LIST} items."))
        return
    never = ("any",) if predicate.kind == words.TAGS else ("", "in")
    if not values and predicate.suffix in never:
        findings.append(
            Finding(pointer, "empty_list", f"{predicate.key}: [] never holds.", "Add a value, or remove it.")
        )
    for index, value in enumerate(values):
        if len(findings) >= MAX_FINDINGS:
            break
        _check_value(predicate.kind, value, f"{pointer}/{index}", findings)


def _check_value(kind: str, value: Any, pointer: str, findings: list[Finding]) -> None:
    if value is None:
        findings.append(
            Finding(
                pointer,
                "wrong_type",
                "A predicate cannot be compared with null.",
                'To test for a missing value, use logic: {"!": {"var": "…"}}.',
            )
        )
    elif kind == words.SEVERITY and not (isinstance(value, str) and value.lower() in SEVERITIES):
        known = ", ".join(SEVERITIES)
        findings.append(
            Finding(pointer, "unknown_severity", f"{_shown(value)} is not a severity.", f"Severities: {known}.")
        )
    elif not _fits(kind, value):
        message = f"Expected {_expected(kind)}, got {_shown(value)}."
        findings.append(Finding(pointer, "wrong_type", message, _correction(kind, value)))
    elif isinstance(value, str) and len(value.encode("utf-8", "surrogatepass")) > MAX_STRING_BYTES:
        findings.append(Finding(pointer, "string_too_long", f"A string exceeds {MAX_STRING_BYTES} bytes."))


def _fits(kind: str, value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 2**1024
    if kind == words.NUMBER:
        return is_number
    if kind == words.ORDERED:
        return is_number or _fits(words.INSTANT, value)
    if kind == words.INSTANT:
        return isinstance(value, str) and microseconds(value) is not None
    if kind == words.BOOLEAN:
        return isinstance(value, bool)
    if kind == words.ANY:
        return is_number or isinstance(value, (str, bool))
    return isinstance(value, str)


def _expected(kind: str) -> str:
    return {
        words.NUMBER: "a number",
        words.BOOLEAN: "true or false",
        words.ANY: "a string, number or boolean",
        words.INSTANT: "an RFC 3339 time",
        words.ORDERED: "a number or an RFC 3339 time",
    }.get(kind, "a string")


def _correction(kind: str, value: Any) -> str | None:
    """How to correct a number or boolean that was written as a string, or the reverse; a time by an example."""
    if kind in (words.NUMBER, words.BOOLEAN, words.ORDERED) and isinstance(value, str):
        bare = value.strip().lower().replace(",", "")
        pattern = _BOOLEAN if kind == words.BOOLEAN else _NUMBER
        if pattern.match(bare):
            return f"Write {bare}, without quotes."
    if kind in (words.TEXT, words.TYPE, words.TAGS) and isinstance(value, (int, float)):
        return f'Write "{_shown(value)}", in quotes.'
    return 'For example "2026-11-23T09:30:00Z".' if kind in (words.INSTANT, words.ORDERED) else None


def _shown(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    return json.dumps(value, ensure_ascii=False, default=str)[:60]


def _clauses(predicate: Predicate, value: Any) -> list[Any]:
    if predicate.kind == words.TAGS:
        return _tags(predicate.suffix, value if isinstance(value, list) else [value])
    if predicate.suffix in words.COMPARISONS:
        return [_comparison(predicate, value)]
    values = value if isinstance(value, list) else [value]
    if predicate.kind == words.SEVERITY:
        values = [each.lower() for each in values]
    positive = _one_of(predicate, values)
    if predicate.suffix not in ("not", "not_in"):
        return [positive]
    return [] if not values else [_negated(positive)]


def _comparison(predicate: Predicate, value: Any) -> Any:
    operator = words.COMPARISONS[predicate.suffix]
    if predicate.kind == words.SEVERITY:
        rank = SEVERITIES.index(value.lower()) + 1
        return {operator: [{"var": "exception.severity_rank"}, rank]}
    read = {"var": predicate.path}
    if isinstance(value, str):
        return {operator: [{"instant": read}, _instant(value)]}
    # The library would compare a text or a boolean too. Fields that are numbers need no guard.
    return {operator: [{"number": read} if predicate.kind == words.ANY else read, value]}


def _instant(text: str) -> Any:
    """A time as the rule has it: in UTC, so that the same instants are the same clauses."""
    return {"instant": format_time(parse_time(text))}


def _one_of(predicate: Predicate, values: list[Any]) -> Any:
    read = {"var": predicate.path}
    if predicate.kind == words.TYPE:
        return _any_of([{"glob": [read, value]} for value in values])
    if predicate.kind == words.INSTANT:
        return _any_of([{"===": [{"instant": read}, _instant(value)]} for value in values])
    if len(values) > 1 and (_all_are(values, words.TEXT) or _all_are(values, words.NUMBER)):
        return {"in": [read, values]}
    return _any_of([{"===": [read, value]} for value in values])


def _all_are(values: list[Any], kind: str) -> bool:
    return all(_fits(kind, value) for value in values)


def _any_of(alternatives: list[Any]) -> Any:
    return alternatives[0] if len(alternatives) == 1 else {"or": alternatives}


def _negated(clause: Any) -> Any:
    ((operator, arguments),) = clause.items()
    return {"!==": arguments} if operator == "===" else {"!": [clause]}


def _tags(suffix: str, tags: list[str]) -> list[Any]:
    has = [{"in": [tag, {"var": "policy.tags"}]} for tag in tags]
    if not suffix:
        return list(has)
    if suffix == "none":
        return [{"!": [_any_of(has)]}] if has else []
    return [_any_of(has)]
