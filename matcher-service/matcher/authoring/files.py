"""Authors' files, parsed strictly, with the position of everything in them."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from matcher.authoring.json_errors import syntax_hint_for
from matcher.authoring.json_positions import JsonPositions, Position, position_at
from sentinai.documents import strict_json
from sentinai.documents.schemas import check
from sentinai.packs import check_rules
from sentinai.problems import Finding, MalformedJson

_START = Position(1, 1)
STDIN = Path("-")
"""The path that means the standard input."""
_MAX_REPEATED = 50_000
"""How many nodes the aliases of a YAML file may repeat together."""
_AT_KEYS = ("unknown_field", "unknown_predicate", "root_predicates", "operator_not_allowed")


@dataclass(frozen=True, slots=True)
class FileFinding:
    """A finding, its severity (``error`` or ``warning``), and its position in a file."""

    path: Path
    position: Position
    severity: str
    finding: Finding

    def to_json(self) -> dict[str, Any]:
        """The finding as ``--format json`` prints it."""
        where = {"file": str(self.path), "line": self.position.line, "column": self.position.column}
        return {**where, "severity": self.severity, **self.finding.to_json()}


class UnusableFile(Exception):
    """A file that cannot be read or is not valid; carries the findings."""

    def __init__(self, findings: Iterable[FileFinding]) -> None:
        self.findings = tuple(findings)
        first = self.findings[0]
        message = f"{first.path}:{first.position.line}:{first.position.column}: {first.finding.message}"
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Document:
    """A JSON file: its value, and the positions of everything in it."""

    path: Path
    value: Any
    positions: JsonPositions

    def located(self, finding: Finding, severity: str) -> FileFinding:
        """A finding about this document, with its line and column."""
        locate = self.positions.of_key if finding.code in _AT_KEYS else self.positions.of_value
        return FileFinding(self.path, locate(finding.pointer), severity, finding)


def read_document(path: Path) -> Document:
    """Read a JSON file.

    Raises:
        UnusableFile: the file cannot be read, or is not valid JSON.
    """
    content = _content(path)
    try:
        value = strict_json.loads(content)
    except MalformedJson as problem:
        raise UnusableFile([_malformed(path, content, problem)]) from problem
    return Document(path, value, JsonPositions(content.decode("utf-8")))


def read_pack(path: Path, schema: str) -> Mapping[str, Any]:
    """Read a Domain Pack or a Policy Pack, and validate it by its schema.

    Raises:
        UnusableFile: the file cannot be read, or the pack is not valid.
    """
    return read_valid(path, schema, check_rules)


def read_valid(
    path: Path, schema: str, check_further: Callable[[Any], list[Finding]] = lambda _: []
) -> Mapping[str, Any]:
    """Read a file with a JSON object, and validate it by a schema.

    Raises:
        UnusableFile: the file cannot be read, or is not valid.
    """
    document = read_document(path)
    found = check(schema, document.value) or check_further(document.value)
    if found:
        raise UnusableFile([document.located(finding, "error") for finding in found])
    valid: Mapping[str, Any] = document.value
    return valid


def _content(path: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if path == STDIN else path.read_bytes()
    except OSError as error:
        raise UnusableFile([_unusable(path, _START, f"Cannot read the file: {error.strerror}.")]) from error


def read_yaml(path: Path) -> Any:
    """Read a YAML or JSON file into plain values; timestamps stay strings.

    Raises:
        UnusableFile: the file cannot be read, or is neither.
    """
    try:
        return yaml.load(_content(path).decode(), Loader=_PlainLoader)  # noqa: S506 - a safe loader, below
    except UnicodeDecodeError as error:
        raise UnusableFile([_unusable(path, _START, f"The file is not UTF-8: {error}.")]) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        position = Position(mark.line + 1, mark.column + 1) if mark else _START
        raise UnusableFile([_unusable(path, position, f"Invalid YAML: {error.problem}.")]) from error


class _PlainLoader(yaml.SafeLoader):
    """Safe YAML without timestamps, which may be relative here, and without duplicate keys, as in strict JSON.

    Aliases are bounded in what they expand to: each level may repeat the one before many times.
    """

    def get_single_node(self) -> yaml.Node | None:
        node: yaml.Node | None = super().get_single_node()
        sizes: dict[int, float] = {}
        if node is not None and _expanded_size(node, sizes) > len(sizes) + _MAX_REPEATED:
            problem = f"aliases repeat more than {_MAX_REPEATED:,} nodes"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        found: dict[Any, Any] = super().construct_mapping(node, deep)
        if len(found) == len(node.value):
            return found
        keys = [self.construct_object(key) for key, _ in node.value]
        at, key = next((index, key) for index, key in enumerate(keys) if key in keys[:index])
        raise yaml.MarkedYAMLError(problem=f"duplicate key {key!r}", problem_mark=node.value[at][0].start_mark)


def _expanded_size(node: yaml.Node, sizes: dict[int, float]) -> float:
    """How many nodes there are with every alias written out; endless for a node that contains itself."""
    if id(node) not in sizes:
        sizes[id(node)] = math.inf
        parts = node.value if isinstance(node, yaml.CollectionNode) else ()
        nodes = (each for part in parts for each in (part if isinstance(part, tuple) else (part,)))
        sizes[id(node)] = 1 + sum(_expanded_size(each, sizes) for each in nodes)
    return sizes[id(node)]


_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, expression) for tag, expression in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def json_files(paths: Iterable[Path]) -> list[Path]:
    """The given files, and the ``*.json`` files of the given folders, sorted by name.

    Raises:
        UnusableFile: a folder has none.
    """
    found: list[Path] = []
    for path in paths:
        files = sorted(path.glob("*.json")) if path.is_dir() else [path]
        if not files:
            raise UnusableFile([_unusable(path, _START, "The folder contains no *.json files.")])
        found += files
    return found


def _malformed(path: Path, content: bytes, problem: MalformedJson) -> FileFinding:
    if path.suffix in (".yaml", ".yml"):
        return _unusable(path, _START, "This is a YAML file; conditions and playbooks must be JSON.")
    text = content.decode("utf-8", "replace")
    found = syntax_hint_for(text, problem)
    return _unusable(path, position_at(text, found.offset), found.message, found.hint)


def _unusable(path: Path, position: Position, message: str, hint: str | None = None) -> FileFinding:
    return FileFinding(path, position, "error", Finding("", "unusable_file", message, hint))
