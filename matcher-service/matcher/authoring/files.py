"""Document files of authors: read strictly, with the place of everything in them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from matcher.authoring.json_errors import syntax_hint_for
from matcher.authoring.json_positions import JsonPositions, Position, first_key_twice, position_at
from sentinai.documents import strict_json
from sentinai.documents.schemas import check
from sentinai.packs import check_rules
from sentinai.problems import Finding, MalformedJson

_START = Position(1, 1)
STDIN = Path("-")
"""Stands for what comes in by a pipe."""
_AT_KEYS = ("unknown_field", "unknown_predicate", "root_predicates", "operator_not_allowed")


@dataclass(frozen=True, slots=True)
class FileFinding:
    """A finding, its severity (``error`` or ``warning``), and where in which file."""

    path: Path
    place: Position
    severity: str
    finding: Finding

    def to_json(self) -> dict[str, Any]:
        """The finding for programs."""
        where = {"file": str(self.path), "line": self.place.line, "column": self.place.column}
        return {**where, "severity": self.severity, **self.finding.to_json()}


class UnusableFile(Exception):
    """A file that cannot be read as what it should be; carries the findings."""

    def __init__(self, findings: Iterable[FileFinding]) -> None:
        self.findings = tuple(findings)
        first = self.findings[0]
        message = f"{first.path}:{first.place.line}:{first.place.column}: {first.finding.message}"
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Document:
    """A JSON file: its value, and where everything in it stands."""

    path: Path
    value: Any
    places: JsonPositions

    def located(self, finding: Finding, severity: str) -> FileFinding:
        """A finding about this document, with its line and column."""
        at_key = finding.code in _AT_KEYS
        place = self.places.of_key(finding.pointer) if at_key else self.places.of_value(finding.pointer)
        return FileFinding(self.path, place, severity, finding)


def read_document(path: Path) -> Document:
    """Read a JSON file.

    Raises:
        UnusableFile: it is no file, or not JSON as this product accepts it.
    """
    content = _content(path)
    try:
        value = strict_json.loads(content)
    except MalformedJson as problem:
        raise UnusableFile([_malformed(path, content, problem)]) from problem
    return Document(path, value, JsonPositions(content.decode("utf-8")))


def read_pack(path: Path | None, schema: str) -> Mapping[str, Any] | None:
    """Read a Domain Pack or a Policy Pack, by its schema; None for no path.

    Raises:
        UnusableFile: it is no such pack.
    """
    if path is None:
        return None
    document = read_document(path)
    found = check(schema, document.value) or check_rules(document.value)
    if found:
        raise UnusableFile([document.located(finding, "error") for finding in found])
    pack: Mapping[str, Any] = document.value
    return pack


def _content(path: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if path == STDIN else path.read_bytes()
    except OSError as error:
        raise UnusableFile([_unusable(path, _START, f"It cannot be read: {error.strerror}.")]) from error


def read_yaml(path: Path) -> Any:
    """Read a YAML or JSON file into plain values; times stay texts.

    Raises:
        UnusableFile: it is neither.
    """
    try:
        return yaml.load(_content(path).decode(), Loader=_PlainLoader)  # noqa: S506 - a safe loader, below
    except UnicodeDecodeError as error:
        raise UnusableFile([_unusable(path, _START, f"It is not UTF-8: {error}.")]) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = Position(mark.line + 1, mark.column + 1) if mark else _START
        raise UnusableFile([_unusable(path, place, f"It is no YAML: {error.problem}.")]) from error


class _PlainLoader(yaml.SafeLoader):
    """Safe YAML, with times left as they are written: they may be relative ones, and JSON has none.

    As in JSON, a key stands once in an object.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        found: dict[Any, Any] = super().construct_mapping(node, deep)
        if len(found) == len(node.value):
            return found
        keys = [self.construct_object(key) for key, _ in node.value]
        at, twice = next((index, key) for index, key in enumerate(keys) if key in keys[:index])
        raise yaml.MarkedYAMLError(
            problem=f"the key {twice!r} stands twice", problem_mark=node.value[at][0].start_mark
        )


_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, expression) for tag, expression in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def json_files(paths: Iterable[Path]) -> list[Path]:
    """The files themselves, and the ``*.json`` files in those that are folders, by name.

    Raises:
        UnusableFile: a folder has none, so that what was meant is not what would be checked.
    """
    found: list[Path] = []
    for path in paths:
        files = sorted(path.glob("*.json")) if path.is_dir() else [path]
        if not files:
            raise UnusableFile(
                [_unusable(path, _START, "The folder has no *.json files.", "Name the one that has.")]
            )
        found += files
    return found


def _malformed(path: Path, content: bytes, problem: MalformedJson) -> FileFinding:
    text = content.decode("utf-8", "replace")
    twice = first_key_twice(text) if "stands twice" in problem.detail else None
    if twice is not None:
        return _unusable(path, twice, problem.detail)
    if path.suffix in (".yaml", ".yml"):
        return _unusable(path, _START, "Conditions and playbooks are JSON, and this is a YAML file.")
    syntax_hint = syntax_hint_for(text, problem)
    return _unusable(path, position_at(text, syntax_hint.offset), syntax_hint.message, syntax_hint.hint)


def _unusable(path: Path, place: Position, message: str, hint: str | None = None) -> FileFinding:
    return FileFinding(path, place, "error", Finding("", "unusable_file", message, hint))
