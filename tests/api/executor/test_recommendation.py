"""Which playbook an exception has: recommended, kept, switched, withdrawn, and recalculated as time passes."""

from __future__ import annotations

from typing import Any

from tests.support.casework import AGENT, PERSON, Casework, call, note, to_status
from tests.support.threaded import Threaded

from executor.service_layer.recommend import RANKED
from sentinai.documents.schemas import check


def recalculate(work: Casework, exception_id: str, body: Any = None) -> Any:
    found = work.admin.ok("POST", f"/api/exceptions/{exception_id}/playbook/recalculate", body)
    assert check("recalculation", found) == []
    return found


def current(work: Casework, exception_id: str) -> int | None:
    return work.admin.ok("GET", f"/api/exceptions/{exception_id}")["current_playbook_id"]


def test_the_best_ranked_is_recommended_with_its_reasons(work: Casework):
    broad = work.publish("Broad", [note()], priority=1)
    narrow = work.publish("Narrow", [note(), note("More")], priority=30, severity="medium")
    work.publish("Other", [note()], priority=90, severity="critical")
    state = work.state(work.create_exception())
    assert (state["playbook"]["playbook_id"], state["run"], state["current_step"]) == (narrow, 1, 1)
    assert state["started"] is False
    assert [step["status"] for step in state["steps"]] == ["pending", "pending"]
    assert "severity" in state["reasoning"]
    assert all(reason["satisfied"] for reason in state["reasons"])
    assert [entry["playbook_id"] for entry in state["alternatives"]] == [broad]
    assert [miss["name"] for miss in state["near_misses"]] == ["Other"]
    assert state["better_match"] is None


def test_recalculation_is_idempotent(work: Casework):
    playbook_id = work.publish("One", [note()])
    exception_id = work.create_exception()
    before = work.events(exception_id)
    for _ in range(3):
        answer = recalculate(work, exception_id)
        assert (answer["changed"], answer["current_playbook_id"], answer["current_step"]) == (
            False,
            playbook_id,
            1,
        )
        assert (answer["playbook_name"], answer["playbook_version"]) == ("One", 1)
    assert work.events(exception_id) == before


def test_a_recommendation_not_yet_started_follows_new_publications(work: Casework):
    first = work.publish("First", [note()])
    exception_id = work.create_exception()
    second = work.publish("Second", [note()], priority=5)
    assert current(work, exception_id) == first
    answer = recalculate(work, exception_id)
    assert (answer["changed"], answer["current_playbook_id"]) == (True, second)
    payload = work.events(exception_id, "PlaybookRecalculated")[-1]["payload"]
    assert payload["previous"]["playbook_id"] == first
    assert payload["new"]["playbook_id"] == second
    assert (payload["run"], payload["trigger"]) == (2, "requested")
    assert payload["reasoning"]


def test_a_change_of_an_attribute_used_in_conditions_recalculates(work: Casework):
    medium = work.publish("Medium", [note()], severity="medium")
    work.publish("Billing", [note()], exception_type="Bill*", priority=9)
    visited = work.publish("Visited", [note()], **{"context.visits_gte": 5}, priority=20)
    urgent = work.publish("Urgent", [note()], sla_minutes_remaining_lt=30, priority=40)
    exception_id = work.create_exception()
    path = f"/api/exceptions/{exception_id}"
    assert current(work, exception_id) == medium
    assert work.admin.ok("PATCH", path, {"severity": "low"})["current_playbook_id"] is None
    assert work.admin.ok("PATCH", path, {"exception_type": "Bill Mismatch"})["playbook"]["name"] == "Billing"
    assert work.admin.ok("PATCH", path, {"normalized_context": {"visits": 6}})["current_playbook_id"] == visited
    soon = {"sla_deadline": work.due(minutes=29)}
    assert work.admin.ok("PATCH", path, soon)["current_playbook_id"] == urgent
    assert work.events(exception_id, "PlaybookRecalculated")[-1]["payload"]["trigger"] == "updated"


def test_a_recommendation_that_no_longer_matches_is_withdrawn(work: Casework):
    work.publish("Medium", [note()], severity="medium")
    exception_id = work.create_exception()
    changed = work.admin.ok("PATCH", f"/api/exceptions/{exception_id}", {"severity": "high"})
    assert (changed["current_playbook_id"], changed["current_step"], changed["playbook"]) == (None, None, None)
    assert work.events(exception_id, "PlaybookRecalculated")[-1]["payload"]["new"] is None
    state = work.state(exception_id)
    assert (state["playbook"], state["steps"], state["progress"]) == (None, [], {"done": 0, "total": 0})
    assert state["reasoning"]


