"""Requests made to break a parser: each is refused with a reason, and none causes a server error."""

from __future__ import annotations

import base64
import http.client
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import requests
from tests.support.casework import PERSON, Casework, call, note, step_path
from tests.support.threaded import Threaded

MEBIBYTE = 2**20
MATCH = {"exception": {"exception_id": "H-1"}}
WRITES: dict[tuple[str, str, str], Any] = {
    ("executor", "POST", "/api/exceptions"): {"domain": "Rail", "exception_type": "Delay", "entity": "X"},
    ("executor", "PATCH", "/api/exceptions/{id}"): {"entity": "X"},
    ("executor", "POST", "/api/exceptions/{id}/comments"): {"text": "X"},
    ("executor", "POST", "/api/exceptions/{id}/playbook/recalculate"): {},
    ("executor", "POST", step_path("{id}", 1)): {**PERSON, "notes": "X"},
    ("executor", "POST", "/api/playbooks"): {"name": "X", "conditions": {"match": {}}, "steps": [note()]},
    ("executor", "PUT", "/api/policy-pack"): {"tags": ["X"]},
    ("executor", "PUT", "/api/domain-packs/Rail"): {"entities": {}},
    ("executor", "POST", "/api/dummy-tools/reread_meter"): {"payload": {"X": 1}},
    ("matcher", "POST", "/api/match"): MATCH,
    ("matcher", "POST", "/api/match/batch"): {"exceptions": [MATCH["exception"]]},
    ("matcher", "POST", "/api/conditions/validate"): {"conditions": {"match": {}}},
    ("matcher", "POST", "/api/conditions/evaluate"): {"logic": {"var": "x"}, "data": {"x": 1}},
}
MALFORMED: dict[str, bytes] = {
    "nothing": b"",
    "blank": b" \n",
    "no JSON": b"{'exception': 1}",
    "cut off": b'{"exception": {"exception_id": "H',
    "two documents": b"{} {}",
    "arrays 73 deep": b"[" * 73 + b"]" * 73,
    "objects 73 deep": b'{"a":' * 73 + b"1" + b"}" * 73,
    "a hundred thousand open brackets": b"[" * 100_000,
    "deep behind quotes": b'{"a\\"[": ' + b"[" * 80 + b"]" * 80 + b"}",
    "a key twice": b'{"entity": 1, "entity": 2}',
    "a key twice, once escaped": b'{"entity": 1, "\\u0065ntity": 2}',
    "a key twice, deep down": b'{"a": [{"b": {"c": 1, "c": 1}}]}',
    "NaN": b'{"amount": NaN}',
    "minus infinity": b'{"amount": -Infinity}',
    "beyond a double": b'{"amount": 1e400}',
    "five thousand digits": b'{"amount": ' + b"7" * 5000 + b"}",
    "half a surrogate pair": b'{"text": "\\ud83d"}',
    "the other half, in a key": b'{"\\ude00": 1}',
    "NUL": b'{"text": "a\\u0000b"}',
    "NUL in a key": b'{"a\\u0000": 1}',
    "a raw control character": b'{"text": "a\x00b"}',
    "no UTF-8": b'{"text": "\xff\xfe"}',
    "Latin-1": '{"text": "Zürich"}'.encode("latin-1"),
    "an overlong slash": b'{"text": "\xc0\xaf"}',
    "a surrogate in UTF-8": b'{"text": "\xed\xa0\x80"}',
    "UTF-16": '{"text": "x"}'.encode("utf-16"),
}


def test_a_tool_s_pattern_cannot_hold_a_worker(work: Casework):
    tool = {"parameters": {"type": "object", "properties": {"meter": {"pattern": "^([A-Z]+-?)+$"}}}}
    work.admin.ok("PUT", f"/api/domain-packs/{work.domain}", {"tools": {"reread_meter": tool}})
    work.publish("One", [call()])
    exception_id = work.create_exception(normalized_context={"meter": "A" * 60 + "#"})
    begun = time.monotonic()
    assert work.state(exception_id)["steps"][0]["status"] == "blocked"
    problem = work.admin.problem(422, "invalid_document", "POST", step_path(exception_id, 1), PERSON)
    assert [error["pointer"] for error in problem["errors"]] == ["/meter"]
    assert time.monotonic() - begun < 10


@pytest.fixture
def target(work: Casework) -> str:
    """The id of an exception on a playbook, which nothing here may change."""
    work.publish("One", [note()])
    return work.create_exception()


