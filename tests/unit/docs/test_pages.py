"""The documentation refers to things that exist: pages, headings, images, tests, modules and files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path

import pytest
from tests.support.processes import ROOT

DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "deploy" / "demo" / "README.md", *DOCS.rglob("*.md")])
DECISIONS = sorted((DOCS / "decisions").glob("*.md"))
_FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FOLDERS = ("schemas", "shared", "matcher-service", "executor-service", "deploy", "tests", "docs")
_PACKAGES = ("sentinai", "matcher", "executor")
_GENERATED = {"tests/benchmarks/results/"}


@cache
def text_of(page: Path) -> str:
    return page.read_text("utf-8")


def anchors(page: Path) -> set[str]:
    """The headings of a page, as they are linked to."""
    headings = re.findall(r"^#+ (.+)$", _FENCED.sub("", text_of(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def spans(page: Path) -> Iterator[str]:
    """The inline code of a page."""
    yield from re.findall(r"`([^`\n]+)`", _FENCED.sub("", text_of(page)))


def dotted_names(page: Path) -> set[str]:
    """The names of this project's modules and their members that a page mentions."""
    pattern = re.compile(rf"(?:{'|'.join(_PACKAGES)})(?:\.\w+)+(?=\(|$)")
    return {found[0] for span in spans(page) if (found := pattern.match(span))}


def paths(page: Path) -> set[str]:
    """The files and folders of this project that a page mentions; without those written with a placeholder."""
    pattern = re.compile(rf"(?:{'|'.join(_FOLDERS)})(?:/[\w.-]+)*/?")
    return {span for span in spans(page) if pattern.fullmatch(span)}


def exists(name: str) -> bool:
    """Whether a dotted name is a module, or a member of one."""
    parents = reversed(list(accumulate(name.split("."), lambda parent, part: f"{parent}.{part}")))
    for module in parents:
        try:
            spec = find_spec(module)
        except ModuleNotFoundError:
            continue
        if spec is not None:
            member = name.removeprefix(module).lstrip(".").partition(".")[0]
            return not member or bool(
                re.search(rf"^(?:def|class) {member}\b|^{member}\b.*=", Path(spec.origin or "").read_text(), re.M)
            )
    return False


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path):
    for link in _LINK.findall(_CODE.sub("", text_of(page))):
        if link.startswith(("http:", "https:", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


# In the guide to the API, `executor` and `matcher` are variables of its programs.
@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "playbooks-api.md"], ids=name_of)
def test_modules_that_a_page_names_exist(page: Path):
    assert [name for name in sorted(dotted_names(page)) if not exists(name)] == []


def test_modules_that_a_docstring_names_exist():
    folders = (ROOT / name for name in ("shared", "matcher-service", "executor-service", "tests"))
    sources = [path for folder in folders for path in folder.rglob("*.py")]
    name = re.compile(rf"``((?:{'|'.join(_PACKAGES)})(?:\.\w+)+)``")
    named = {found for source in sources for found in name.findall(text_of(source))}
    assert len(named) > 5
    assert [each for each in sorted(named) if not exists(each)] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_that_a_page_names_exist(page: Path):
    assert [path for path in sorted(paths(page) - _GENERATED) if not (ROOT / path).exists()] == []


def test_the_page_for_contributors_is_checked_for_the_modules_of_both_journeys():
    named = dotted_names(DOCS / "contributing.md")
    assert len(named) > 20
    assert {"matcher.matching.matcher.match", "executor.service_layer.steps.finish"} <= named
    assert len(paths(DOCS / "contributing.md")) > 10


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("executor.domain.fold", True),
        ("executor.domain.fold.apply", True),
        ("executor.domain.fold.no_such_function", False),
        ("executor.no_such_module", False),
        ("executor.no_such_package.module", False),
    ],
)
def test_a_name_that_does_not_exist_is_noticed(name: str, expected: bool):
    assert exists(name) is expected


def test_the_index_names_every_page():
    for page in DOCS.glob("*.md"):
        assert page.name == "index.md" or f"({page.name}" in text_of(DOCS / "index.md"), page.name


@pytest.mark.parametrize("page", DECISIONS, ids=name_of)
def test_a_decision_has_a_number_a_date_and_the_same_four_parts(page: Path):
    number = int(page.name[:4])
    assert text_of(page).startswith(f"# {number}. ")
    assert re.search(r"^Date: 20\d\d-[01]\d-[0-3]\d$", text_of(page), re.MULTILINE)
    parts = re.findall(r"^\*\*(\w+)\.\*\*", text_of(page), re.MULTILINE)
    assert parts == ["Context", "Decision", "Alternatives", "Consequences"]


def test_decisions_are_numbered_without_gaps():
    assert [int(page.name[:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))


def test_the_changelog_has_the_version_of_this_package():
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    headings = re.findall(r"^## (.+)$", text_of(DOCS / "CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert headings[1].startswith(f"{version[1]} — 20")


def test_the_tests_that_the_page_on_security_names_exist():
    named = re.findall(r"`((?:security|api|property|unit)/[\w/.]+)`", text_of(DOCS / "security.md"))
    assert len(named) > 5
    for path in named:
        assert (ROOT / "tests" / path).exists(), path
