from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sentinai.clock import format_time
from sentinai.conditions.language.guard import MAX_DEPTH
from sentinai.database.engine import Database
from sentinai.database.tables import PlaybookRow

pytestmark = pytest.mark.usefixtures("database")
AS_OF = "2026-05-04T06:30:00Z"
BERTH = {"match": {"exception_type": "Berth *", "sla_minutes_remaining_lte": 90}, "priority": 7}


def at(minutes: int) -> str:
    return format_time(datetime(2026, 5, 4, 6, 30, tzinfo=UTC) + timedelta(minutes=minutes))


def test_a_tenant_without_stored_data_gets_a_normal_response(caller):
    found = caller.match()
    assert found["selected"] is None
    assert (found["candidates"], found["catalogue_revision"], found["ranked"]) == (0, 0, [])
    assert found["as_of"] == AS_OF
    assert found["tenant_id"] == "harbour"


def test_the_best_ranked_comes_first_with_the_actual_values(caller, author):
    author.publish("Any berth", {"match": {"exception_type": "berth *"}, "priority": 2})
    urgent = author.publish("Urgent berth", BERTH)
    found = caller.match({"exception_type": "Berth Conflict", "sla_deadline": at(75)})
    assert found["selected"] == {"playbook_id": urgent, "name": "Urgent berth", "version": 1, "priority": 7}
    assert [entry["name"] for entry in found["ranked"]] == ["Urgent berth", "Any berth"]
    assert [entry["rank"] for entry in found["ranked"]] == [1, 2]
    reason = found["ranked"][0]["reasons"][1]
    assert reason["path"] == "sla.minutes_remaining"
    assert (reason["operator"], reason["expected"], reason["actual"]) == ("<=", 90, 75.0)
    assert "75" in reason["text"]
    assert "Urgent berth" in found["reasoning"]


def test_with_equal_priority_the_later_published_wins_and_limit_applies(caller, author):
    for name in ("First", "Second", "Third"):
        author.publish(name, {"match": {"entity": "Quay 4", "context.shift": name.lower()[:1]}})
        author.publish(f"{name} of all", {"match": {"entity": "Quay 4"}})
    found = caller.match({"entity": "Quay 4"}, limit=2, near_misses=0)
    assert [entry["name"] for entry in found["ranked"]] == ["Third of all", "Second of all"]
    assert (found["matched"], found["candidates"], found["near_misses"]) == (3, 6, [])


def test_a_near_miss_names_the_one_clause_that_fails(caller, author):
    author.publish("Urgent berth", BERTH)
    found = caller.match({"exception_type": "Berth Conflict", "sla_deadline": at(100)})
    assert found["selected"] is None
    (miss,) = found["near_misses"]
    assert miss["failed"]["path"] == "sla.minutes_remaining"
    assert (miss["failed"]["actual"], miss["failed"]["satisfied"]) == (100.0, False)
    assert found["valid_until"] == at(10)


def test_a_published_playbook_is_used_by_the_very_next_match(caller, author):
    author.publish("Old", {"match": {"entity": "Quay 4"}})
    before = caller.match({"entity": "Quay 4"})
    author.publish("New", {"match": {"entity": "Quay 4"}})
    after = caller.match({"entity": "Quay 4"})
    assert (before["selected"]["name"], after["selected"]["name"]) == ("Old", "New")
    assert after["catalogue_revision"] > before["catalogue_revision"]


def test_only_the_newest_version_of_a_name_is_matched_and_never_a_retired_one(caller, author):
    author.publish("Tide", {"match": {"entity": "Quay 4"}})
    second = author.publish("Tide", {"match": {"entity": "Quay 9"}})
    assert caller.match({"entity": "Quay 4"})["selected"] is None
    assert caller.match({"entity": "Quay 9"})["selected"]["version"] == 2
    author.retire(second)
    assert caller.match({"entity": "Quay 9"})["selected"] is None
    assert caller.match({"entity": "Quay 4"})["selected"]["version"] == 1