def calls(pair: Threaded, work: Casework, target: str) -> Iterator[tuple[str, str, dict[str, str], Any]]:
    """Every call that takes a body: method, URL, the header with the token, and a body that would do."""
    for (service, method, path), body in WRITES.items():
        token = pair.token(work.tenant_id, "admin", subject=PERSON["actor_id"])
        headers = {"Authorization": f"Bearer {token}"}
        yield method, pair.urls[service] + path.replace("{id}", target), headers, body


def refused(answer: requests.Response, *statuses: int) -> dict[str, Any]:
    """The problem that an answer is; fails unless it is one of these statuses."""
    problem: dict[str, Any] = answer.json()
    assert answer.status_code in statuses, (answer.request.method, answer.url, answer.text[:300])
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert problem["code"]
    return problem


@pytest.mark.parametrize("malformed", MALFORMED)
def test_json_that_parsers_read_differently_is_refused_everywhere(
    work: Casework, pair: Threaded, target: str, malformed: str
):
    before = work.events(target)
    for method, url, headers, _ in calls(pair, work, target):
        if malformed == "nothing" and url.endswith(("/recalculate", "/start", "/complete")):
            continue  # their bodies may be left out
        sent_headers = {**headers, "Content-Type": "application/json"}
        answer = requests.request(method, url, data=MALFORMED[malformed], headers=sent_headers, timeout=20)
        assert refused(answer, 400)["code"] == "malformed_json"
    assert work.events(target) == before


@pytest.mark.parametrize("document", [True, 0, 1.5, "text", [], [{}], {"surprise": 1}, {"": {}}])
def test_a_document_of_another_kind_is_refused_everywhere(
    work: Casework, pair: Threaded, target: str, document: Any
):
    before = work.events(target)
    for method, url, headers, _ in calls(pair, work, target):
        answer = requests.request(method, url, json=document, headers=headers, timeout=20)
        assert refused(answer, 422)["code"] == "invalid_document"
    assert work.events(target) == before


@pytest.mark.parametrize(
    "kind",
    [
        None,
        "text/plain",
        "text/json",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    ],
)
def test_what_is_not_declared_as_json_is_refused_everywhere(
    work: Casework, pair: Threaded, target: str, kind: str | None
):
    for method, url, headers, body in calls(pair, work, target):
        sent_headers = {**headers, "Content-Type": kind} if kind else headers
        answer = requests.request(method, url, data=json.dumps(body).encode(), headers=sent_headers, timeout=20)
        assert refused(answer, 415)["code"] == "unsupported_media_type"


def test_a_body_with_a_too_large_content_length_is_refused_before_it_is_sent(
    work: Casework, pair: Threaded, target: str
):
    for method, url, headers, _ in calls(pair, work, target):
        limit = 16 * MEBIBYTE if url.endswith("/batch") else MEBIBYTE
        sent_headers = {**headers, "Content-Type": "application/json", "Content-Length": str(limit + 1)}
        status, problem = _only_headers(method, url, sent_headers)
        assert (status, problem["code"]) == (413, "too_large"), url


def _only_headers(method: str, url: str, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.netloc, timeout=20)
    connection.putrequest(method, place.path)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    status, problem = answer.status, json.loads(answer.read())
    connection.close()
    return status, problem


def test_a_body_without_a_content_length_is_measured(work: Casework, pair: Threaded):
    url, token = f"{pair.urls['matcher']}/api/match", pair.token(work.tenant_id)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    for excess in (0, 1):
        whole = _padded(MEBIBYTE + excess)
        pieces = (whole[start : start + 65_536] for start in range(0, len(whole), 65_536))
        answer = requests.post(url, data=pieces, headers=headers, timeout=20)
        if excess:
            assert refused(answer, 413)["code"] == "too_large"
        else:
            assert answer.ok, answer.text[:300]


def _padded(size: int) -> bytes:
    document = json.dumps({"exception": {"exception_id": "H-1"}}).encode()
    return document + b" " * (size - len(document))


NOBODYS = {
    "NUL": "%00",
    "NUL inside": "a%00b",
    "a line break": "a%0Ab",
    "more than can be named": "9" * 129,
    "thousands of digits": "9" * 5000,
}
"""Values that no path parameter accepts."""
ODD = {
    "no UTF-8": "%ff%fe",
    "quotes": "a'%20OR%20'1'='1",
    "letters of another script": quote("Ж"),
    "digits of another script": quote("٣"),
    "just beyond a row's number": str(2**63),
    "below one": "0",
    "a negative": "-1",
}
"""Values that are valid as the name of a domain or an identifier, and unusual for the rest."""


