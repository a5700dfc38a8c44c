"""An exception's log over HTTP: read from anywhere, waited for, commented into, proven."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from tests.support.casework import AGENT, Casework, note, tell

from sentinai.documents.schemas import check


def test_the_log_is_read_after_a_place_and_by_type(work: Casework):
    work.publish("Two", [note(), note()])
    exception_id = work.create_exception()
    work.complete(exception_id, 1)
    whole = work.events(exception_id)
    assert [event["seq"] for event in whole] == list(range(1, len(whole) + 1))
    path = f"/api/exceptions/{exception_id}/events"
    assert work.admin.ok("GET", path, params={"after_seq": 3})["items"] == whole[3:]
    assert work.admin.ok("GET", path, params={"after_seq": len(whole)})["items"] == []
    types = ["CommentAdded", "PlaybookStarted"]
    chosen = work.events(exception_id, *types)
    assert [event["event_type"] for event in chosen] == ["PlaybookStarted", "CommentAdded"]
    assert work.events(exception_id, "NoSuchType") == []


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_of_the_log_give_the_whole_log(work: Casework, limit: int):
    work.publish("One", [note()])
    exception_id = work.create_exception()
    work.complete(exception_id, 1)
    path, query, paged = f"/api/exceptions/{exception_id}/events", {"limit": limit}, []
    while True:
        page = work.admin.ok("GET", path, params=query)
        assert check("event-page", page) == []
        paged += page["items"]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert paged == work.events(exception_id)


@pytest.mark.parametrize("query", [{"after_seq": -1}, {"wait": 21}, {"wait": -1}, {"limit": 0}, {"wait": "NaN"}])
def test_parameters_out_of_range_are_reported(work: Casework, query: dict[str, Any]):
    path = f"/api/exceptions/{work.create_exception()}/events"
    work.admin.problem(422, "invalid_query", "GET", path, params=query)


def test_an_invalid_cursor_is_refused(work: Casework):
    path = f"/api/exceptions/{work.create_exception()}/events"
    work.admin.problem(400, "invalid_cursor", "GET", path, params={"cursor": "xyz"})


def test_who_waits_hears_of_what_comes(work: Casework):
    exception_id = work.create_exception()
    end = len(work.events(exception_id))
    later = threading.Timer(
        0.3, work.admin.ok, ("POST", f"/api/exceptions/{exception_id}/comments", {"text": "At last."})
    )
    later.start()
    reader = work.acting({"actor_type": "human", "actor_id": "kai"}, "viewer")
    query = {"after_seq": end, "wait": 20}
    found = reader.ok("GET", f"/api/exceptions/{exception_id}/events", params=query)["items"]
    later.join()
    assert [event["payload"]["text"] for event in found] == ["At last."]


def test_who_waits_for_a_type_is_not_answered_by_another(work: Casework):
    exception_id = work.create_exception()
    later = threading.Timer(
        0.2, work.admin.ok, ("POST", f"/api/exceptions/{exception_id}/comments", {"text": "Not this."})
    )
    later.start()
    reader = work.acting({"actor_type": "human", "actor_id": "kai"}, "viewer")
    query = {"event_type": "StatusChanged", "wait": 0.9}
    found = reader.ok("GET", f"/api/exceptions/{exception_id}/events", params=query)
    later.join()
    assert found == {"items": [], "next_cursor": None}


def test_who_waits_for_what_is_there_is_answered_with_it(work: Casework):
    exception_id = work.create_exception()
    whole = work.events(exception_id)
    path = f"/api/exceptions/{exception_id}/events"
    assert work.admin.ok("GET", path, params={"wait": 20})["items"] == whole


def test_a_comment_is_answered_as_its_event(work: Casework):
    exception_id = work.create_exception()
    agent = work.acting(AGENT)
    answer = agent(
        "POST", f"/api/exceptions/{exception_id}/comments", {"text": "<b>Odd</b> {not.a.placeholder} ☃"}
    )
    event = answer.json()
    assert answer.status_code == 201
    assert event == work.events(exception_id)[-1]
    assert (event["event_type"], event["actor_type"], event["actor_id"]) == ("CommentAdded", "agent", "sweeper")
    assert event["payload"]["text"] == "<b>Odd</b> {not.a.placeholder} ☃"


@pytest.mark.parametrize("body", [{}, {"text": ""}, {"text": 1}, {"text": "x", "author": "y"}])
def test_an_invalid_comment_is_refused(work: Casework, body: dict[str, Any]):
    path = f"/api/exceptions/{work.create_exception()}/comments"
    work.admin.problem(422, "invalid_document", "POST", path, body)


def test_the_log_proves_itself_and_its_chain_hangs_together(work: Casework):
    work.publish("Two", [tell(), note()])
    exception_id = work.create_exception()
    work.complete(exception_id, 1)
    log = work.events(exception_id)
    proof = work.admin.ok("GET", f"/api/exceptions/{exception_id}/events/verify")
    assert proof == {"valid": True, "events": len(log), "first_broken_seq": None}
    assert [event["prev_hash"] for event in log] == ["0" * 64, *(event["hash"] for event in log[:-1])]
    assert len({event["hash"] for event in log} | {event["event_id"] for event in log}) == 2 * len(log)