def test_a_stored_playbook_with_invalid_conditions_is_excluded_and_reported(caller, author, database: Database):
    good = author.publish("Good", {"match": {"entity": "Quay 4"}})
    bad = author.publish("Bad", {"match": {"entity": "Quay 5"}, "priority": 90})
    with database.engine.begin() as connection:
        connection.execute(
            PlaybookRow.__table__.update()
            .where(PlaybookRow.playbook_id == bad)
            .values(conditions={"match": {"entity": "Quay 4", "harbour_master": "yes"}})
        )
    found = caller.match({"entity": "Quay 4"})
    assert found["selected"]["playbook_id"] == good
    (error,) = found["errors"]
    assert (error["playbook_id"], error["clause"]) == (bad, "yes")
    assert "harbour_master" in error["message"]


def test_a_rule_that_raises_is_reported_and_another_playbook_is_chosen(caller, author):
    rule = {"<": [{"+": [{"var": "exception.normalized_context.draught"}, 1]}, 9]}
    deep = author.publish("Deep", {"logic": rule, "priority": 5})
    author.publish("Shallow", {"match": {}})
    found = caller.match({"normalized_context": {"draught": "nine fathoms"}})
    assert found["selected"]["name"] == "Shallow"
    assert found["errors"][0]["playbook_id"] == deep
    assert found["errors"][0]["clause"] == rule
    assert caller.match({"normalized_context": {"draught": 4}})["selected"]["name"] == "Deep"


def test_rules_see_stored_packs_and_the_response_has_their_versions(caller, author):
    author.put_domain_pack("Shipping", {"domain_name": "Shipping", "exception_types": ["Berth Conflict"]})
    author.put_policy_pack({"tags": ["night"]})
    author.put_policy_pack({"tag_rules": [{"tag": "heavy", "when": {"match": {"amount_gt": 400}}}]})
    author.publish("Heavy", {"match": {"policy_tags": ["heavy"]}})
    found = caller.match({"domain": "Shipping", "amount": 401})
    assert found["selected"]["name"] == "Heavy"
    assert (found["domain_pack_version"], found["policy_pack_version"]) == (1, 2)
    assert found["policy_tags"] == ["heavy"]
    other = caller.match({"domain": "Rail", "amount": 400})
    assert (other["selected"], other["domain_pack_version"]) == (None, None)


def test_a_new_domain_pack_applies_to_every_tenant(caller, author, author_of):
    author.publish("Listed", {"logic": {"in": ["Surge", {"var": "domain_pack.exception_types"}]}})
    neighbour = author_of("dockyard")
    assert caller.match({"domain": "Shipping"})["selected"] is None
    neighbour.put_domain_pack("Shipping", {"exception_types": ["Surge"]})
    assert caller.match({"domain": "Shipping"})["selected"]["name"] == "Listed"


def test_a_tag_rule_that_depends_on_time_limits_valid_until(caller, author):
    author.put_policy_pack({"tag_rules": [{"tag": "late", "when": {"match": {"sla_minutes_remaining_lt": 20}}}]})
    author.publish("Late", {"match": {"policy_tags": "late"}})
    found = caller.match({"sla_deadline": at(50)})
    assert found["selected"] is None
    assert at(29) < found["valid_until"] <= at(31)


def test_another_tenants_playbooks_are_never_candidates(caller_of, author):
    author.publish("Ours", {"match": {}})
    stranger = caller_of("dockyard", "admin").match()
    assert (stranger["selected"], stranger["candidates"], stranger["tenant_id"]) == (None, 0, "dockyard")


def test_given_playbooks_replace_the_stored_ones(caller, author):
    author.publish("Stored", {"match": {}, "priority": 1000})
    given = [{"playbook_id": 5, "name": "Given", "version": 3, "conditions": {"match": {"severity": "LOW"}}}]
    found = caller.match({"severity": "Low"}, playbooks=given)
    assert found["selected"] == {"playbook_id": 5, "name": "Given", "version": 3, "priority": 0}
    assert found["candidates"] == 1


