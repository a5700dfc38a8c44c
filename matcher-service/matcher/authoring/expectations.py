"""Testing a catalogue: exceptions with the playbook that should be chosen for each, held against what is."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from matcher.authoring.files import Document, FileFinding, UnusableFile, read_document, read_yaml
from matcher.authoring.json_positions import Position
from matcher.matching import Catalogue, MatchResult, Playbook, compile_catalogue, match
from sentinai.clock import parse_time, relative_time
from sentinai.conditions import EvaluationError
from sentinai.conditions.evaluation import context, evaluate
from sentinai.conditions.explanation import explain
from sentinai.conditions.language.guard import escape
from sentinai.documents.schemas import check, schemas
from sentinai.exception_fields import RULE_FIELDS
from sentinai.problems import Finding

Pack = Mapping[str, Any]
EXCEPTION = "match-exception"
_TIMES = ("sla_deadline", "created_at")


@dataclass(frozen=True, slots=True)
class Case:
    """An exception, when it is asked about, and the name of the playbook that should be chosen, if any."""

    name: str
    exception: Mapping[str, Any]
    as_of: datetime
    playbook: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a case. ``explanation`` says why the expected playbook was not chosen, line by line."""

    case: Case
    result: MatchResult
    explanation: tuple[str, ...]

    @property
    def chosen(self) -> str | None:
        """The name of the playbook that was chosen."""
        return self.result.selected.name if self.result.selected else None

    @property
    def passed(self) -> bool:
        """Whether it is the expected one."""
        return self.chosen == self.case.playbook


@dataclass(frozen=True, slots=True)
class Report:
    """The verdicts in order, and the names of the playbooks that no case had chosen."""

    verdicts: tuple[Verdict, ...]
    never_chosen: tuple[str, ...]

    @property
    def failed(self) -> list[Verdict]:
        """The cases that went otherwise than expected."""
        return [verdict for verdict in self.verdicts if not verdict.passed]


def read_cases(path: Path, exceptions: Mapping[str, Pack], now: datetime) -> list[Case]:
    """Read a file of cases, YAML or JSON; ``now`` is the instant of those that give none.

    Raises:
        UnusableFile: it does not have the shape of cases, or names an exception that is not there.
    """
    entries = read_yaml(path)
    found = check("playbook-cases", entries)
    if found:
        raise UnusableFile(_at_start(path, found))
    return [_case(path, index, entry, exceptions, now) for index, entry in enumerate(entries)]


def read_exceptions(path: Path) -> dict[str, Pack]:
    """Read a list of exceptions by id; each by itself or, as in the demo data, under the key ``exception``.

    Raises:
        UnusableFile: it is no such list.
    """
    document = read_document(path)
    entries = document.value if isinstance(document.value, list) else [document.value]
    if not entries:
        raise UnusableFile(
            [document.located(Finding("", "no_exception", "There is no exception in it."), "error")]
        )
    found: dict[str, Pack] = {}
    for index, entry in enumerate(entries):
        exception = entry.get("exception", entry) if isinstance(entry, dict) else None
        if not isinstance(exception, dict) or not isinstance(exception.get("exception_id"), str):
            raise UnusableFile([_no_exception(document, index)])
        found[exception["exception_id"]] = exception
    return found


def at(document: Pack, as_of: datetime) -> dict[str, Any]:
    """What matching sees of an exception, with its relative times (``+PT45M``: after ``as_of``) as instants."""
    seen = {name: document[name] for name in RULE_FIELDS if name in document}
    return {
        **seen,
        **{name: relative_time(seen[name], as_of) for name in _TIMES if isinstance(seen.get(name), str)},
    }


def unknown_fields(exception: Pack) -> list[Finding]:
    """The attributes that no exception has: matching would not see them, and their author think it does."""
    known = sorted({*RULE_FIELDS, *schemas()["exception"]["properties"]})
    found = []
    for name in exception:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else "What a source system sends is in normalized_context."
            found.append(Finding(f"/{escape(name)}", "unknown_field", f"{name!r} is not known here.", hint))
    return found


def run(
    cases: Sequence[Case],
    playbooks: Iterable[Playbook],
    *,
    domain_pack: Pack,
    policy_pack: Pack,
    progress: Callable[[], None],
) -> Report:
    """Match every case's exception. ``progress`` hears of each one done."""
    catalogue = compile_catalogue(playbooks)
    verdicts: list[Verdict] = []
    for case in cases:
        verdicts.append(_verdict(case, catalogue, domain_pack, policy_pack))
        progress()
    chosen = {verdict.chosen for verdict in verdicts}
    never = sorted({playbook.name for playbook in catalogue.playbooks} - chosen)
    return Report(tuple(verdicts), tuple(never))


def _case(path: Path, index: int, entry: Pack, exceptions: Mapping[str, Pack], now: datetime) -> Case:
    given = entry["exception"]
    if isinstance(given, str) and given not in exceptions:
        near = difflib.get_close_matches(given, exceptions, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else "Give the file that has it with --exceptions."
        missing = Finding(f"/{index}/exception", "unknown_exception", f"There is no exception {given!r}.", hint)
        raise UnusableFile(_at_start(path, [missing]))
    as_of = parse_time(entry["as_of"]) if entry.get("as_of") else now
    written = exceptions[given] if isinstance(given, str) else given
    exception = at(written, as_of)
    exception.setdefault("exception_id", f"case-{index + 1}")
    wrong = unknown_fields(written) or check(EXCEPTION, exception)
    if wrong:
        raise UnusableFile(_at_start(path, [finding.under(f"/{index}/exception") for finding in wrong]))
    return Case(entry.get("name") or exception["exception_id"], exception, as_of, entry["playbook"])


def _verdict(case: Case, catalogue: Catalogue, domain_pack: Pack, policy_pack: Pack) -> Verdict:
    seen = context.build(case.exception, domain_pack=domain_pack, policy_pack=policy_pack, as_of=case.as_of)
    result = match(catalogue, seen, as_of=case.as_of)
    chosen = result.selected.name if result.selected else None
    explanation = () if chosen == case.playbook else tuple(_why_not(case, catalogue, seen))
    return Verdict(case, result, explanation)


def _why_not(case: Case, catalogue: Catalogue, seen: Mapping[str, Any]) -> list[str]:
    """Why the expected playbook was not chosen."""
    if case.playbook is None:
        return []
    expected = next((each for each in catalogue.playbooks if each.name == case.playbook), None)
    if expected is None:
        near = difflib.get_close_matches(case.playbook, [each.name for each in catalogue.playbooks], n=1)
        return [f"There is no playbook {case.playbook!r}." + (f" Did you mean {near[0]!r}?" if near else "")]
    failed = [
        explain.explain(clause.logic, seen).text
        for clause in expected.conditions.clauses
        if not _holds(clause.logic, seen)
    ]
    if failed:
        return [f"{expected.name} fails where {text}" for text in failed]
    return [f"{expected.name} matches too, but ranks below: its priority is {expected.conditions.priority:,}."]


def _holds(logic: Any, seen: Mapping[str, Any]) -> bool:
    try:
        return evaluate.holds(logic, seen)
    except EvaluationError:
        return False


def _at_start(path: Path, found: Iterable[Finding]) -> list[FileFinding]:
    return [FileFinding(path, Position(1, 1), "error", finding) for finding in found]


def _no_exception(document: Document, index: int) -> FileFinding:
    found = Finding(f"/{index}", "no_exception", "This is no exception with an exception_id.")
    return document.located(found, "error")
