"""The page on this phase, checked against the code: its tables, events, transitions, actions and stubs."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from tests.support.threaded import START

from executor.actions.registry import actions
from executor.delivery import deliver
from executor.domain.assignment import PlaybookProgress
from executor.domain.transitions import ALLOWED
from executor.store import tables
from executor.store.outbox import ClaimedMessage
from sentinai.documents.schemas import schemas
from sentinai.policy import effect_of
from sentinai.settings import Settings

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "phase7-playbooks-mvp.md").read_text("utf-8")
EFFECTS = {
    "reads only": "read_only",
    "changes the exception": "changes_exception",
    "affects other systems": "external",
}


def section(title: str) -> str:
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def cells(title: str) -> list[list[str]]:
    rows = [line.strip("| ").split(" | ") for line in section(title).splitlines() if line.startswith("|")]
    return rows[2:]


def test_tables_have_the_columns_on_the_page():
    listed = {name.strip("`"): re.findall(r"`(\w+)`", columns) for name, _, columns in cells("Tables")}
    known = tables.Base.metadata.tables
    assert listed == {name: [column.name for column in table.columns] for name, table in known.items()}


def test_every_event_is_listed_once():
    listed = re.findall(r"`([A-Z]\w+)`", section("Documents"))
    assert sorted(listed) == sorted(
        name.removeprefix("events/") for name in schemas() if name.startswith("events/")
    )


def test_the_diagram_of_statuses_shows_the_allowed_transitions():
    drawn = set(re.findall(r"(\w+) --> (\w+)", section("The status of an exception")))
    assert drawn == {(current, target) for current, targets in ALLOWED.items() for target in targets}


def test_the_diagram_of_an_exception_and_its_playbook_has_every_state():
    drawn = set(re.findall(r"--> (\w+)", section("An exception and its playbook")))
    assert drawn == {progress.value for progress in PlaybookProgress}


def test_the_diagram_of_a_step_has_every_status():
    step = schemas()["playbook-state"]["$defs"]["step_state"]["properties"]
    assert set(re.findall(r"--> (\w+)", section("A step"))) == set(step["status"]["enum"])


def test_actions_and_their_effects():
    listed = {name.strip("`"): EFFECTS[effect] for name, effect, *_ in cells("Actions")}
    assert listed == {name: effect_of(name) for name in actions()}


def test_stubs_report_what_the_page_says():
    settings = Settings(webhook_url="")
    for channel in ("log", "email", "slack", "sms", "webhook"):
        message = ClaimedMessage("o", "E-1", "notification", {"channel": channel}, "k", 1, START)
        assert deliver(settings, "t", message).detail == f"Stub: {channel} logs and sends nothing."
    assert f'"{deliver(settings, "t", replace(message, payload={"channel": "email"})).detail}"' in PAGE