def test_a_playbook_in_progress_is_kept_and_a_better_one_is_shown(work: Casework):
    kept = work.publish("Kept", [note(), note("More")])
    exception_id = work.create_exception()
    work.complete(exception_id, 1)
    better = work.publish("Better", [note()], priority=8)
    answer = recalculate(work, exception_id)
    assert (answer["changed"], answer["current_playbook_id"], answer["current_step"]) == (False, kept, 2)
    assert answer["better_match"]["playbook_id"] == better
    assert work.state(exception_id)["better_match"]["name"] == "Better"
    work.admin.ok("POST", f"/api/playbooks/{better}/retire")
    work.admin.ok(
        "PATCH", f"/api/exceptions/{exception_id}", {"exception_type": "Nothing Known", "severity": "low"}
    )
    assert current(work, exception_id) == kept
    assert work.state(exception_id)["better_match"] is None


def test_a_started_playbook_that_no_longer_matches_is_kept(work: Casework):
    kept = work.publish("Medium", [note(), note("More")], severity="medium")
    exception_id = work.create_exception()
    work.admin.ok("POST", f"/api/exceptions/{exception_id}/playbook/start", PERSON)
    work.admin.ok("PATCH", f"/api/exceptions/{exception_id}", {"severity": "critical"})
    assert current(work, exception_id) == kept
    work.complete(exception_id, 1)


def test_a_person_can_switch_and_returning_starts_a_new_run(work: Casework):
    old = work.publish("Old", [note(), note("More")])
    exception_id = work.create_exception()
    work.complete(exception_id, 1)
    new = work.publish("New", [note()], priority=8)
    answer = recalculate(work, exception_id, {"switch": True})
    assert (answer["changed"], answer["current_playbook_id"], answer["current_step"]) == (True, new, 1)
    assert work.events(exception_id, "PlaybookRecalculated")[-1]["payload"]["trigger"] == "switched"
    work.admin.ok("POST", f"/api/playbooks/{new}/retire")
    assert recalculate(work, exception_id)["current_playbook_id"] == old
    state = work.state(exception_id)
    assert (state["run"], state["started"], state["progress"]["done"]) == (3, False, 0)
    assert work.complete(exception_id, 1)["outcome"] == "completed"


def test_an_agent_cannot_switch(work: Casework):
    work.publish("Old", [note(), note("More")])
    exception_id = work.create_exception()
    work.complete(exception_id, 1)
    work.publish("New", [note()], priority=8)
    path = f"/api/exceptions/{exception_id}/playbook/recalculate"
    work.acting(AGENT).problem(403, "human_required", "POST", path, {"switch": True})
    assert work.acting(AGENT).ok("POST", path)["changed"] is False


def test_switching_without_a_better_playbook_changes_nothing(work: Casework):
    work.publish("Only", [note(), note("More")])
    exception_id = work.create_exception()
    work.complete(exception_id, 1)
    assert recalculate(work, exception_id, {"switch": True})["changed"] is False
    assert work.state(exception_id)["progress"]["done"] == 1


def test_a_blocked_playbook_is_skipped_for_the_next_ranked(work: Casework):
    work.publish("Cuts", [call("cut_supply", "Cut", reason="x")], priority=50)
    mild = work.publish("Mild", [note()], priority=1)
    exception_id = work.create_exception()
    assert current(work, exception_id) == mild
    payload = work.events(exception_id, "PolicyEvaluated")[-1]["payload"]
    assert [each["playbook_name"] for each in payload["rejected"]] == ["Cuts"]
    (reason,) = payload["rejected"][0]["reasons"]
    assert (reason["code"], reason["tool_id"], reason["step_order"]) == ("tool_not_approved", "cut_supply", 1)
    state = work.state(exception_id)
    [alternative] = state["alternatives"]
    assert alternative["policy"] == {"verdict": "blocked", "reasons": [reason]}
    assert state["policy"]["verdict"] == "aligned"


def test_no_playbook_is_recommended_if_all_are_blocked(work: Casework):
    work.policy(blocked_actions=["add_comment"])
    work.publish("Comments", [note()])
    exception_id = work.create_exception()
    assert current(work, exception_id) is None
    log = work.events(exception_id)
    assert [event["event_type"] for event in log] == ["ExceptionCreated", "TriageCompleted", "PolicyEvaluated"]
    assert (log[2]["payload"]["verdict"], log[2]["payload"]["playbook_id"]) == ("blocked", None)
    assert [each["playbook_name"] for each in log[2]["payload"]["rejected"]] == ["Comments"]
    assert "passed over by policy" in work.state(exception_id)["reasoning"]
    assert recalculate(work, exception_id)["changed"] is False
    assert work.events(exception_id) == log


