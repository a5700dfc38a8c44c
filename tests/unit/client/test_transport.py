"""Requests to a scripted service: retries, tokens, request ids, and every kind of failure."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.support.faults import dripping, dripping_headers, hanging_up, saying, slow
from tests.support.processes import free_port
from tests.support.threaded import Wsgi, serving
from werkzeug.wrappers import Request, Response

from sentinai.client import (
    ApiProblem,
    Conflict,
    ExecutorClient,
    MatcherClient,
    NotFound,
    RetryPolicy,
    ServiceUnavailable,
    UnusableAnswer,
    deadline_session,
)

RETRY_POLICY = RetryPolicy(attempts=3, first_pause_seconds=0.001, longest_pause_seconds=0.01, read_seconds=20)
SECRET = "tok-9f1"


@dataclass
class Service:
    """Gives the scripted answers in turn, and records the requests."""

    url: str = ""
    answers: list[Wsgi] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        request = Request(environ)
        request.get_data()
        self.requests.append(request)
        answer = self.answers.pop(0) if self.answers else saying("{}")
        return answer(environ, start_response)


@pytest.fixture
def service() -> Iterator[Service]:
    found = Service()
    with serving(found) as url:
        found.url = url
        yield found


@pytest.fixture
def executor(service: Service) -> Iterator[ExecutorClient]:
    with ExecutorClient(service.url + "/", SECRET, retry_policy=RETRY_POLICY) as client:
        yield client


def refusing(status: int, code: str = "some_code", **members: Any) -> Wsgi:
    document = {
        "type": "urn:x",
        "title": "No",
        "status": status,
        "detail": "Because.",
        "instance": "/",
        "code": code,
    }
    headers = members.pop("headers", {})
    body = json.dumps({**document, "code": code, **members})
    return Response(body, status, headers, mimetype="application/problem+json")


@pytest.mark.parametrize("trouble", [429, 500, 502, 503, 504, "no answer"])
def test_a_temporary_failure_is_retried(service: Service, executor: ExecutorClient, trouble: Any):
    bad = hanging_up if trouble == "no answer" else refusing(trouble)
    service.answers = [bad, bad, saying('{"valid": true}')]
    assert executor.verify_events("E-8") == {"valid": True}
    assert len(service.requests) == 3
    assert len({request.headers["X-Request-ID"] for request in service.requests}) == 1


def test_retries_end(service: Service, executor: ExecutorClient):
    service.answers = [refusing(503, "database_unavailable") for _ in range(9)]
    with pytest.raises(ServiceUnavailable) as caught:
        executor.get_policy_pack()
    assert (caught.value.status, caught.value.code, len(service.requests)) == (503, "database_unavailable", 3)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 415, 422])
def test_a_refusal_is_not_retried(service: Service, executor: ExecutorClient, status: int):
    service.answers = [refusing(status)]
    with pytest.raises(ApiProblem) as caught:
        executor.get_policy_pack()
    assert (caught.value.status, len(service.requests)) == (status, 1)


@pytest.mark.parametrize("bad", [hanging_up, refusing(503)], ids=["no answer", "busy"])
def test_a_call_that_is_not_idempotent_is_sent_once(service: Service, executor: ExecutorClient, bad: Wsgi):
    service.answers = [bad]
    with pytest.raises(ServiceUnavailable):
        executor.add_comment("E-8", "Rang them.")
    service.answers = [bad]
    with pytest.raises(ServiceUnavailable):
        executor.change_exception("E-8", {"amount": 3})
    assert [request.method for request in service.requests] == ["POST", "PATCH"]


def test_a_long_retry_after_ends_the_retries(service: Service, executor: ExecutorClient):
    service.answers = [refusing(503, headers={"Retry-After": "7"})]
    with pytest.raises(ServiceUnavailable) as caught:
        executor.get_policy_pack()
    assert (caught.value.retry_after, len(service.requests)) == (7, 1)


def test_a_short_retry_after_is_waited_for(service: Service, executor: ExecutorClient):
    service.answers = [refusing(429, headers={"Retry-After": "0"}), saying('{"version": 0}')]
    assert executor.get_policy_pack() == {"version": 0}


def test_an_exception_without_an_id_gets_one_for_all_attempts(service: Service, executor: ExecutorClient):
    service.answers = [hanging_up]
    executor.create_exception({"domain": "Ports", "exception_type": "Crane Stuck"})
    sent = [json.loads(request.get_data()) for request in service.requests]
    assert len(sent) == 2
    assert sent[0] == sent[1]
    assert sent[0]["exception_id"].startswith("EX-")
    executor.create_exception({"exception_id": "K-1", "domain": "Ports", "exception_type": "Crane Stuck"})
    assert json.loads(service.requests[-1].get_data())["exception_id"] == "K-1"


def test_each_attempt_asks_for_a_token(service: Service):
    tokens = iter(["old", "new"])
    service.answers = [refusing(503)]
    with MatcherClient(service.url, lambda: next(tokens), retry_policy=RETRY_POLICY) as matcher:
        matcher.list_operators()
    assert [request.headers["Authorization"] for request in service.requests] == ["Bearer old", "Bearer new"]


def test_callers_share_a_client_with_their_own_tokens(service: Service, executor: ExecutorClient):
    other = executor.with_token("tok-other")
    other.get_policy_pack()
    executor.get_policy_pack()
    sent = [request.headers["Authorization"] for request in service.requests]
    assert sent == ["Bearer tok-other", f"Bearer {SECRET}"]


def test_a_call_carries_the_id_of_the_request_being_served(service: Service):
    ids = iter(["req-5", None])
    with ExecutorClient(service.url, SECRET, request_id=lambda: next(ids)) as executor:
        executor.get_policy_pack()
        executor.get_policy_pack()
    first, second = [request.headers["X-Request-ID"] for request in service.requests]
    assert first == "req-5"
    assert second not in ("", "req-5", None)


def test_a_refusal_has_the_details_of_the_problem_document(service: Service, executor: ExecutorClient):
    errors = [
        {"pointer": "/steps/0", "code": "required", "message": "A name is missing.", "hint": "Give one."},
        {"pointer": "", "code": "other", "message": "Odd."},
    ]
    service.answers = [refusing(422, "invalid_document", errors=errors, headers={"X-Request-ID": "abc"})]
    with pytest.raises(ApiProblem, match=r"invalid_document: Because\.") as caught:
        executor.publish_playbook({})
    problem = caught.value
    assert (problem.title, problem.detail, problem.request_id) == ("No", "Because.", "abc")
    assert [found.to_json() for found in problem.errors] == errors


def test_not_found_and_conflict_have_their_own_exceptions(service: Service, executor: ExecutorClient):
    service.answers = [refusing(404, "not_found"), refusing(409, "step_not_current", expected_step=2)]
    with pytest.raises(NotFound):
        executor.get_exception("E-404")
    with pytest.raises(Conflict) as caught:
        executor.get_exception("E-409")
    assert caught.value.expected_step == 2
    service.answers = [refusing(409, "no_playbook")]
    with pytest.raises(Conflict) as caught:
        executor.get_exception("E-409")
    assert caught.value.expected_step is None


UNUSABLE = {
    "not JSON": saying("<html>hello"),
    "a duplicate key": saying('{"a": 1, "a": 2}'),
    "not a number": saying('{"a": NaN}'),
    "an empty body": saying(""),
    "a redirect": saying("{}", 302, Location="http://127.0.0.1:9/"),
    "a refusal by a proxy": saying("<html>no", 403),
    "an incomplete problem": saying('{"code": "x"}', 404),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_unusable_response_is_reported_as_such(service: Service, executor: ExecutorClient, name: str):
    service.answers = [UNUSABLE[name]]
    with pytest.raises(UnusableAnswer) as caught:
        executor.get_policy_pack()
    assert caught.value.code == "unusable_answer"
    assert len(service.requests) == 1


def test_a_gateway_error_means_that_the_service_is_unavailable(service: Service, executor: ExecutorClient):
    service.answers = [saying("<html>bad gateway", 502) for _ in range(3)]
    with pytest.raises(ServiceUnavailable) as caught:
        executor.get_policy_pack()
    assert (caught.value.status, caught.value.code) == (502, "unreachable")


def test_an_unreachable_service_does_not_reveal_the_token():
    with ExecutorClient(f"http://127.0.0.1:{free_port()}", SECRET, retry_policy=RETRY_POLICY) as executor:
        with pytest.raises(ServiceUnavailable) as caught:
            executor.get_policy_pack()
        with pytest.raises(ServiceUnavailable):
            executor.readiness()
        assert SECRET not in f"{executor!r} {vars(caught.value)!r} {caught.value}"
    assert (caught.value.status, caught.value.code) == (None, "unreachable")
    assert caught.value.request_id


def test_a_late_response_is_a_failure(service: Service):
    service.answers = [slow(1)]
    hasty = RetryPolicy(attempts=1, read_seconds=0.1)
    with ExecutorClient(service.url, SECRET, retry_policy=hasty) as executor, pytest.raises(ServiceUnavailable):
        executor.get_policy_pack()


@pytest.mark.parametrize("fault", [dripping, dripping_headers])
def test_an_endless_response_is_a_failure(service: Service, fault: Wsgi):
    service.answers = [fault, saying("{}")]
    hasty = RetryPolicy(attempts=1, read_seconds=0.3)
    with ExecutorClient(service.url, SECRET, retry_policy=hasty) as executor:
        begun = time.monotonic()
        with pytest.raises(ServiceUnavailable):
            executor.get_policy_pack()
        assert time.monotonic() - begun < 2
        assert executor.get_policy_pack() == {}


def test_a_too_large_response_is_a_failure(service: Service, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(deadline_session, "MAX_RESPONSE_BYTES", 4000)
    service.answers = [saying(json.dumps({"pack": "x" * 5000})), saying(json.dumps({"pack": "x" * 3000}))]
    with ExecutorClient(service.url, SECRET, retry_policy=RetryPolicy(attempts=1)) as executor:
        with pytest.raises(ServiceUnavailable):
            executor.get_policy_pack()
        assert len(executor.get_policy_pack()["pack"]) == 3000


def test_a_held_response_is_waited_for(service: Service):
    late = slow(0.4)
    service.answers = [late]
    hasty = RetryPolicy(attempts=1, read_seconds=0.1)
    with ExecutorClient(service.url, SECRET, retry_policy=hasty) as executor:
        assert executor.list_events("E-8", wait=15) == {}


def test_names_are_percent_encoded_in_paths(service: Service, executor: ExecutorClient):
    executor.get_domain_pack("Öl & Gas? #1")
    executor.get_exception("A/../B")
    assert service.requests[0].path == "/api/domain-packs/Öl & Gas? #1"
    assert service.requests[1].environ["REQUEST_URI"] == "/api/exceptions/A%2F..%2FB"


def test_threads_share_a_client(service: Service, executor: ExecutorClient):
    def echoing(environ: dict[str, Any], start_response: Any) -> Any:
        name = Request(environ).path.rsplit("/", 1)[-1]
        return Response(json.dumps({"exception_id": name}))(environ, start_response)

    service.answers = [echoing] * 60
    names = [f"E-{index}" for index in range(60)]
    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(lambda name: executor.get_exception(name)["exception_id"], names))
    assert found == names


def test_a_closed_client_can_be_used_again(service: Service, executor: ExecutorClient):
    executor.get_policy_pack()
    executor.close()
    executor.get_policy_pack()
    assert len(service.requests) == 2


def test_readiness_of_a_service_that_is_not_ready(service: Service, executor: ExecutorClient):
    service.answers = [saying('{"status": "unavailable", "checks": {"database": "gone"}}', 503)]
    assert executor.readiness() == {"status": "unavailable", "checks": {"database": "gone"}}
    assert "Authorization" not in service.requests[0].headers
    for body in ("<html>", '{"status": "fine"}'):
        service.answers = [saying(body)]
        with pytest.raises(UnusableAnswer):
            executor.readiness()


@pytest.mark.parametrize(
    "address", ["", "localhost:8080", "ftp://here", "http://", "http://here?x=1", "http://a b"]
)
def test_an_invalid_url_is_refused_at_once(address: str):
    with pytest.raises(ValueError, match="not a valid service URL"):
        ExecutorClient(address, SECRET)


@pytest.mark.parametrize("token", [f"{SECRET}\n", f"{SECRET} x", "tök"])
def test_an_invalid_token_is_not_revealed(service: Service, token: str):
    with ExecutorClient(service.url, token) as executor, pytest.raises(ValueError) as caught:
        executor.get_policy_pack()
    assert SECRET not in str(caught.value)
    assert service.requests == []


def test_an_invalid_header_is_the_callers_mistake(service: Service, executor: ExecutorClient):
    with pytest.raises(ValueError, match="header"):
        executor.call_dummy_tool("crane", {}, idempotency_key="a\nb")
    assert service.requests == []


def test_a_busy_service_is_polled_slowly(
    service: Service, executor: ExecutorClient, monkeypatch: pytest.MonkeyPatch
):
    naps: list[float] = []
    monkeypatch.setattr("sentinai.client.executor.time.sleep", naps.append)
    empty, event = '{"items": [], "next_cursor": null}', '{"items": [{"seq": 9}], "next_cursor": null}'
    service.answers = [saying(empty), saying(empty), saying(event), saying(event)]
    followed = executor.events("E-8", after_seq=4, wait=15)
    assert [next(followed)["seq"], next(followed)["seq"]] == [9, 9]
    assert naps == [1.0, 1.0]
    assert [request.args["after_seq"] for request in service.requests] == ["4", "4", "4", "9"]


@pytest.mark.parametrize(("read_seconds", "told"), [(20, "20000"), (0.4, "400"), (60, "60000"), (61, None)])
def test_each_attempt_tells_how_long_it_waits(service: Service, read_seconds: float, told: str | None):
    policy = RetryPolicy(attempts=1, read_seconds=read_seconds)
    with MatcherClient(service.url, SECRET, retry_policy=policy) as matcher:
        matcher.list_operators()
    assert [request.headers.get("X-Request-Deadline") for request in service.requests] == [told]


def test_a_long_poll_tells_how_long_it_waits(service: Service, executor: ExecutorClient):
    service.answers = [saying('{"items": [], "next_cursor": null}')]
    executor.list_events("E-8", wait=10)
    assert service.requests[0].headers["X-Request-Deadline"] == "30000"


def test_the_time_of_the_caller_bounds_all_attempts_together(service: Service):
    service.answers = [slow(5), slow(5), slow(5)]
    with MatcherClient(service.url, SECRET, retry_policy=RETRY_POLICY, seconds_left=lambda: 0.3) as matcher:
        started = time.monotonic()
        with pytest.raises(ServiceUnavailable):
            matcher.list_operators()
    assert time.monotonic() - started < 1
    assert int(service.requests[0].headers["X-Request-Deadline"]) <= 300
