"""The typed clients against running services: every operation of both, by its name."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Any

import pytest
import requests
from tests.support.casework import PERSON, Casework, call, note, to_status
from tests.support.threaded import START, Threaded

from sentinai.client import (
    Actor,
    ApiProblem,
    Conflict,
    ExecutorClient,
    MatcherClient,
    NotFound,
)
from sentinai.documents.schemas import check

NOOR = Actor(**PERSON)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Program:
    """A program that calls both services for ``noor``, in a tenant of its own."""

    executor: ExecutorClient
    matcher: MatcherClient
    work: Casework


@pytest.fixture
def program(pair: Threaded, work: Casework) -> Iterator[Program]:
    token = pair.token(work.tenant_id, "admin", subject="noor")
    with (
        ExecutorClient(pair.urls["executor"], token) as executor,
        MatcherClient(pair.urls["matcher"], token) as matcher,
    ):
        yield Program(executor, matcher, work)


@dataclass
class Calls:
    """Which calls this thread made, as (service, method, path)."""

    seen: set[tuple[str, str, str]] = field(default_factory=set)

    def reached(self, service: str, url: str) -> set[str]:
        """The operations of a service that were called, by its own document."""
        paths = requests.get(f"{url}/openapi.json", timeout=20).json()["paths"]
        return {
            operation["operationId"]
            for path, methods in paths.items()
            for method, operation in methods.items()
            for called_url, called_method, called_path in self.seen
            if called_url == url and called_method.lower() == method
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), called_path)
        }


def operations(url: str) -> set[str]:
    paths = requests.get(f"{url}/openapi.json", timeout=20).json()["paths"]
    return {operation["operationId"] for methods in paths.values() for operation in methods.values()}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """The calls of this thread only: both services run in other threads of this process."""
    own, found, send = threading.get_ident(), Calls(), requests.Session.send

    def sending(session: Any, request: Any, **options: Any) -> Any:
        if threading.get_ident() == own:
            host, _, path = request.url.removeprefix("http://").partition("/")
            found.seen.add((f"http://{host}", request.method, "/" + path.partition("?")[0]))
        return send(session, request, **options)

    monkeypatch.setattr(requests.Session, "send", sending)
    return found


@pytest.mark.parametrize(("service", "client"), [("matcher", MatcherClient), ("executor", ExecutorClient)])
def test_every_operation_is_a_method_of_the_same_name(pair: Threaded, service: str, client: type):
    assert operations(pair.urls[service]) - set(dir(client)) == set()


def test_a_whole_case_uses_every_operation(pair: Threaded, program: Program, calls: Calls):
    executor, matcher, work = program.executor, program.matcher, program.work
    an_author_prepares(executor, matcher, work)
    exception_id = an_orchestrator_matches_and_creates(executor, matcher, work)
    people_work(executor, exception_id)
    auditors_look(executor, exception_id)
    for service, url in pair.urls.items():
        assert operations(url) - calls.reached(service, url) == set()


def an_author_prepares(executor: ExecutorClient, matcher: MatcherClient, work: Casework) -> None:
    pack = executor.get_domain_pack(work.domain)["pack"]
    assert executor.put_domain_pack(work.domain, {**pack, "entities": {"Meter": {}}})["version"] == 2
    policy = executor.get_policy_pack()
    stored = executor.put_policy_pack({**policy["pack"], "tags": ["harbour"]})
    assert stored["version"] == policy["version"] + 1
    assert "and" in {operator["name"] for operator in matcher.list_operators()["operators"]}
    conditions = {"match": {"domain": work.domain, "amount_gt": 10}}
    assert matcher.validate_conditions(conditions, domain=work.domain)["valid"] is True
    assert matcher.validate_conditions({"match": {"amount_gt": "lots"}})["errors"]
    verdict = matcher.evaluate_conditions(conditions, {"exception_id": "T", "domain": work.domain, "amount": 9})
    assert [verdict["matches"], verdict["reasons"][-1]["actual"]] == [False, 9]
    assert matcher.evaluate_rule({"+": [{"var": "a"}, 4]}, {"a": 3}) == {"result": 7}
    document = work.playbook("Read again", [note(), call(), to_status("analyzing")], amount_gt=10)
    assert executor.check_playbook(document)["version"] == 1
    assert executor.publish_playbook(document)["version"] == 1
    again = executor.publish_playbook(document)
    assert (again["version"], again["conditions"]["match"]) == (1, document["conditions"]["match"])
    old = executor.publish_playbook(work.playbook("Old", [note()]))
    assert executor.retire_playbook(old["playbook_id"])["status"] == "retired"
    assert executor.get_playbook(old["playbook_id"])["in_words"]
    assert [each["name"] for each in executor.playbooks(status="active")] == ["Read again"]


def an_orchestrator_matches_and_creates(executor: ExecutorClient, matcher: MatcherClient, work: Casework) -> str:
    exception = work.document(exception_id="C-1", amount=50)
    later = work.now + timedelta(days=3)
    answer = matcher.match_exception(exception, as_of=later, limit=1, near_misses=0)
    assert check("match-response", answer) == []
    assert answer["ranked"][0]["name"] == "Read again"
    assert answer["as_of"].startswith(later.date().isoformat())
    inline = {"playbook_id": 5, "name": "Inline", "version": 1, "conditions": {"match": {}}}
    results = matcher.match_batch([exception, {"exception_id": 3}], playbooks=[inline], policy_pack={})["results"]
    assert results[0]["selected"]["name"] == "Inline"  # type: ignore[typeddict-item, index]
    assert results[1]["code"] == "invalid_document"  # type: ignore[typeddict-item]
    created = executor.create_exception(exception)
    assert executor.create_exception(exception) == created
    return created["exception_id"]


def people_work(executor: ExecutorClient, exception_id: str) -> None:
    version = executor.get_exception(exception_id)["row_version"]
    changed = executor.change_exception(exception_id, {"entity": "Pier 11"}, row_version=version)
    assert changed["entity"] == "Pier 11"
    with pytest.raises(Conflict) as caught:
        executor.change_exception(exception_id, {"entity": "Pier 12"}, row_version=version)
    assert caught.value.code == "version_conflict"
    assert executor.recalculate_playbook(exception_id)["changed"] is False
    state = executor.start_playbook(exception_id, NOOR)
    assert (state["started"], state["steps"][0]["status"]) == (True, "running")
    playbook_id = state["playbook"]["playbook_id"]  # type: ignore[index]
    with pytest.raises(Conflict) as caught:
        executor.complete_step(exception_id, 3, NOOR)
    assert (caught.value.code, caught.value.expected_step) == ("step_not_current", 1)
    done = executor.complete_step(exception_id, 1, NOOR, mode="attest", notes="By hand.", playbook_id=playbook_id)
    assert (done["outcome"], done["steps"][0]["notes"]) == ("completed", "By hand.")
    assert executor.complete_step(exception_id, 1, NOOR)["outcome"] == "already_completed"
    assert executor.skip_step(exception_id, 2, NOOR, "No need.", playbook_id=playbook_id)["outcome"] == "skipped"
    assert executor.complete_step(exception_id, 3, NOOR)["current_step"] is None
    assert executor.get_playbook_state(exception_id)["progress"] == {"done": 3, "total": 3}
    assert executor.add_comment(exception_id, "All well.")["payload"]["text"] == "All well."
    assert (
        executor.call_dummy_tool("reread_meter", {"meter": 1}, idempotency_key="k-3")["idempotency_key"] == "k-3"
    )


def auditors_look(executor: ExecutorClient, exception_id: str) -> None:
    assert executor.verify_events(exception_id)["valid"] is True
    log = list(executor.events(exception_id))
    assert [event["seq"] for event in log] == list(range(1, len(log) + 1))
    assert executor.list_events(exception_id, limit=3)["items"] == log[:3]
    assert [each["exception_id"] for each in executor.exceptions()] == [exception_id]
    published = list(executor.catalogue_events(event_type=["PlaybookPublished"]))
    assert executor.list_catalogue_events(event_type=["PlaybookPublished"], limit=1)["items"] == published[:1]
    assert executor.verify_catalogue_events()["valid"] is True
    [figures] = [each for each in executor.get_playbook_analytics()["items"] if each["started"]]
    assert (figures["completed"], figures["skipped_steps"]) == (1, 1)
    assert list(executor.deliveries(status="failed")) == []
    with pytest.raises(NotFound):
        executor.redeliver("absent")
    assert executor.redeliver_failed(START) == {"queued": 0}


def test_lists_are_paged(program: Program):
    work = program.work
    names = [f"Playbook {index}" for index in range(5)]
    for name in names:
        work.publish(name, [note()])
    first = program.executor.list_playbooks(limit=2)
    assert [each["name"] for each in first["items"]] == names[:-3:-1]
    second = program.executor.list_playbooks(limit=2, cursor=first["next_cursor"])
    assert [each["name"] for each in second["items"]] == [names[2], names[1]]
    assert [each["name"] for each in program.executor.playbooks()] == names[::-1]
    assert list(program.executor.playbooks(name="Playbook 3", status="retired")) == []


def test_iteration_reads_every_page(program: Program):
    made = [program.work.create_exception(severity="critical" if index % 3 else "low") for index in range(9)]
    urgent = [made[index] for index in range(9) if index % 3]
    exceptions = program.executor.exceptions(severity=["critical", "high"], domain=program.work.domain)
    assert sorted(each["exception_id"] for each in exceptions) == sorted(urgent)


def test_a_log_is_followed_as_it_grows(program: Program):
    exception_id = program.work.create_exception()
    seen = len(list(program.executor.events(exception_id)))
    comments = program.executor.events(exception_id, after_seq=seen, event_type=["CommentAdded"], wait=10)
    later = threading.Timer(0.5, program.executor.add_comment, (exception_id, "Now."))
    later.start()
    [first] = islice(comments, 1)
    assert (first["seq"], first["payload"]["text"]) == (seen + 1, "Now.")
    later.join()
    program.executor.add_comment(exception_id, "And again.")
    [second] = islice(comments, 1)
    assert second["payload"]["text"] == "And again."


def test_iteration_reads_every_page_of_a_log(program: Program):
    exception_id = program.work.create_exception()
    for index in range(205):
        program.executor.add_comment(exception_id, f"Comment {index}")
    texts = [
        event["payload"]["text"] for event in program.executor.events(exception_id, event_type=["CommentAdded"])
    ]
    assert texts == [f"Comment {index}" for index in range(205)]


def test_a_refusal_says_why(pair: Threaded, program: Program):
    with pytest.raises(NotFound):
        program.executor.get_exception("NOWHERE")
    with pytest.raises(ApiProblem) as caught:
        program.executor.publish_playbook({"name": "Half", "conditions": {"match": {}}})
    assert (caught.value.status, caught.value.code) == (422, "invalid_document")
    assert caught.value.errors[0].pointer
    stranger = program.executor.with_token(pair.token(program.work.tenant_id, "viewer"))
    with pytest.raises(ApiProblem) as caught:
        stranger.publish_playbook(program.work.playbook("Mine", [note()]))
    assert (caught.value.status, caught.value.code) == (403, "forbidden")
    with pytest.raises(ApiProblem) as caught:
        program.executor.with_token("forged").get_policy_pack()
    assert caught.value.code == "invalid_token"
    assert caught.value.request_id


def test_both_services_are_ready(program: Program):
    assert program.executor.readiness()["status"] == "ok"
    assert program.matcher.readiness()["checks"] is not None


def test_the_executor_asks_the_matcher_under_the_id_of_the_request_it_serves(
    pair: Threaded, program: Program, monkeypatch: pytest.MonkeyPatch
):
    asked, send = [], requests.Session.send

    def sending(session: Any, request: Any, **options: Any) -> Any:
        asked.append((request.url, request.headers["X-Request-ID"]))
        return send(session, request, **options)

    monkeypatch.setattr(requests.Session, "send", sending)
    token = pair.token(program.work.tenant_id, "operator")
    with ExecutorClient(pair.urls["executor"], token, request_id=lambda: "desk-77") as executor:
        executor.create_exception(program.work.document())
    assert (f"{pair.urls['matcher']}/api/match", "desk-77") in asked