def test_with_everything_in_the_request_the_database_is_not_read(caller, database, app):
    database.engine.dispose()
    with database.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE tenant RENAME TO gone")
    given = [{"playbook_id": 5, "name": "Given", "version": 1, "conditions": {"match": {}}}]
    found = caller.match(playbooks=given, domain_pack={}, policy_pack={})
    assert (found["selected"]["name"], found["catalogue_revision"]) == ("Given", None)
    reply = caller.post("/api/match", {"exception": {"exception_id": "X"}})
    reply.problem(503, "database_unavailable")
    assert reply.headers["Retry-After"]
    assert caller.get("/readyz").body["status"] == "unavailable"


@pytest.mark.parametrize("part", ["exception", "policy_pack"])
def test_a_body_of_another_tenant_is_refused(caller, part):
    body = {"exception": {"exception_id": "X"}, "policy_pack": {}}
    body[part]["tenant_id"] = "dockyard"
    reply = caller.post("/api/match", body)
    reply.problem(403, "tenant_mismatch")
    body[part]["tenant_id"] = "harbour"
    assert caller.post("/api/match", body).status == 200


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/exception", "required"),
        ({"exception": {}}, "/exception/exception_id", "required"),
        ({"exception": {"exception_id": "a b"}}, "/exception/exception_id", "wrong_format"),
        ({"exception": {"exception_id": "X", "amount": "12"}}, "/exception/amount", "wrong_type"),
        ({"exception": {"exception_id": "X", "severity": "grave"}}, "/exception/severity", "wrong_format"),
        ({"exception": {"exception_id": "X", "sla_deadline": "noon"}}, "/exception/sla_deadline", "wrong_format"),
        ({"exception": {"exception_id": "X", "entty": "Q"}}, "/exception/entty", "unknown_field"),
        ({"exception": {"exception_id": "X"}, "limit": 0}, "/limit", "minimum"),
        ({"exception": {"exception_id": "X"}, "limit": 101}, "/limit", "maximum"),
        ({"exception": {"exception_id": "X"}, "as_of": "2026-13-01T00:00:00Z"}, "/as_of", "wrong_format"),
        ({"exception": {"exception_id": "X"}, "playbooks": [{"name": "A"}]}, "/playbooks/0/version", "required"),
    ],
)
def test_a_schema_violation_is_reported_at_its_pointer(caller, body, pointer, code):
    reply = caller.post("/api/match", body)
    reply.problem(422, "invalid_document")
    assert reply.error(pointer)["code"] == code


def test_an_unknown_field_has_a_suggestion(caller):
    reply = caller.post("/api/match", {"exception": {"exception_id": "X", "sourcesystem": "AIS"}})
    assert "source_system" in reply.error("/exception/sourcesystem")["hint"]


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b'{"exception": {"exception_id": "X"}', "application/json", 400, "malformed_json"),
        (b"", "application/json", 400, "malformed_json"),
        (b'{"exception": {"exception_id": "X", "amount": NaN}}', "application/json", 400, "malformed_json"),
        (
            b'{"limit": 1, "limit": 2, "exception": {"exception_id": "X"}}',
            "application/json",
            400,
            "malformed_json",
        ),
        (b"\xff\xfe{}", "application/json", 400, "malformed_json"),
        (b"[" * 80 + b"]" * 80, "application/json", 400, "malformed_json"),
        (b'{"exception": {"exception_id": "X"}}', "text/plain", 415, "unsupported_media_type"),
        (b"[1]", "application/json", 422, "invalid_document"),
        (b'{"exception": {"exception_id": "' + b"x" * 1_100_000 + b'"}}', "application/json", 413, "too_large"),
    ],
)
def test_unacceptable_bodies_are_problems(caller, body, content_type, status, code):
    caller.post_raw("/api/match", body, content_type).problem(status, code)


