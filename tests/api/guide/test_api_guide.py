"""The API guide, checked against the running services: its exchanges, its programs, and its completeness.

With ``UPDATE_DOCS=1`` in the environment, the responses in the guide are rewritten; review the difference.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from tests.conftest import database_of
from tests.support.guide import BLOCK, Run
from tests.support.threaded import Threaded, threaded_pair

from sentinai import problems
from sentinai.problems import Problem

FILE = Path(__file__).parents[3] / "docs/playbooks-api.md"
GUIDE = FILE.read_text("utf-8")
URLS = {"matcher": "http://127.0.0.1:8081", "executor": "http://127.0.0.1:8080"}
TENANT = "freight"
PEOPLE = {
    "$NOOR": {"subject": "noor", "roles": ("operator",)},
    "$ADA": {"subject": "ada", "roles": ("author",)},
    "$ROOT": {"subject": "root", "roles": ("admin",)},
    "$BOT": {"subject": "bot", "roles": ("operator",), "actor_type": "agent"},
    "$DESK": {"subject": "desk", "roles": ("operator",), "actor_type": "system", "may_act_for": ["human"]},
}
CODES = {
    kind.code: kind for kind in vars(problems).values() if isinstance(kind, type) and issubclass(kind, Problem)
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Threaded]:
    folder = tmp_path_factory.mktemp("guide")
    with threaded_pair(database_of("sqlite", folder), folder) as served:
        yield served


@pytest.fixture(scope="module")
def run(pair: Threaded) -> Run:
    tokens = {}
    for name, claims in PEOPLE.items():
        given = dict(claims)
        tokens[name] = pair.token(TENANT, *given.pop("roles"), **given)
    places = {URLS[service]: url for service, url in pair.urls.items()} | tokens
    names = {"token": tokens["$NOOR"], "desk_token": tokens["$DESK"]}
    return Run(places, names, between=lambda: pair.clock.advance(seconds=20))


@pytest.fixture(scope="module")
def outcome(run: Run) -> str:
    return run(GUIDE)


def test_every_exchange_and_program_gives_the_result_on_the_page(outcome: str):
    if os.environ.get("UPDATE_DOCS"):
        FILE.write_text(outcome, "utf-8")
        pytest.skip("the guide was rewritten")
    assert [match.group() for match in BLOCK.finditer(GUIDE)] == [
        match.group() for match in BLOCK.finditer(outcome)
    ]


@pytest.mark.parametrize("service", URLS)
def test_every_operation_has_a_heading_and_is_called(pair: Threaded, outcome: str, run: Run, service: str):
    paths = requests.get(f"{pair.urls[service]}/openapi.json", timeout=20).json()["paths"]
    for path, methods in paths.items():
        for method in methods:
            assert f"\n### `{method.upper()} {path}`\n" in outcome
            pattern = re.escape(URLS[service]) + re.sub(r"\{\w+\}", "[^/?]+", path) + r"(\?.*)?"
            assert any(
                each.method == method.upper() and re.fullmatch(pattern, each.url) for each in run.exchanges
            ), (method, path)


def test_the_table_of_codes_is_complete():
    rows = re.findall(r"^\| (\d{3}) \| `(\w+)` \|", GUIDE, re.MULTILINE)
    assert {(int(status), code) for status, code in rows} == {(kind.status, code) for code, kind in CODES.items()}
    assert len(rows) == len(CODES)


def test_refusals_use_codes_that_exist():
    lines = re.findall(r"^Refused with (.*?)(?:\n\n|\Z)", GUIDE, re.MULTILINE | re.DOTALL)
    assert len(lines) > 10
    named = {code for line in lines for code in re.findall(r"`([a-z_]+)`", re.sub(r"\([^)]*\)", "", line))}
    assert named - CODES.keys() == set()


def test_only_the_callers_on_the_page_make_calls():
    assert "Bearer ey" not in GUIDE
    assert set(re.findall(r"Bearer (\S+)", GUIDE)) <= PEOPLE.keys()