def test_a_policy_that_blocks_for_another_reason_says_so_once(work: Casework):
    work.policy(blocked_actions=["add_comment"])
    work.publish("Both", [note(), call("cut_supply", "Cut", reason="x")])
    exception_id = work.create_exception()
    work.policy(blocked_actions=["cut_supply"])
    for _ in range(2):
        recalculate(work, exception_id)
    reasons = [
        event["payload"]["rejected"][0]["reasons"] for event in work.events(exception_id, "PolicyEvaluated")
    ]
    assert [[reason["code"] for reason in each] for each in reasons] == [
        ["action_blocked", "tool_not_approved"],
        ["tool_blocked", "tool_not_approved"],
    ]


def test_the_next_ranked_is_found_after_many_blocked_playbooks(work: Casework):
    for number in range(RANKED + 3):
        work.publish(f"Cuts {number}", [call("cut_supply", "Cut", reason="x")], priority=50 - number)
    mild = work.publish("Mild", [note()], priority=1)
    exception_id = work.create_exception()
    assert current(work, exception_id) == mild
    [payload] = [event["payload"] for event in work.events(exception_id, "PolicyEvaluated")]
    assert len(payload["rejected"]) == RANKED + 3
    assert len(work.state(exception_id)["alternatives"]) == RANKED
    assert recalculate(work, exception_id)["changed"] is False
    work.publish("Milder", [note()], priority=2)
    changed = work.admin.ok("PATCH", f"/api/exceptions/{exception_id}", {"severity": "low"})
    assert changed["playbook"]["name"] == "Milder"


def test_a_playbook_that_needs_a_person_is_recommended_and_marked(work: Casework):
    work.publish("Reads", [call()])
    payload = work.events(work.create_exception(), "PolicyEvaluated")[0]["payload"]
    assert payload["verdict"] == "needs_approval"
    assert payload["reasons"]


def test_the_worker_recalculates_when_a_threshold_passes(work: Casework, pair: Threaded):
    calm = work.publish("Calm", [note()])
    hurry = work.publish("Hurry", [note()], sla_minutes_remaining_lt=20, priority=9)
    exception_id = work.create_exception(sla_deadline=work.due(minutes=45))
    assert current(work, exception_id) == calm
    pair.clock.advance(minutes=24)
    pair.work()
    assert current(work, exception_id) == calm
    pair.clock.advance(minutes=2)
    pair.work()
    assert current(work, exception_id) == hurry
    event = work.events(exception_id, "PlaybookRecalculated")[-1]
    assert (event["actor_type"], event["actor_id"], event["payload"]["trigger"]) == ("system", "worker", "expired")
    before = work.events(exception_id)
    pair.work()
    assert work.events(exception_id) == before


def test_a_reopened_exception_is_recalculated_again(work: Casework, pair: Threaded):
    steps = [note(), to_status("resolved"), to_status("analyzing"), note("More")]
    work.publish("Long", steps)
    work.publish("Hurry", [note()], sla_minutes_remaining_lt=20, priority=9)
    work.publish("Run", [note()], sla_minutes_remaining_lt=5, priority=10)
    exception_id = work.create_exception(sla_deadline=work.due(minutes=45))
    work.complete(exception_id, 1)
    work.complete(exception_id, 2)
    pair.clock.advance(minutes=30)
    pair.work()
    assert work.state(exception_id)["valid_until"] is None
    work.complete(exception_id, 3)
    pair.work()
    assert work.state(exception_id)["better_match"]["name"] == "Hurry"
    pair.clock.advance(minutes=11)
    pair.work()
    assert work.state(exception_id)["better_match"]["name"] == "Run"


def test_the_worker_leaves_a_playbook_in_progress(work: Casework, pair: Threaded):
    calm = work.publish("Calm", [note(), note("More")])
    work.publish("Hurry", [note()], sla_minutes_remaining_lt=20, priority=9)
    exception_id = work.create_exception(sla_deadline=work.due(minutes=45))
    work.complete(exception_id, 1)
    pair.clock.advance(minutes=30)
    pair.work()
    assert current(work, exception_id) == calm
    assert work.state(exception_id)["better_match"]["name"] == "Hurry"


def test_what_is_blocked_is_nobodys_choice(work: Casework):
    work.publish("Best", [note(), call("cut_supply", "Cut", reason="x")], priority=50)
    second = work.publish("Second", [note()], priority=1)
    exception_id = work.create_exception(severity="high")
    assert current(work, exception_id) == second
    state = work.state(exception_id)
    assert state["reasoning"].startswith("Second v1 is selected: ")
    assert "Best v1 is passed over by policy: step 2 (Cut): " in state["reasoning"]
    triaged = work.events(exception_id, "TriageCompleted")[0]["payload"]
    assert triaged["playbook_hint"] == "Second"
    recommended = work.events(exception_id, "PlaybookRecalculated")[0]["payload"]
    assert recommended["reasoning"] == state["reasoning"]