def test_every_given_playbook_with_invalid_conditions_is_reported_at_its_pointer(caller):
    def playbook(number, conditions):
        return {"playbook_id": number, "name": f"P{number}", "version": 1, "conditions": conditions}

    given = [
        playbook(1, {"match": {"entity": "Quay 4"}}),
        playbook(2, {"match": {"severty": "low", "amount_lt": "ten"}}),
        playbook(3, {"logic": {"or": [True, {"!": [{"method": ["x", "upper"]}]}]}}),
        playbook(1, {"match": {}}),
    ]
    reply = caller.post("/api/match", {"exception": {"exception_id": "X"}, "playbooks": given})
    reply.problem(422, "invalid_document")
    assert "severity" in reply.error("/playbooks/1/conditions/match/severty")["hint"]
    assert reply.error("/playbooks/1/conditions/match/amount_lt")["code"] == "wrong_type"
    assert reply.error("/playbooks/2/conditions/logic/or/1/!/0/method")["code"] == "operator_not_allowed"
    assert reply.error("/playbooks/3/playbook_id")["code"] == "duplicate_id"


@pytest.mark.parametrize(
    ("packs", "pointer"),
    [
        (
            {"policy_pack": {"tag_rules": [{"tag": "x", "when": {"match": {"amount_gt": "5"}}}]}},
            "/policy_pack/tag_rules/0/when/match/amount_gt",
        ),
        (
            {
                "domain_pack": {
                    "severity_rules": [{"severity": "low", "when": {"!": [{"method": ["x", "upper"]}]}}]
                }
            },
            "/domain_pack/severity_rules/0/when/!/0/method",
        ),
    ],
)
def test_a_given_pack_with_an_invalid_rule_is_refused_as_a_whole(caller, author_caller, packs, pointer):
    body = {"exception": {"exception_id": "X"}, **packs}
    asked = [
        caller.post("/api/match", body),
        caller.post("/api/match/batch", {**packs, "exceptions": [body["exception"]]}),
        author_caller.post("/api/conditions/evaluate", {**body, "conditions": {"match": {}}}),
    ]
    for reply in asked:
        reply.problem(422, "invalid_document")
        assert reply.error(pointer)["message"]


def test_the_number_of_findings_is_bounded(caller):
    exception = {"exception_id": "X"}
    reply = caller.post("/api/match", {"exception": exception, "playbooks": [1] * 2_000})
    assert [error["code"] for error in reply.body["errors"]] == ["maxItems"]
    for body in (
        {"exception": exception, "playbooks": [1] * 900},
        {"exception": {**exception, **{f"k{number}": 1 for number in range(9_000)}}},
    ):
        assert len(caller.post("/api/match", body).problem(422, "invalid_document")["errors"]) == 100


def test_a_value_of_the_wrong_format_has_a_hint(caller):
    for severity in ("urgent", "high\n"):
        reply = caller.post("/api/match", {"exception": {"exception_id": "X", "severity": severity}})
        found = reply.error("/exception/severity")
        assert (found["code"], found["hint"]) == (
            "wrong_format",
            "The severity: low, medium, high or critical, in any case.",
        )


def test_every_response_has_the_callers_request_id(app, caller):
    headers = {"Authorization": f"Bearer {caller.token}", "X-Request-ID": "trace-81"}
    answer = app.test_client().post("/api/match", json={}, headers=headers)
    assert answer.headers["X-Request-ID"] == "trace-81"


def test_a_rule_of_the_greatest_depth_is_accepted_within_a_request(caller):
    rule = {"var": "exception.amount"}
    for _ in range(MAX_DEPTH - 1):
        rule = {"or": [rule]}
    given = {"playbook_id": 1, "name": "Deep", "version": 1, "conditions": {"logic": rule}}
    assert caller.match({"amount": 4}, playbooks=[given])["selected"]["name"] == "Deep"
    refused = {**given, "conditions": {"logic": {"or": [rule]}}}
    reply = caller.post("/api/match", {"exception": {"exception_id": "X"}, "playbooks": [refused]})
    assert [error["code"] for error in reply.problem(422, "invalid_document")["errors"]] == ["too_deep"]
