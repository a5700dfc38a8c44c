"""Tests of a catalogue: exceptions, each with the playbook that should be chosen for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from matcher.authoring.files import Document, FileFinding, UnusableFile, read_document, read_yaml
from matcher.authoring.json_positions import Position
from matcher.authoring.validate import with_known_policy
from matcher.matching import Catalogue, MatchResult, Playbook, compile_catalogue, match
from sentinai.clock import parse_time, relative_time
from sentinai.conditions.evaluation import context
from sentinai.conditions.explanation import explain
from sentinai.documents import json_pointer
from sentinai.documents.schemas import check, schemas
from sentinai.documents.suggestions import did_you_mean, nearest
from sentinai.exception_fields import EXCEPTION_FIELDS, RULE_FIELDS
from sentinai.problems import Finding

Pack = Mapping[str, Any]
_EXCEPTION = "match-exception"
_TIMES = tuple(field.name for field in EXCEPTION_FIELDS if field.is_time)


@dataclass(frozen=True, slots=True)
class Case:
    """An exception, the time of the match, and the name of the expected playbook; None if none should match."""

    name: str
    exception: Mapping[str, Any]
    as_of: datetime
    playbook: str | None


@dataclass(frozen=True, slots=True)
class CaseResult:
    """The match of a case. ``explanation`` says why the expected playbook was not chosen, line by line."""

    case: Case
    match: MatchResult
    explanation: tuple[str, ...]

    @property
    def chosen(self) -> str | None:
        """The name of the chosen playbook."""
        return self.match.selected.playbook.name if self.match.selected else None

    @property
    def passed(self) -> bool:
        """Whether the expected playbook was chosen."""
        return self.chosen == self.case.playbook


@dataclass(frozen=True, slots=True)
class Report:
    """The results in the order of the cases, and the names of the playbooks that no case chose."""

    results: tuple[CaseResult, ...]
    never_chosen: tuple[str, ...]

    @property
    def failed(self) -> list[CaseResult]:
        """The results that differ from what was expected."""
        return [result for result in self.results if not result.passed]


def read_cases(path: Path, exceptions: Mapping[str, Pack], now: datetime) -> list[Case]:
    """Read a file of cases, YAML or JSON; ``now`` is the ``as_of`` of those that have none.

    Raises:
        UnusableFile: the cases are not valid, or refer to an unknown exception.
    """
    entries = read_yaml(path)
    found = check("playbook-cases", entries)
    if found:
        raise UnusableFile(_at_start(path, found))
    return [_case(path, index, entry, exceptions, now) for index, entry in enumerate(entries)]


def read_exceptions(path: Path) -> dict[str, Pack]:
    """Read a list of exceptions by id; each by itself or, as in the demo data, under the key ``exception``.

    Raises:
        UnusableFile: the file is not such a list, or is empty.
    """
    document = read_document(path)
    entries = document.value if isinstance(document.value, list) else [document.value]
    if not entries:
        raise UnusableFile([_no_exception(document, "", "The file contains no exceptions.")])
    found: dict[str, Pack] = {}
    for index, entry in enumerate(entries):
        exception = entry.get("exception", entry) if isinstance(entry, dict) else None
        if not isinstance(exception, dict) or not isinstance(exception.get("exception_id"), str):
            message = "Expected an exception with an exception_id."
            raise UnusableFile([_no_exception(document, f"/{index}", message)])
        found[exception["exception_id"]] = exception
    return found


def exception_at(document: Pack, as_of: datetime) -> dict[str, Any]:
    """The attributes that matching uses, with relative times (``+PT45M``: 45 minutes after ``as_of``) resolved."""
    found = {name: document[name] for name in RULE_FIELDS if name in document}
    times = {name: found[name] for name in _TIMES if isinstance(found.get(name), str)}
    return {**found, **{name: relative_time(text, as_of) for name, text in times.items()}}


def check_exception(document: Any, as_of: datetime) -> list[Finding]:
    """What is wrong with an exception as its author wrote it; matching would ignore unknown fields silently."""
    if not isinstance(document, Mapping):
        return check(_EXCEPTION, document)
    known = sorted({*RULE_FIELDS, *schemas()["exception"]["properties"]})
    unknown = [
        Finding(
            json_pointer.join("", name),
            "unknown_field",
            f"Unknown field {name!r}.",
            did_you_mean(nearest(name, known), "Put attributes of the source system into normalized_context."),
            nearest(name, known),
        )
        for name in document
        if name not in known
    ]
    return unknown or check(_EXCEPTION, exception_at(document, as_of))


def run(
    cases: Sequence[Case],
    playbooks: Iterable[Playbook],
    *,
    domain_pack: Pack,
    policy_pack: Pack | None,
    progress: Callable[[], None],
) -> Report:
    """Match the exception of every case; ``progress`` is called after each one."""
    catalogue = compile_catalogue(with_known_policy(playbooks, policy_pack))
    results: list[CaseResult] = []
    for case in cases:
        results.append(_result(case, catalogue, domain_pack, policy_pack or {}))
        progress()
    chosen = {result.chosen for result in results}
    never = sorted({playbook.name for playbook in catalogue.playbooks} - chosen)
    return Report(tuple(results), tuple(never))


def _case(path: Path, index: int, entry: Pack, exceptions: Mapping[str, Pack], now: datetime) -> Case:
    given, pointer = entry["exception"], f"/{index}/exception"
    if isinstance(given, str) and given not in exceptions:
        suggestion = nearest(given, exceptions)
        hint = did_you_mean(suggestion, "Pass the file that contains it with --exceptions.")
        missing = Finding(pointer, "unknown_exception", f"Unknown exception {given!r}.", hint, suggestion)
        raise UnusableFile(_at_start(path, [missing]))
    as_of = parse_time(entry["as_of"]) if entry.get("as_of") else now
    exception = {"exception_id": f"case-{index + 1}", **(exceptions[given] if isinstance(given, str) else given)}
    wrong = check_exception(exception, as_of)
    if wrong:
        raise UnusableFile(_at_start(path, [finding.under(pointer) for finding in wrong]))
    name = entry.get("name") or exception["exception_id"]
    return Case(name, exception_at(exception, as_of), as_of, entry["playbook"])


def _result(case: Case, catalogue: Catalogue, domain_pack: Pack, policy_pack: Pack) -> CaseResult:
    seen = context.build(case.exception, domain_pack=domain_pack, policy_pack=policy_pack, as_of=case.as_of)
    result = CaseResult(case, match(catalogue, seen, as_of=case.as_of), ())
    if result.passed or case.playbook is None:
        return result
    return CaseResult(case, result.match, tuple(_why_not_chosen(case.playbook, catalogue, seen, result.match)))


def _why_not_chosen(name: str, catalogue: Catalogue, seen: Mapping[str, Any], found: MatchResult) -> list[str]:
    passed_over = next((each for each in found.passed_over if each.playbook.name == name), None)
    if passed_over:
        return [f"{name} matches, but policy blocks it: {reason.text}" for reason in passed_over.reasons]
    expected = next((each for each in catalogue.playbooks if each.name == name), None)
    if expected is None:
        hint = did_you_mean(nearest(name, [each.name for each in catalogue.playbooks]))
        return [" ".join(filter(None, (f"Unknown playbook {name!r}.", hint)))]
    reasons = [explain.explain(clause.logic, seen) for clause in expected.conditions.clauses]
    failed = [f"{name} does not match: {reason.text}" for reason in reasons if not reason.satisfied]
    return failed or [f"{name} matches too, but ranks lower: its priority is {expected.conditions.priority:,}."]


def _at_start(path: Path, found: Iterable[Finding]) -> list[FileFinding]:
    return [FileFinding(path, Position(1, 1), "error", finding) for finding in found]


def _no_exception(document: Document, pointer: str, message: str) -> FileFinding:
    return document.located(Finding(pointer, "no_exception", message), "error")
