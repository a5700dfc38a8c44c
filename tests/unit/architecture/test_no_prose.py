"""No program reads prose: what a program decides by is a field, so that every text can be reworded."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.processes import ROOT

_SOURCES = [ROOT / "shared/sentinai", ROOT / "matcher-service", ROOT / "executor-service", ROOT / "deploy"]
_PROSE = {"message", "detail", "hint", "reasoning", "condition", "observed"}
"""Members of findings, problems and reasons that are written for people, and for them only."""
_INSPECT = {"startswith", "endswith", "split", "rsplit", "partition", "rpartition", "replace", "find", "index"}
_JAVASCRIPT = re.compile(
    r"\.(?:message|detail|hint|reasoning|observed)\.(?:startsWith|endsWith|includes|split|replace|match|indexOf)\("
    r"|\.(?:message|detail|hint|reasoning|observed) ?===? ?[\"'`]"
)


def prose_that_is_read(source: str) -> Iterator[int]:
    """The lines at which a program decides by the text of a message."""
    for node in ast.walk(ast.parse(source)):
        inspected: list[ast.expr] = []
        if isinstance(node, ast.Compare):
            if any(isinstance(each, ast.In | ast.NotIn | ast.Eq | ast.NotEq) for each in node.ops):
                inspected = [node.left, *node.comparators]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in _INSPECT:
                inspected = [node.func.value]
            elif isinstance(node.func.value, ast.Name) and node.func.value.id == "re":
                inspected = list(node.args)
        if any(_is_prose(each) for each in inspected):
            yield node.lineno


def _is_prose(node: ast.expr) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr in _PROSE
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return node.slice.value in _PROSE
    is_text_of = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("str", "repr")
    return is_text_of and isinstance(node.args[0], ast.Name) and node.args[0].id in ("error", "problem", "failure")


@pytest.mark.parametrize("folder", _SOURCES, ids=lambda folder: folder.name)
def test_no_program_decides_by_a_message(folder: Path):
    read = {
        f"{path.relative_to(ROOT)}:{line}"
        for path in folder.rglob("*.py")
        for line in prose_that_is_read(path.read_text("utf-8"))
    }
    assert not read


@pytest.mark.parametrize("folder", _SOURCES, ids=lambda folder: folder.name)
def test_no_page_decides_by_a_message(folder: Path):
    scripts = (path for path in folder.rglob("*.js") if "vendor" not in path.parts)
    read = [str(path.relative_to(ROOT)) for path in scripts if _JAVASCRIPT.search(path.read_text("utf-8"))]
    assert not read


@pytest.mark.parametrize(
    "planted",
    [
        'if "not JSON" in problem.detail: pass',
        'if finding.message.startswith("Unknown"): pass',
        'name, _, _ = reason["observed"].partition(" is ")',
        'if re.match("is JSON", str(error)): pass',
        'found = error.message == "missing"',
        'words = str(error).split(": ")',
    ],
)
def test_a_planted_one_is_noticed(planted: str):
    assert list(prose_that_is_read(planted)) == [1]