@pytest.mark.parametrize("name", NOBODYS)
def test_an_impossible_name_is_not_found_anywhere(work: Casework, pair: Threaded, name: str):
    for answer in _named_everywhere(work, pair, NOBODYS[name]):
        assert refused(answer, 404)["code"] == "not_found"


@pytest.mark.parametrize("name", ODD)
def test_an_unusual_name_is_not_found_and_causes_no_error(work: Casework, pair: Threaded, name: str):
    for answer in _named_everywhere(work, pair, ODD[name]):
        if answer.ok:
            assert "/domain-packs/" in answer.url or "/dummy-tools/" in answer.url
        else:
            refused(answer, 404, 422)


def _named_everywhere(work: Casework, pair: Threaded, name: str) -> Iterator[requests.Response]:
    for service, url in pair.urls.items():
        client = pair.client(work.tenant_id, "admin", service=service, subject=PERSON["actor_id"])
        for path, methods in requests.get(f"{url}/openapi.json", timeout=20).json()["paths"].items():
            for method in methods if "{" in path else ():
                yield client(method.upper(), _named(path, name), _body_of(path, method))


def _named(path: str, odd: str) -> str:
    for name in ("exception_id", "playbook_id", "step_order", "domain", "tool_id"):
        path = path.replace(f"{{{name}}}", odd)
    return path


def _body_of(path: str, method: str) -> Any:
    if method == "get":
        return None
    if "/steps/" in path or path.endswith("/start"):
        return {**PERSON, **({"reason": "x"} if path.endswith("/skip") else {})}
    return {"text": "x"} if path.endswith("/comments") else {"payload": {}} if "tools" in path else {}


@pytest.mark.parametrize(
    "query",
    [
        "domain=%00",
        "owner=%ED%A0%80",
        "exception_type=" + "x" * 5000,
        "limit=" + "9" * 5000,
        "limit=1e1",
        "playbook_id=" + str(2**63),
        "cursor=%00",
        "cursor=" + base64.urlsafe_b64encode(b"[" * 900).decode().rstrip("="),
        "cursor=" + base64.urlsafe_b64encode(b'["exceptions", NaN, {}]').decode().rstrip("="),
        "sort=created_at%3BDROP+TABLE+exception",
        "limit=10&limit=abc&__proto__=1",
        "status=open&status=%FF",
    ],
)
def test_unusual_queries_are_refused_or_find_nothing(work: Casework, pair: Threaded, query: str):
    work.create_exception()
    answer = work.admin("GET", f"/api/exceptions?{query}")
    if answer.ok:
        assert query.startswith("owner=")
        assert answer.json()["items"] == []
    else:
        refused(answer, 400, 422)


def test_a_token_with_a_deeply_nested_header_is_refused(pair: Threaded):
    nested = b'{"alg":"HS256","a":' + b"[" * 5000 + b"]" * 5000 + b"}"
    token = base64.urlsafe_b64encode(nested).decode().rstrip("=") + ".e30.AAAA"
    for service, path in (("executor", "/api/exceptions"), ("matcher", "/api/operators")):
        headers = {"Authorization": f"Bearer {token}"}
        answer = requests.get(pair.urls[service] + path, headers=headers, timeout=20)
        assert refused(answer, 401)["code"] == "invalid_token"


def test_an_integer_may_be_written_with_a_decimal_point(work: Casework, pair: Threaded):
    rule = {"match": {}, "priority": 2}
    playbooks = [
        {"playbook_id": number, "name": f"P{number}", "version": 1, "conditions": rule} for number in (3, 4)
    ]
    body = {**MATCH, "playbooks": playbooks, "domain_pack": {}, "policy_pack": {}, "limit": 1, "near_misses": 0}
    pointed = json.loads(json.dumps(body), parse_int=float)
    matcher = pair.client(work.tenant_id, "viewer", service="matcher")
    as_of = {"as_of": "2026-04-14T08:00:00Z"}
    plain, other = (matcher.ok("POST", "/api/match", {**each, **as_of}) for each in (body, pointed))
    assert json.dumps(other) == json.dumps(plain)


@pytest.mark.parametrize("path", ["/api/domain-packs/%ff%fe", "/api/domain-packs/%c3%28", "/api/exceptions/%80"])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_path_that_is_not_text_is_not_found(work: Casework, path: str, method: str):
    body = {"domain_name": "\ufffd\ufffd"} if method == "PUT" else None
    answer = work.admin(method, path, body)
    assert answer.status_code in (404, 405), answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