def test_triage_speaks_again_when_it_has_something_new_to_say(work: Casework):
    work.policy(severity_overrides=[{"when": {"match": {"amount_gte": 1000}}, "severity": "critical"}])
    exception_id = work.create_exception(severity=None, amount=5)
    path = f"/api/exceptions/{exception_id}"
    for changes in ({"amount": 7}, {"amount": 2000}, {"amount": 3}):
        work.admin.ok("PATCH", path, changes)
    spoken = work.events(exception_id, "TriageCompleted")
    assert [event["payload"]["applied"] for event in spoken] == [
        {"severity": "low"},
        {"severity": "critical"},
        {},
    ]
    assert {(event["actor_type"], event["actor_id"]) for event in spoken} == {("agent", "triage-agent")}
    assert work.admin.ok("GET", path)["severity"] == "critical"


def test_triage_never_changes_a_severity_that_somebody_gave(work: Casework):
    work.policy(severity_overrides=[{"when": {"match": {"amount_gte": 1000}}, "severity": "critical"}])
    exception_id = work.create_exception(severity=None, amount=5)
    path = f"/api/exceptions/{exception_id}"
    work.admin.ok("PATCH", path, {"severity": "medium"})
    work.admin.ok("PATCH", path, {"amount": 2000})
    assert work.admin.ok("GET", path)["severity"] == "medium"
    summary = work.events(exception_id, "TriageCompleted")[-1]["payload"]["summary"]
    assert "severity medium (as given, the rules say critical)" in summary


def test_policy_speaks_again_after_a_new_verdict_and_only_then(work: Casework):
    work.policy(human_approval_rules=[{"severity": "critical"}])
    work.publish("Two", [note(), note("Again")])
    exception_id = work.create_exception(severity="low")
    work.complete(exception_id, 1)
    path = f"/api/exceptions/{exception_id}"
    for severity in ("critical", "critical", "low"):
        work.admin.ok("PATCH", path, {"severity": severity})
        recalculate(work, exception_id)
    verdicts = [event["payload"]["verdict"] for event in work.events(exception_id, "PolicyEvaluated")]
    assert verdicts == ["aligned", "needs_approval", "aligned"]


def test_the_next_step_is_suggested_after_every_step(work: Casework):
    work.publish("Three", [note(), note("Again"), note("Last")])
    exception_id = work.create_exception()
    for step_order in (1, 2, 3):
        work.complete(exception_id, step_order)
    suggested = work.events(exception_id, "ResolutionSuggested")
    assert [event["payload"]["step_order"] for event in suggested] == [1, 2, 3]
    assert {event["actor_id"] for event in suggested} == {"resolution-agent"}


def test_what_a_finished_step_needed_is_told_as_it_was_then(work: Casework):
    work.policy(human_approval_rules=[{"severity": "critical"}])
    work.publish("Two", [note(), note("Again")])
    exception_id = work.create_exception(severity="critical")
    work.complete(exception_id, 1)
    work.policy()
    first, second = work.state(exception_id)["steps"]
    assert (first["requires_human"], second["requires_human"]) == (True, False)
    (reason,) = first["requires_human_reasons"]
    assert (reason["code"], reason["rule_index"]) == ("approval_rule", 0)


def test_a_superseded_version_says_so(work: Casework):
    first = work.publish("One", [note()])
    exception_id = work.create_exception()
    work.complete(exception_id, 1)
    assert work.state(exception_id)["playbook"]["superseded_by"] is None
    second = work.publish("One", [note(), note("Again")])
    assert work.state(exception_id)["playbook"]["superseded_by"] == 2
    found = work.admin.ok("GET", "/api/playbooks", params={"name": "One"})["items"]
    assert {each["playbook_id"]: each["superseded_by"] for each in found} == {first: 2, second: None}
    work.admin.ok("POST", f"/api/playbooks/{second}/retire")
    assert work.admin.ok("GET", f"/api/playbooks/{first}")["superseded_by"] is None


def test_the_filters_ignore_case(work: Casework):
    exception_id = work.create_exception(exception_type="meter silent")
    exception = work.admin.ok("GET", f"/api/exceptions/{exception_id}")
    assert exception["exception_type"] == "Meter Silent"
    for name in ("METER SILENT", "Meter Silent"):
        wanted = {"exception_type": name, "domain": exception["domain"].upper()}
        found = work.admin.ok("GET", "/api/exceptions", params=wanted)["items"]
        assert exception_id in [each["exception_id"] for each in found]
