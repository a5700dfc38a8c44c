"""The authors' guide compared with the code: its examples, its messages, and that it is complete."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from executor.actions import registry
from executor.domain.model import Packs
from executor.publishing.playbooks import check_playbook
from matcher.authoring.evaluation import evaluate_clauses
from matcher.authoring.review import review
from matcher.matching import Playbook
from sentinai.conditions import parse
from sentinai.conditions.evaluation import budget, context, operator_limits
from sentinai.conditions.evaluation.glob import MAX_COMPARED
from sentinai.conditions.language import document, guard, predicates, vocabulary
from sentinai.conditions.lint import lint, pack_references, paths
from sentinai.conditions.lint.other_playbooks import Origin
from sentinai.documents.schemas import check
from sentinai.policy import Policy, PolicyStep
from sentinai.templates import formats

GUIDE = (Path(__file__).parents[3] / "docs/playbooks-configuration.md").read_text("utf-8")
AS_OF = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
BLOCK = re.compile(r"^```(\w+) ([\w-]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Example:
    """A conditions block with the blocks that follow it, up to the next one."""

    line: int
    conditions: Any
    fits: list[Any] = field(default_factory=list)
    misses: list[Any] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def blocks(kind: str) -> list[Any]:
    return [
        json.loads(text) for language, found, text in BLOCK.findall(GUIDE) if (language, found) == ("json", kind)
    ]


def examples() -> Iterator[Example]:
    current: Example | None = None
    for match in BLOCK.finditer(GUIDE):
        _, kind, text = match.groups()
        if kind == "conditions":
            if current:
                yield current
            current = Example(GUIDE[: match.start()].count("\n") + 1, json.loads(text))
        elif kind in ("fits", "misses"):
            getattr(current, kind).append(json.loads(text))
        elif kind in ("warnings", "errors"):
            getattr(current, kind).extend(text.splitlines())
    if current:
        yield current


EXAMPLES = list(examples())
(DOMAIN_PACK,) = blocks("domain-pack")
(POLICY_PACK,) = blocks("policy-pack")
(OTHER,) = blocks("other")


def texts_of(findings: Any) -> list[str]:
    return [
        " ".join(
            filter(None, (finding.pointer or "(document)", f"{finding.code}: {finding.message}", finding.hint))
        )
        for finding in findings
    ]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"line {example.line}")
def test_an_example_does_what_the_guide_says(example):
    chase = Playbook(1, "Chase", 1, Origin(AS_OF, 1), parse(OTHER))
    found = review(example.conditions, domain_pack=DOMAIN_PACK, policy_pack=POLICY_PACK, others=[chase])
    assert texts_of(found.errors) == example.errors
    if example.warnings or not (example.fits or example.misses):
        assert texts_of(found.warnings) == example.warnings
    for exception, expected in [(each, True) for each in example.fits] + [
        (each, False) for each in example.misses
    ]:
        seen = context.build(exception, domain_pack=DOMAIN_PACK, policy_pack=POLICY_PACK, as_of=AS_OF)
        assert evaluate_clauses(parse(example.conditions), seen)["matches"] is expected, exception


def test_the_whole_playbook_of_the_guide_is_valid_and_shows_every_action():
    (playbook,) = blocks("playbook")
    assert check_playbook(playbook, Packs(domain=DOMAIN_PACK, policy=POLICY_PACK)) == ()
    assert {step["action_type"] for step in playbook["steps"]} == set(registry.actions())


def test_a_dozen_mistakes_and_more_are_shown():
    assert len([example for example in EXAMPLES if example.errors]) >= 12


@pytest.mark.parametrize("word", [*vocabulary.OPERATORS, *vocabulary.FIELDS, "sla_window", "exception_types"])
def test_every_word_of_the_language_is_in_the_guide(word):
    assert f"`{word}`" in GUIDE or f'"{word}"' in GUIDE


@pytest.mark.parametrize("suffix", vocabulary.ALL_SUFFIXES)
def test_every_suffix_is_in_the_guide(suffix):
    assert f"`_{suffix}`" in GUIDE


def test_every_path_is_in_the_guide():
    last_parts = {path.rpartition(".")[2] for path in vocabulary.PATHS}
    assert [part for part in last_parts if part not in GUIDE] == []


@pytest.mark.parametrize(
    "limit",
    [
        guard.MAX_DEPTH,
        guard.MAX_NODES,
        guard.MAX_LIST,
        guard.MAX_STRING_BYTES,
        document.MAX_DOCUMENT_BYTES,
        document.MAX_PRIORITY,
        operator_limits.MAX_ITEMS,
        budget.CLAUSE_UNITS,
        MAX_COMPARED,
        operator_limits.MAX_TEXT,
        operator_limits.MAX_MERGED,
    ],
)
def test_every_limit_is_in_the_guide(limit):
    assert f"{limit:,}" in GUIDE


def test_every_warning_is_in_the_guide():
    codes = codes_in(lint, pack_references, paths)
    assert codes >= {
        "duplicate",
        "never_chosen",
        "contradiction",
        "unknown_tool",
        "unknown_tag",
        "impossible_path",
    }
    assert [code for code in sorted(codes) if f" {code}: " not in GUIDE and f"`{code}`" not in GUIDE] == []


def test_every_error_is_in_the_guide():
    codes = codes_in(document, guard, predicates)
    assert codes >= {"operator_not_allowed", "too_deep", "empty_list", "document_too_large"}
    assert [code for code in sorted(codes) if f" {code}: " not in GUIDE and f"`{code}`" not in GUIDE] == []


def codes_in(*modules: Any) -> set[str]:
    """The codes of findings that modules make: each is the text among the first arguments that looks like one."""
    calls = [
        node
        for module in modules
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Finding", "self.add", "_unlisted")
    ]
    texts = {
        argument.value
        for call in calls
        for argument in call.args[:3]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }
    return {text for text in texts if re.fullmatch(r"[a-z]+(_[a-z]+)+|contradiction|duplicate", text)}


FORMATS = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \| `([^`]+)` \|$", GUIDE, re.MULTILINE)


@pytest.mark.parametrize(("spec", "value", "shown"), FORMATS)
def test_a_format_produces_what_the_guide_says(spec: str, value: str, shown: str):
    assert formats.show(json.loads(value), formats.parse(spec)) == shown


def test_every_limit_of_a_format_is_in_the_guide():
    assert len(FORMATS) > 5
    assert f"a width of {formats.MAX_WIDTH}" in GUIDE
    assert formats.MAX_PRECISION == 12
    assert "twelve places at most" in GUIDE


@pytest.mark.parametrize(
    ("action_type", "severity", "needs_a_person"),
    [
        ("set_status", "critical", True),
        ("set_status", "low", False),
        ("notify", "low", True),
        ("assign_owner", None, True),
        ("add_comment", "critical", False),
    ],
)
def test_the_approval_rules_of_the_guide_require_a_person_where_it_says(action_type, severity, needs_a_person):
    (pack,) = blocks("approvals")
    assert check("policy-pack", {"tags": [], **pack}) == []
    policy = Policy({}, pack)
    seen = {"exception": {"exception_type": "Break", "severity": severity, "amount": None}}
    rules = policy.rules_in_force(seen)
    reasons = list(policy.reasons_for_approval(PolicyStep(1, "S", action_type, None, False), rules))
    assert bool(reasons) is needs_a_person
