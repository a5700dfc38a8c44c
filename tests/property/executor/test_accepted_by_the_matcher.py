"""What the executor takes, the matcher takes too, in the very body that the executor sends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.conftest import database_of
from tests.support.casework import Casework, new_casework, note
from tests.support.threaded import Threaded, threaded_pair

from sentinai.client import MatcherClient
from sentinai.documents import strict_json
from sentinai.exception_fields import RULE_FIELDS

LIMIT = 65_536
RECALCULATED = 50
CHARACTERS = ["x", '"', "\\", "\u0001", "\u007f", "é", "\u2028", "漢", "😀"]
"""Each takes from 1 to 6 bytes in the shortest JSON, and up to 12 with escapes."""
character = st.sampled_from(CHARACTERS)
NUMBERS = st.sampled_from([0, -1, 2**53 + 1, 2**64, -(10**300), 1e15, 1e16, 1.5e300, -5e-324, 0.1])
TIMES = st.sampled_from(
    ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999+00:00", "2026-05-04t06:30:00.5-23:59"]
)
NESTED = st.integers(1, 80) | st.sampled_from([60, 61, 62, 63, 64, 65, 68, 69, 70, 71])


def text(most: int) -> st.SearchStrategy[str]:
    """A text of the greatest length that an attribute may have."""
    return character.map(lambda each: each * most)


@st.composite
def contexts(draw: Any) -> dict[str, Any]:
    """A context about as large, or as deep, as may be."""
    deep: Any = draw(st.sampled_from([[], {}, "end"]))
    for level in range(draw(NESTED)):
        deep = [deep] if level % 2 else {draw(character): deep}
    context: dict[str, Any] = {"deep": deep, "numbers": [draw(NUMBERS)] * draw(st.integers(0, 2_000))}
    filling = draw(character)
    size = len(strict_json.encode(filling)) - 2
    room = LIMIT - len(strict_json.encode({**context, "filling": ""})) + draw(st.integers(-1, 1))
    if draw(st.booleans()) and room > 0:
        context["filling"] = filling * (room // size)
    return context


ATTRIBUTES: dict[str, st.SearchStrategy[Any]] = {
    "exception_type": text(256),
    "severity": st.sampled_from(["low", "CRITICAL", None]),
    "source_system": text(256) | st.none(),
    "entity": text(512),
    "amount": NUMBERS | st.none(),
    "owner": text(128),
    "sla_deadline": TIMES | st.none(),
    "created_at": TIMES | st.none(),
    "normalized_context": contexts(),
}
CHANGES = ("exception_type", "severity", "entity", "amount", "sla_deadline", "normalized_context")
exceptions = st.fixed_dictionaries(ATTRIBUTES)
changes = st.fixed_dictionaries({}, optional={name: ATTRIBUTES[name] for name in CHANGES}).filter(bool)
few = settings(
    max_examples=60,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Threaded]:
    folder = tmp_path_factory.mktemp("pair")
    with threaded_pair(database_of("sqlite", folder), folder, matcher_timeout_seconds=10) as served:
        yield served


@pytest.fixture(scope="module")
def work(pair: Threaded) -> Casework:
    """A tenant whose playbooks show all of an exception in their reasons, and with large packs."""
    work = new_casework(pair, pair.clock())
    many = [f"{character}{number}" for number in range(450) for character in ("漢", "\u0001")]
    work.policy(tags=many, approved_tools=many)
    pack = {"domain_name": work.domain, "exception_types": many}
    work.admin.ok("PUT", f"/api/domain-packs/{work.domain}", pack)
    context = {"var": "exception.normalized_context"}
    for name, logic in (
        ("Context", {"!==": [context, "a"]}),
        ("Part", {"!": [{"===": [{"var": "exception.normalized_context.deep"}, "a"]}]}),
        ("All", {"!!": [{"var": "exception.exception_type"}]}),
    ):
        document = {**work.playbook(name, [note()]), "conditions": {"logic": logic}}
        work.admin.ok("POST", "/api/playbooks", document)
    return work


def send(work: Casework, method: str, path: str, body: Any, escaped: bool) -> int:
    """The status of a call, whose body may have its text escaped."""
    data = json.dumps(body, ensure_ascii=escaped).encode()
    headers = {"Content-Type": "application/json"}
    answer = work.admin.session.request(method, work.admin.url + path, data=data, headers=headers, timeout=60)
    assert answer.status_code in (200, 201, 400, 413, 422), answer.text
    return answer.status_code


def asked(work: Casework, exception_id: str) -> None:
    """The matcher answered every time that it was asked about an exception."""
    assert work.events(exception_id, "RecommendationDeferred") == []


@few
@given(attributes=exceptions, change=changes, escaped=st.booleans())
def test_an_exception_that_is_accepted_is_matched(
    work: Casework, attributes: dict[str, Any], change: dict[str, Any], escaped: bool
):
    exception_id = f"E-{uuid4().hex}"
    document = {"exception_id": exception_id, "domain": work.domain, **attributes}
    if send(work, "POST", "/api/exceptions", document, escaped) == 201:
        asked(work, exception_id)
        send(work, "PATCH", f"/api/exceptions/{exception_id}", change, escaped)
        asked(work, exception_id)


@settings(few, max_examples=3)
@given(attributes=st.lists(exceptions, min_size=10, max_size=10, unique_by=repr))
def test_a_batch_of_what_is_accepted_is_matched(pair: Threaded, work: Casework, attributes: list[dict[str, Any]]):
    taken = []
    for each in attributes:
        document = {"exception_id": f"E-{uuid4().hex}", "domain": work.domain, **each}
        if send(work, "POST", "/api/exceptions", document, False) == 201:
            found = work.admin.ok("GET", f"/api/exceptions/{document['exception_id']}")
            taken.append({name: found[name] for name in RULE_FIELDS})
    if not taken:
        return
    batch = (taken * RECALCULATED)[:RECALCULATED]
    with MatcherClient(pair.urls["matcher"], pair.token(work.tenant_id, "viewer")) as matcher:
        results = matcher.match_batch(batch, limit=10)["results"]
    assert [result for result in results if "code" in result] == []
