"""The demo data loaded as ``make run`` loads it: every piece of work is done, and the log proves it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.progress import Progress
from tests.support.databases import new_database
from tests.support.pair import Pair, running_pair
from tests.support.processes import free_port
from tests.unit.demo.demo_data import FOLDER, TENANTS, demo

from executor import seed
from executor.bootstrap import assemble
from executor.store.tenants import tenant_ids
from executor.verification.verify import verify
from sentinai.problems import MatcherUnavailable
from sentinai.settings import Settings

QUIET = Progress(console=Console(quiet=True))
States = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("demo")
    with running_pair(new_database("sqlite", folder), folder) as running:
        seed.load(assemble(running.settings), FOLDER, QUIET)
        yield running


@pytest.fixture(scope="module")
def states(pair: Pair) -> States:
    """The playbook state of every exception, by its id."""
    found = {}
    for tenant_id in TENANTS:
        client = pair.client(tenant_id, "viewer")
        for name in (entry["exception"]["exception_id"] for entry in demo(tenant_id).entries):
            found[name] = client.ok("GET", f"/api/exceptions/{name}/playbook")
    return found


@pytest.fixture(scope="module")
def exceptions(pair: Pair) -> dict[str, dict[str, Any]]:
    """Every exception, by its id."""
    items = [
        item
        for tenant_id in TENANTS
        for item in pair.client(tenant_id, "viewer").ok("GET", "/api/exceptions?limit=200")["items"]
    ]
    return {item["exception_id"]: item for item in items}


def test_the_log_proves_what_was_loaded(pair: Pair) -> None:
    report = verify(assemble(pair.settings).database, None, QUIET)
    assert report.valid, report.to_json()
    assert report.exceptions == sum(len(demo(tenant_id).entries) for tenant_id in TENANTS)


def test_every_exception_has_a_severity_and_a_playbook(
    exceptions: dict[str, dict[str, Any]], states: States
) -> None:
    assert {name for name, item in exceptions.items() if item["severity"] is None} == set()
    assert {name for name, state in states.items() if state["playbook"] is None} == set()
    assert set(exceptions) == set(states)


def test_all_the_work_was_done(states: States) -> None:
    for tenant_id in TENANTS:
        for entry in demo(tenant_id).entries:
            worked = {work["step"] for work in entry.get("work", ()) if "step" in work}
            assert states[entry["exception"]["exception_id"]]["progress"]["done"] == len(worked)


def test_the_console_has_something_of_everything_to_show(
    exceptions: dict[str, dict[str, Any]], states: States
) -> None:
    assert set(Counter(item["status"] for item in exceptions.values())) == {
        "open",
        "analyzing",
        "pending_review",
        "escalated",
        "resolved",
    }
    untouched = [state for state in states.values() if not state["started"]]
    finished = [state for state in states.values() if state["current_step"] is None]
    begun = [state for state in states.values() if state["started"] and state["current_step"]]
    assert min(len(untouched), len(begun)) >= 20
    assert len(finished) >= 8
    actors = Counter(step["actor_type"] for state in states.values() for step in state["steps"])
    assert actors["human"] > actors["agent"] > 10
    modes = {step["mode"] for state in states.values() for step in state["steps"]}
    assert modes >= {"execute", "attest"}


def test_two_steps_are_blocked_each_for_its_own_reason(states: States) -> None:
    blocked = {
        name: (step["name"], step["blocked_reason"])
        for name, state in states.items()
        for step in state["steps"]
        if step["status"] == "blocked" and state["started"]
    }
    assert set(blocked) == {"FIN-2101", "HC-3003"}
    step, reason = blocked["FIN-2101"]
    assert step == "Propose the amendment"
    assert "agent_bic" in reason
    step, reason = blocked["HC-3003"]
    assert step == "Hand over to clinical review"
    assert "pending_review" in reason


def test_a_playbook_that_the_policy_refuses_is_passed_over(states: States) -> None:
    for name in ("FIN-2006", "FIN-2007", "FIN-2010"):
        best = max(states[name]["alternatives"], key=lambda alternative: alternative["priority"])
        assert best["name"] == "CSDR Buy-in"
        assert best["policy"]["verdict"] == "blocked"
        assert best["policy"]["reasons"][0]["tool_id"] == "initiate_buy_in"
        assert states[name]["playbook"]["name"] != "CSDR Buy-in"


def test_previews_are_whole_but_where_a_value_is_missing_on_purpose(states: States) -> None:
    broken = {
        name
        for name, state in states.items()
        for step in state["steps"]
        if step["preview"] and "[missing" in str(step["preview"])
    }
    assert broken == {"FIN-2101"}


def test_the_missing_value_unblocks_the_step(pair: Pair, states: States) -> None:
    assert states["FIN-2101"]["steps"][3]["status"] == "blocked"
    client = pair.client("finance", "operator")
    context = client.ok("GET", "/api/exceptions/FIN-2101")["normalized_context"]
    client.ok("PATCH", "/api/exceptions/FIN-2101", {"normalized_context": {**context, "agent_bic": "TLBRGB2L"}})
    steps = client.ok("GET", "/api/exceptions/FIN-2101/playbook")["steps"]
    assert [step["status"] for step in steps] == ["completed", "completed", "completed", "running", "pending"]
    assert steps[3]["preview"]["payload"]["agent_bic"] == "TLBRGB2L"


def test_loading_again_changes_nothing(pair: Pair) -> None:
    database = assemble(pair.settings).database
    before = verify(database, None, QUIET).events
    seed.load(assemble(pair.settings), FOLDER, QUIET)
    assert verify(database, None, QUIET).events == before
    assert {item["version"] for item in pair.client("finance").ok("GET", "/api/playbooks")["items"]} == {1}


def test_files_name_the_place_of_what_is_wrong(pair: Pair, tmp_path: Path) -> None:
    """People start from a copy of the demo, so a mistake in it is reported with its file."""
    folder = tmp_path / "copy" / "finance"
    (folder / "playbooks").mkdir(parents=True)
    for name in ("tenant.json", "domain-pack.json", "policy-pack.json", "exceptions.json"):
        (folder / name).write_text((FOLDER / "finance" / name).read_text("utf-8"), "utf-8")
    text = (FOLDER / "finance" / "playbooks" / "06-ssi-repair.json").read_text("utf-8")
    (folder / "playbooks" / "06-ssi-repair.json").write_text(text.replace("source_system_in", "source_sytem_in"))
    with pytest.raises(Exception, match=r"06-ssi-repair\.json.*source_sytem_in"):
        seed.load(assemble(pair.settings), folder.parent, QUIET)


def test_without_a_matcher_nothing_is_half_loaded(tmp_path: Path) -> None:
    url = new_database("sqlite", tmp_path)
    services = assemble(Settings(database_url=url, matcher_url=f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(MatcherUnavailable):
        seed.load(services, FOLDER, QUIET)
    assert tenant_ids(services.database) == []
