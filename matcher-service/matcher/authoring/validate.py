"""Validation of files of conditions and playbooks, against the packs and against each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from matcher.authoring.files import Document, FileFinding, UnusableFile, read_document, read_valid
from matcher.authoring.review import review
from matcher.authoring.ties import Contest, Packs
from matcher.matching import AppliedPolicy, Playbook, compile_catalogue
from sentinai.conditions import Conditions, parse
from sentinai.conditions.evaluation.context import tag_rules_of
from sentinai.conditions.lint.other_playbooks import Origin, PublishedRule, by_rank
from sentinai.documents.schemas import check
from sentinai.policy import Policy, PolicyStep
from sentinai.problems import Finding, InvalidDocument
from sentinai.published import FILE_NAME, SCHEMA, origin_in

_UNPUBLISHED = datetime.max.replace(tzinfo=UTC)
"""The date of files without one: they rank after those with one, and among each other as they are listed."""
Pack = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PlaybookFile:
    """A playbook's file, and the playbook as matching uses it."""

    document: Document
    playbook: Playbook


def is_playbook(value: Any) -> bool:
    """Whether a document is a whole playbook rather than only conditions."""
    return isinstance(value, Mapping) and "conditions" in value


def read_conditions(path: Path) -> Conditions:
    """The conditions in a file, or those of the playbook in it.

    Raises:
        UnusableFile: the file cannot be read, or the conditions are not valid.
    """
    document = read_document(path)
    prefix = "/conditions" if is_playbook(document.value) else ""
    try:
        return parse(document.value["conditions"] if prefix else document.value)
    except InvalidDocument as problem:
        found = problem.under(prefix).findings
        raise UnusableFile([document.located(finding, "error") for finding in found]) from problem


def check_files(
    paths: Sequence[Path],
    *,
    domain_pack: Pack | None,
    policy_pack: Pack | None,
    progress: Callable[[], None],
) -> list[FileFinding]:
    """The errors and warnings of the files, in their order.

    ``progress`` is called twice per file: when it has been read, and when it has been checked.
    """
    read = []
    for path in paths:
        read.append(_read(path))
        progress()
    documents = [each for each in read if isinstance(each, Document)]
    playbooks = {each.document.path: each.playbook for each in playbook_files(documents)}
    duplicates = _same_names(documents)
    other_playbooks = by_rank(playbooks.values())
    contest = _contest(playbooks.values(), domain_pack or {}, policy_pack)
    findings: list[FileFinding] = []
    for each in read:
        if isinstance(each, Document):
            findings += duplicates.get(each.path, ())
            playbook = playbooks.get(each.path)
            findings += check_document(each, domain_pack, policy_pack, other_playbooks, playbook, contest)
        else:
            findings += each.findings
        progress()
    return findings


def _contest(playbooks: Iterable[Playbook], domain_pack: Pack, policy_pack: Pack | None) -> Contest:
    catalogue = compile_catalogue(with_known_policy(playbooks, policy_pack))
    policy_pack = policy_pack or {}
    applied = AppliedPolicy(Policy(domain_pack, policy_pack), catalogue)
    packs = Packs(domain_pack, policy_pack, tag_rules_of(policy_pack), applied)
    return Contest(catalogue, lambda _: packs)


def with_known_policy(playbooks: Iterable[Playbook], policy_pack: Pack | None) -> Iterable[Playbook]:
    """Playbooks without steps if there is no Policy Pack: nobody knows what it would block, so nothing is."""
    return playbooks if policy_pack is not None else [replace(each, steps=None) for each in playbooks]


def _same_names(documents: Iterable[Document]) -> dict[Path, list[FileFinding]]:
    """An error, by path, about each file whose playbook has the name of another in the same folder."""
    first: dict[tuple[Path, str], Path] = {}
    found: dict[Path, list[FileFinding]] = {}
    for document in documents:
        if is_playbook(document.value):
            name = _name(document)
            other = first.setdefault((document.path.parent, name), document.path)
            if other != document.path:
                message = f"{other.name} has the same name, {name!r}."
                finding = Finding("/name", "duplicate_name", message, "Give each playbook a name and a file.")
                found[document.path] = [document.located(finding, "error")]
    return found


def _read(path: Path) -> Document | UnusableFile:
    try:
        return read_document(path)
    except UnusableFile as unusable:
        return unusable


def check_document(
    document: Document,
    domain_pack: Pack | None,
    policy_pack: Pack | None,
    others: Sequence[PublishedRule],
    playbook: Playbook | None,
    contest: Contest | None = None,
) -> list[FileFinding]:
    """The errors and warnings of one file; ``playbook`` is given if the file contains a valid one."""
    prefix, conditions, steps, errors = "", document.value, (), list[Finding]()
    if is_playbook(document.value):
        errors = check("playbook-publish", document.value)
        prefix, conditions = "/conditions", document.value["conditions"]
        steps = () if errors else document.value["steps"]
    found = review(
        conditions,
        domain_pack=domain_pack,
        policy_pack=policy_pack,
        steps=steps,
        others=others,
        name=playbook.name if playbook else None,
        published=playbook.origin if playbook else None,
        contest=contest if playbook else None,
    )
    errors += [finding.under(prefix) for finding in found.errors]
    located = [document.located(finding, "error") for finding in dict.fromkeys(errors)]
    located += [document.located(_in_file(finding, prefix), "warning") for finding in found.warnings]
    return sorted(located, key=lambda each: (each.position.line, each.position.column))


def _in_file(finding: Finding, prefix: str) -> Finding:
    """A warning with a pointer into the file; those about steps have one, the others point into conditions."""
    return finding if finding.pointer.startswith("/steps/") else finding.under(prefix)


def playbook_files(documents: Iterable[Document]) -> list[PlaybookFile]:
    """The documents that are playbooks with valid conditions, numbered in order.

    They rank by the ``published.json`` of an exported folder.

    Raises:
        UnusableFile: there is one, and it is not valid.
    """
    found: list[PlaybookFile] = []
    versions: dict[str, int] = {}
    published = cache(_published)
    for number, document in enumerate(documents, 1):
        if not is_playbook(document.value):
            continue
        name = _name(document)
        try:
            conditions = parse(document.value["conditions"])
        except InvalidDocument:
            continue
        versions[name] = versions.get(name, 0) + 1
        dates = published(document.path.absolute().parent.parent)
        origin = origin_in(dates, name, document.value["conditions"]) or Origin(_UNPUBLISHED, number)
        playbook = Playbook(number, name, versions[name], origin, conditions, _steps(document.value))
        found.append(PlaybookFile(document, playbook))
    return found


def _published(folder: Path) -> Pack:
    path = folder / FILE_NAME
    return read_valid(path, SCHEMA) if path.exists() else {}


def _name(document: Document) -> str:
    return str(document.value.get("name", document.path.stem))


def _steps(playbook: Pack) -> tuple[PolicyStep, ...] | None:
    """What policy looks at of the steps; None if the playbook is not valid, so that nobody can tell."""
    if check("playbook-publish", playbook):
        return None
    return tuple(PolicyStep.of(order, step) for order, step in enumerate(playbook["steps"], 1))
