"""Parsing a conditions document: its clauses, its priority, and the errors and warnings for its author.

Everything becomes one JSON-Logic rule, an ``and`` of clauses. This normal form is evaluated, indexed, explained
and shown; normalising it again changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from sentinai.conditions.language import vocabulary
from sentinai.conditions.language.guard import check_logic
from sentinai.conditions.language.predicates import is_predicate, to_clauses
from sentinai.documents import json_pointer, strict_json
from sentinai.documents.suggestions import did_you_mean, nearest
from sentinai.problems import MAX_FINDINGS, Finding, InvalidDocument

MAX_DOCUMENT_BYTES = 65_536
MAX_PRIORITY = 1_000_000
_SHORT, _FLAT = 600, 30
"""With fewer characters and brackets than these, no normal form can exceed the limits of nodes and depth."""
_KEYS = ("match", "logic", "priority")
_KNOWN = "Known fields: match, logic, priority."
CATCH_ALL: Any = True
"""The clause of a document without conditions, since the library evaluates an empty ``and`` to false."""


@dataclass(frozen=True, slots=True)
class Clause:
    """One of the conditions that must all hold: JSON-Logic, and its pointer in the document."""

    logic: Any
    pointer: str


@dataclass(frozen=True, slots=True)
class Conditions:
    """A conditions document in its normal form."""

    clauses: tuple[Clause, ...]
    priority: int
    warnings: tuple[Finding, ...] = ()

    @property
    def rule(self) -> dict[str, list[Any]]:
        """The rule that decides, without clauses that say nothing beside others."""
        rules = [clause.logic for clause in self.clauses]
        return {"and": [rule for rule in rules if rule is not CATCH_ALL] or rules[:1]}


def parse(document: Any) -> Conditions:
    """Parse a conditions document.

    Raises:
        InvalidDocument: with every error, at its JSON pointer.
    """
    findings: list[Finding] = []
    conditions = _read(document, findings)
    if findings or conditions is None:
        raise InvalidDocument.about("The conditions are not valid", findings)
    return conditions


def domain_named(document: Any) -> str | None:
    """The one domain that a conditions document requires; None if it requires none, or is not valid."""
    match = document.get("match", document) if isinstance(document, Mapping) else None
    domain = match.get("domain") if isinstance(match, Mapping) else None
    return domain if isinstance(domain, str) else None


def normalise(document: Any) -> dict[str, Any]:
    """The document in its normal form, itself a conditions document.

    Raises:
        InvalidDocument: as ``parse``.
    """
    conditions = parse(document)
    return {"logic": conditions.rule, "priority": conditions.priority}


def _read(document: Any, findings: list[Finding]) -> Conditions | None:
    if not isinstance(document, dict):
        findings.append(Finding("", "wrong_type", "Conditions must be an object.", 'For example {"match": {…}}.'))
        return None
    warnings: list[Finding] = []
    match, at = _match_of(document, findings, warnings)
    clauses = [Clause(logic, pointer) for logic, pointer in to_clauses(match, at, findings)]
    warnings += [_says_nothing(json_pointer.join(at, key)) for key, value in match.items() if value == []]
    if "logic" in document:
        clauses += _logic(document["logic"], findings)
    elif match is _NOTHING and not findings:
        findings.append(
            Finding(
                "",
                "empty_conditions",
                "There are no conditions.",
                'To match every exception, write {"match": {}}.',
            )
        )
    priority = _priority(document, findings)
    _check_size(document, clauses, findings)
    # Without conditions there is still one clause: a rule needs at least one.
    kept = tuple(clauses) or (Clause(CATCH_ALL, "/match"),)
    return Conditions(kept, priority, tuple(warnings))


_NOTHING: Mapping[str, Any] = {}


def _match_of(
    document: Mapping[str, Any], findings: list[Finding], warnings: list[Finding]
) -> tuple[Mapping[str, Any], str]:
    """The predicates and their pointer: in ``match``, or at the root, as in older packs."""
    strangers = [key for key in document if key not in _KEYS]
    if "match" not in document:
        known = {key: document[key] for key in strangers if is_predicate(key)}
        findings += islice((_unknown(key) for key in strangers if key not in known), MAX_FINDINGS)
        if known:
            names = ", ".join(known)
            hint = "Move them into match."
            warnings.append(Finding("", "root_predicates", f"These predicates are outside match: {names}.", hint))
        return known or _NOTHING, ""
    findings += islice(map(_beside_match, strangers), MAX_FINDINGS)
    match = document["match"]
    if isinstance(match, dict):
        return match, "/match"
    findings.append(Finding("/match", "wrong_type", "match must be an object of predicates."))
    return _NOTHING, "/match"


def _beside_match(key: str) -> Finding:
    if not is_predicate(key):
        return _unknown(key)
    pointer = json_pointer.join("", key)
    return Finding(pointer, "root_predicates", f"The predicate {key!r} is outside match.", "Move it into match.")


def _says_nothing(pointer: str) -> Finding:
    """An empty list that does not make the predicate false makes it true."""
    return Finding(pointer, "always_true", "This condition holds for every exception.", "Remove it.")


def _unknown(key: str) -> Finding:
    suggestion = nearest(key, (*_KEYS, *vocabulary.predicates()))
    hint = did_you_mean(suggestion, _KNOWN)
    if suggestion is not None and suggestion not in _KEYS:
        hint = f"Did you mean {suggestion!r}, in match?"
    return Finding(json_pointer.join("", key), "unknown_field", f"Unknown field {key!r}.", hint, suggestion)


def _logic(rule: Any, findings: list[Finding]) -> list[Clause]:
    # The normal form adds an "and" around a single clause, which must not count towards the limits.
    wrong = check_logic(rule["and"][0], "/logic/and/0") if _wraps_one(rule) else check_logic(rule, "/logic")
    if wrong:
        findings += wrong
        return []
    if not isinstance(rule, (dict, bool)):
        findings.append(
            Finding(
                "/logic",
                "wrong_type",
                "logic must be one JSON-Logic rule.",
                'For example {"==": [{"var": "…"}, 1]}.',
            )
        )
        return []
    return _flat(rule, "/logic")


def _wraps_one(rule: Any) -> bool:
    if not isinstance(rule, dict) or list(rule) != ["and"]:
        return False
    return isinstance(rule["and"], list) and len(rule["and"]) == 1


def _flat(rule: Any, pointer: str) -> list[Clause]:
    """The rule as clauses: an ``and`` is split into its parts."""
    if not (isinstance(rule, dict) and "and" in rule):
        return [Clause(rule, pointer)]
    parts = rule["and"] if isinstance(rule["and"], list) else [rule["and"]]
    if not parts:
        return [Clause(False, pointer)]
    found = [clause for index, part in enumerate(parts) for clause in _flat(part, f"{pointer}/and/{index}")]
    said = [clause for clause in found if clause.logic is not CATCH_ALL]
    return said or found[:1]


def _priority(document: Mapping[str, Any], findings: list[Finding]) -> int:
    priority = document.get("priority", 0)
    whole = isinstance(priority, int) and not isinstance(priority, bool)
    if isinstance(priority, float) and priority.is_integer():
        priority, whole = int(priority), True
    if not whole or abs(priority) > MAX_PRIORITY:
        message = f"priority must be an integer from -{MAX_PRIORITY:,} to {MAX_PRIORITY:,}."
        digits = isinstance(priority, str) and priority.strip().isdecimal()
        hint = f"Write {priority.strip()}, without quotes." if digits else None
        findings.append(Finding("/priority", "wrong_type", message, hint))
        return 0
    return int(priority)


def _check_size(document: Any, clauses: list[Clause], findings: list[Finding]) -> None:
    if findings or _is_small(document):
        return
    if len(strict_json.dumps(document).encode("utf-8", "surrogatepass")) > MAX_DOCUMENT_BYTES:
        findings.append(Finding("", "document_too_large", f"The document exceeds {MAX_DOCUMENT_BYTES:,} bytes."))
    # Its normal form must be a valid document too.
    findings += [
        replace(finding, pointer="", message=f"In its normal form: {finding.message}")
        for finding in check_logic(_joined(clauses))
    ]


def _is_small(document: Any) -> bool:
    """A quick test that nearly all documents pass, without a walk."""
    text = repr(document)
    return len(text) < _SHORT and text.count("{") + text.count("[") < _FLAT


def _joined(clauses: list[Clause]) -> Any:
    return clauses[0].logic if len(clauses) == 1 else {"and": [clause.logic for clause in clauses]}
