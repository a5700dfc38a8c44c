"""The outbox and the worker: messages are delivered, retried, and visibly marked as failed."""

from __future__ import annotations

import gzip
import json
import time
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import insert, select
from tests.support.casework import PERSON, Casework, call, note, step_path, tell
from tests.support.faults import dripping, saying
from tests.support.outbox import counts as outbox_counts
from tests.support.pair import Client
from tests.support.processes import environment_of, free_port
from tests.support.threaded import Threaded, serving
from werkzeug.wrappers import Request, Response

from executor.app import create_app
from executor.cli import main
from executor.store import outbox
from executor.store.deliveries import MAX_REQUEUED, redeliver_failed
from executor.store.tables import OutboxRow
from sentinai.documents.schemas import check

KEY = "Idempotency-Key"


class Sink:
    """A receiver that rejects a number of requests first."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.taken: list[tuple[str, Any]] = []

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        self.taken.append((request.headers[KEY], json.loads(request.get_data())))
        status = 500 if len(self.taken) <= self.refusals else 200
        return Response("thanks", status)(environ, start_response)


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def webhook(sink: Sink) -> Iterator[str]:
    with serving(sink) as url:
        yield f"{url}/hook"


def counts(pair: Threaded, work: Casework) -> dict[str, int]:
    return outbox_counts(pair.services.database, work.tenant_id)


def test_a_notification_waits_in_the_outbox_until_the_worker_sends_it_once(work: Casework, pair: Threaded):
    work.publish("One", [tell(template_id="visit", placeholders={"meter": "7"}, group="field crew"), note()])
    exception_id = work.create_exception()
    work.complete(exception_id, 1)
    [requested] = work.events(exception_id, "NotificationRequested")
    assert requested["payload"]["group"] == "field crew"
    assert requested["payload"]["message"] == "By noor, meter 7."
    assert counts(pair, work) == {"pending": 1}
    for _ in range(2):
        pair.work(work.tenant_id)
    [sent] = work.events(exception_id, "NotificationSent")
    assert sent["payload"]["outbox_id"] == requested["payload"]["outbox_id"]
    assert (sent["payload"]["outcome"], sent["payload"]["attempts"], sent["actor_id"]) == ("sent", 1, "worker")
    assert counts(pair, work) == {"delivered": 1}


def test_a_webhook_is_posted_to_the_configured_address_with_its_key(
    work: Casework, pair: Threaded, sink: Sink, webhook: str
):
    work.publish("One", [tell(channel="webhook", subject="S", message="See {exception.entity}.")])
    exception_id = work.create_exception()
    work.complete(exception_id, 1)
    pair.work(work.tenant_id, webhook_url=webhook)
    [(key, posted)] = sink.taken
    [requested] = work.events(exception_id, "NotificationRequested")
    assert key == requested["payload"]["outbox_id"]
    assert (posted["channel"], posted["subject"], posted["message"]) == ("webhook", "S", "See Pier 9.")


def test_what_fails_is_tried_again_later_under_the_same_key(
    work: Casework, pair: Threaded, webhook: str, sink: Sink
):
    sink.refusals = 2
    work.publish("One", [tell(channel="webhook")])
    exception_id = work.create_exception()
    work.complete(exception_id, 1)
    for tries in (1, 2, 3):
        pair.work(work.tenant_id, webhook_url=webhook)
        pair.work(work.tenant_id, webhook_url=webhook)
        assert len(sink.taken) == tries
        pair.clock.advance(seconds=2**tries)
    assert len({key for key, _ in sink.taken}) == 1
    [sent] = work.events(exception_id, "NotificationSent")
    assert (sent["payload"]["outcome"], sent["payload"]["attempts"]) == ("sent", 3)


def test_a_receiver_whose_answer_never_ends_does_not_keep_the_worker(work: Casework, pair: Threaded):
    work.publish("One", [tell(channel="webhook")])
    work.complete(work.create_exception(), 1)
    with serving(dripping) as url:
        begun = time.monotonic()
        pair.work(work.tenant_id, webhook_url=url, outbox_timeout_seconds=0.3)
        assert time.monotonic() - begun < 5
    assert counts(pair, work) == {"pending": 1}


def test_a_long_answer_is_read_only_at_its_beginning(work: Casework, pair: Threaded):
    work.publish("One", [tell(channel="webhook")])
    work.complete(work.create_exception(), 1)
    with serving(_endless) as url:
        pair.work(work.tenant_id, webhook_url=url)
    assert counts(pair, work) == {"delivered": 1}


def test_a_compressed_answer_is_not_expanded(work: Casework, pair: Threaded):
    """Expanded, it would have 64 MiB, and a byte more than any number of readable ones."""
    work.publish("One", [tell(channel="webhook")])
    work.complete(work.create_exception(), 1)
    packed = gzip.compress(bytes(2**26))
    tracemalloc.start()
    with serving(Response(packed, headers={"Content-Encoding": "gzip"})) as url:
        pair.work(work.tenant_id, webhook_url=url)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**24
    assert counts(pair, work) == {"delivered": 1}


def _endless(environ: Any, start_response: Any) -> Iterator[bytes]:
    """An answer with no end."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    while True:
        yield bytes(4096)


def test_a_redirect_is_not_a_delivery(work: Casework, pair: Threaded):
    work.publish("One", [tell(channel="webhook")])
    exception_id = work.create_exception()
    work.complete(exception_id, 1)
    with serving(saying("{}", 302, Location="http://127.0.0.1:9/")) as url:
        pair.work(work.tenant_id, webhook_url=url)
    assert counts(pair, work) == {"pending": 1}
    assert work.events(exception_id, "NotificationSent") == []


def test_deliveries_ignore_proxies_in_the_environment(
    work: Casework, pair: Threaded, sink: Sink, webhook: str, monkeypatch: pytest.MonkeyPatch
):
    work.publish("One", [tell(channel="webhook")])
    work.complete(work.create_exception(), 1)
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
        elsewhere.setenv("no_proxy", "")
        pair.work(work.tenant_id, webhook_url=webhook)
    assert (len(sink.taken), counts(pair, work)) == (1, {"delivered": 1})


def test_an_outage_of_hours_loses_nothing(work: Casework, pair: Threaded, webhook: str, sink: Sink):
    sink.refusals = 20
    work.publish("One", [tell(channel="webhook")])
    exception_id = work.create_exception()
    work.complete(exception_id, 1)
    while counts(pair, work) == {"pending": 1}:
        pair.work(work.tenant_id, webhook_url=webhook)
        pair.clock.advance(hours=1)
    assert len(sink.taken) == 21
    [sent] = work.events(exception_id, "NotificationSent")
    assert (sent["payload"]["outcome"], sent["payload"]["attempts"]) == ("sent", 21)


def test_what_keeps_failing_is_given_up_in_plain_sight(work: Casework, pair: Threaded, webhook: str, sink: Sink):
    sink.refusals = 99
    work.publish("One", [tell(channel="webhook")])
    exception_id = work.create_exception()
    work.complete(exception_id, 1)
    for _ in range(30):
        pair.work(work.tenant_id, webhook_url=webhook)
        pair.clock.advance(hours=1)
    assert len(sink.taken) == 25
    assert counts(pair, work) == {"failed": 1}
    [sent] = work.events(exception_id, "NotificationSent")
    assert (sent["payload"]["outcome"], sent["payload"]["attempts"]) == ("failed", 25)
    assert "500" in sent["payload"]["detail"]


def test_what_was_given_up_is_listed_and_sent_again(work: Casework, pair: Threaded, webhook: str, sink: Sink):
    sink.refusals = 1
    work.publish("One", [tell(channel="webhook")])
    exception_id = work.create_exception()
    work.complete(exception_id, 1)
    pair.work(work.tenant_id, webhook_url=webhook, outbox_hours=0)
    [failed] = work.admin.ok("GET", "/api/deliveries", params={"status": "failed", "kind": "notify"})["items"]
    assert (failed["exception_id"], failed["channel"], failed["last_status"]) == (exception_id, "webhook", 500)
    assert failed["next_attempt_at"] is None
    pair.clock.advance(days=2)
    path = f"/api/deliveries/{failed['delivery_id']}/redeliver"
    answer = work.admin("POST", path)
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    assert check("delivery", answer.json()) == []
    pair.work(work.tenant_id, webhook_url=webhook)
    [sent] = work.admin.ok("GET", "/api/deliveries", params={"exception_id": exception_id})["items"]
    assert (sent["status"], sent["attempts"], sent["last_status"]) == ("delivered", 1, 200)
    outcomes = [event["payload"]["outcome"] for event in work.events(exception_id, "NotificationSent")]
    assert outcomes == ["failed", "sent"]
    assert len({key for key, _ in sink.taken}) == 1


def test_all_that_was_given_up_is_due_again_and_has_its_whole_time(
    work: Casework, pair: Threaded, webhook: str, sink: Sink
):
    sink.refusals = 3
    work.publish("One", [tell(channel="webhook")])
    work.complete(work.create_exception(), 1)
    pair.work(work.tenant_id, webhook_url=webhook, outbox_hours=0)
    pair.clock.advance(days=2)
    database, now = pair.services.database, pair.clock()
    assert database.write(work.tenant_id, lambda session: redeliver_failed(session, now)) == 1
    pair.work(work.tenant_id, webhook_url=webhook)
    assert counts(pair, work) == {"pending": 1}


def test_a_delivery_names_the_event_that_requested_it(work: Casework, pair: Threaded):
    work.publish("Two", [tell(), call()])
    exception_id = work.create_exception()
    with serving(create_app(replace(pair.settings, tool_mode="stub"), pair.clock)) as url:
        client = Client(url, pair.token(work.tenant_id, subject=PERSON["actor_id"]))
        for step in (1, 2):
            client.ok("POST", step_path(exception_id, step), PERSON)
    requested = work.events(exception_id, "NotificationRequested", "ToolCallRequested")
    items = work.admin.ok("GET", "/api/deliveries", params={"exception_id": exception_id})["items"]
    by_event = {item["event_id"]: (item["delivery_id"], item["webhook_id"]) for item in items}
    assert by_event == {event["event_id"]: (event["payload"]["outbox_id"], None) for event in requested}
    assert work.admin.ok("GET", "/api/deliveries", params={"webhook_id": "wh_1"})["items"] == []


def _given_up(work: Casework, pair: Threaded) -> None:
    work.complete(work.create_exception(), 1)
    pair.work(work.tenant_id, webhook_url=f"http://127.0.0.1:{free_port()}/", outbox_hours=0)


def test_what_was_given_up_since_an_instant_is_sent_again_together(work: Casework, pair: Threaded):
    work.publish("One", [tell(channel="webhook")])
    _given_up(work, pair)
    since = pair.clock.advance(hours=1)
    _given_up(work, pair)
    pair.clock.advance(hours=1)
    path = "/api/deliveries/redeliver"
    answer = work.admin("POST", path, {"since": since.isoformat(), "status": "failed"})
    assert (answer.status_code, answer.json()) == (202, {"queued": 1})
    assert counts(pair, work) == {"failed": 1, "pending": 1}
    assert work.admin.ok("POST", path, {"since": since.isoformat()}) == {"queued": 0}
    work.admin.problem(422, "invalid_document", "POST", path, {})
    work.admin.problem(422, "invalid_document", "POST", path, {"since": since.isoformat(), "status": "delivered"})
    operator = pair.client(work.tenant_id, "operator")
    operator.problem(403, "forbidden", "POST", path, {"since": since.isoformat()})


def test_one_call_makes_no_more_than_a_thousand_due(work: Casework, pair: Threaded):
    work.publish("One", [tell(channel="webhook")])
    _given_up(work, pair)
    database, tenant_id = pair.services.database, work.tenant_id
    with database.read(tenant_id) as session:
        stored = session.scalars(select(OutboxRow)).one()
        row = {name: getattr(stored, name) for name in OutboxRow.__table__.c.keys()}  # noqa: SIM118
    copies = [row | {"outbox_id": f"copy-{n}", "idempotency_key": f"copy-{n}"} for n in range(MAX_REQUEUED + 4)]
    database.write(tenant_id, lambda session: session.execute(insert(OutboxRow), copies))
    pair.clock.advance(hours=1)
    queued = [
        work.admin.ok("POST", "/api/deliveries/redeliver", {"since": work.now.isoformat()})["queued"]
        for _ in range(3)
    ]
    assert queued == [MAX_REQUEUED, 5, 0]


def test_the_command_retries_what_was_given_up_since_a_time(
    work: Casework, pair: Threaded, monkeypatch: pytest.MonkeyPatch
):
    work.publish("One", [tell(channel="webhook")])
    for _ in range(2):
        _given_up(work, pair)
        since = pair.clock.advance(hours=1)
    _given_up(work, pair)
    for name, value in environment_of(pair.settings).items():
        monkeypatch.setenv(name, value)
    command = ["outbox", "retry", "--tenant", work.tenant_id]
    wrong = CliRunner().invoke(main, [*command, "--since", "yesterday"])
    assert (wrong.exit_code, counts(pair, work)) == (2, {"failed": 3})
    assert CliRunner().invoke(main, [*command, "--since", since.isoformat()]).exit_code == 0
    assert counts(pair, work) == {"failed": 2, "pending": 1}
    assert CliRunner().invoke(main, command).exit_code == 0
    assert counts(pair, work) == {"pending": 3}


def test_deliveries_are_read_page_by_page_by_admins(work: Casework, pair: Threaded):
    work.publish("Three", [tell(), tell(), tell()])
    exception_id = work.create_exception()
    for step in (1, 2, 3):
        work.complete(exception_id, step)
    first = work.admin.ok("GET", "/api/deliveries", params={"limit": 2})
    rest = work.admin.ok("GET", "/api/deliveries", params={"limit": 2, "cursor": first["next_cursor"]})
    assert rest["next_cursor"] is None
    assert len({item["delivery_id"] for item in first["items"] + rest["items"]}) == 3
    assert check("delivery-page", first) == []
    work.admin.problem(404, "not_found", "POST", "/api/deliveries/absent/redeliver")
    operator = pair.client(work.tenant_id, "operator")
    operator.problem(403, "forbidden", "GET", "/api/deliveries")


def test_one_that_fails_does_not_hold_up_the_others(work: Casework, pair: Threaded):
    work.publish("Two", [tell(channel="webhook"), tell(channel="email")])
    exception_id = work.create_exception()
    work.complete(exception_id, 1)
    work.complete(exception_id, 2)
    pair.work(work.tenant_id, webhook_url=f"http://127.0.0.1:{free_port()}/")
    [sent] = work.events(exception_id, "NotificationSent")
    assert sent["payload"]["channel"] == "email"
    assert counts(pair, work) == {"delivered": 1, "pending": 1}


def test_what_a_worker_took_and_did_not_finish_is_due_again_after_its_lease(work: Casework, pair: Threaded):
    work.publish("One", [tell()])
    exception_id = work.create_exception()
    work.complete(exception_id, 1)
    lease = timedelta(minutes=5)
    pair.services.database.write(
        work.tenant_id, lambda session: outbox.claim(session, pair.clock(), lease=lease, limit=10)
    )
    pair.work(work.tenant_id)
    assert work.events(exception_id, "NotificationSent") == []
    pair.clock.advance(minutes=6)
    pair.work(work.tenant_id)
    [sent] = work.events(exception_id, "NotificationSent")
    assert sent["payload"]["attempts"] == 2


def test_several_workers_deliver_each_message_once(work: Casework, pair: Threaded, sink: Sink, webhook: str):
    work.publish("Five", [tell(channel="webhook") for _ in range(5)])
    for _ in range(3):
        exception_id = work.create_exception()
        for step in range(1, 6):
            work.complete(exception_id, step)
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(pair.work, work.tenant_id, webhook_url=webhook) for _ in range(4)]:
            done.result()
    keys = [key for key, _ in sink.taken]
    assert (len(keys), len(set(keys))) == (15, 15)
    assert counts(pair, work) == {"delivered": 15}


def test_a_tool_call_is_only_logged_by_default(work: Casework, pair: Threaded):
    work.publish("One", [call()])
    exception_id = work.create_exception()
    work.complete(exception_id, 1)
    requested, recorded = work.events(exception_id, "ToolCallRequested", "ToolCallRecorded")
    assert (requested["payload"]["mode"], requested["payload"]["payload"]) == ("log_only", {"meter": "EM-44"})
    assert recorded["payload"]["outcome"] == "logged"
    assert counts(pair, work) == {}


def _complete_at(url: str, pair: Threaded, work: Casework, exception_id: str) -> Any:
    client = Client(url, pair.token(work.tenant_id, subject=PERSON["actor_id"]))
    return client.ok("POST", step_path(exception_id, 1), PERSON)


def test_in_stub_mode_the_dummy_tool_is_called_through_the_outbox(work: Casework, pair: Threaded):
    work.publish("One", [call()])
    exception_id = work.create_exception()
    stub = replace(pair.settings, tool_mode="stub")
    with serving(create_app(stub, pair.clock)) as url:
        result = _complete_at(url, pair, work, exception_id)["steps"][0]["result"]
    assert result["mode"] == "stub"
    assert work.events(exception_id, "ToolCallRecorded") == []
    pair.work(work.tenant_id)
    [recorded] = work.events(exception_id, "ToolCallRecorded")
    payload = recorded["payload"]
    assert (payload["outcome"], payload["mode"], payload["attempts"]) == ("succeeded", "stub", 1)
    assert payload["idempotency_key"] == result["idempotency_key"] == payload["response"]["idempotency_key"]
    assert payload["response"]["stub"] is True


def test_a_tool_that_cannot_be_reached_is_given_up_in_plain_sight(work: Casework, pair: Threaded):
    work.publish("One", [call()])
    exception_id = work.create_exception()
    with serving(create_app(replace(pair.settings, tool_mode="stub"), pair.clock)) as url:
        _complete_at(url, pair, work, exception_id)
    pair.work(work.tenant_id, executor_url=f"http://127.0.0.1:{free_port()}", outbox_hours=0)
    [recorded] = work.events(exception_id, "ToolCallRecorded")
    assert recorded["payload"]["outcome"] == "failed"
    assert counts(pair, work) == {"failed": 1}


def test_an_outbox_row_comes_with_the_event_that_asked_for_it_or_not_at_all(work: Casework, pair: Threaded):
    work.publish("One", [tell()])
    exception_id = work.create_exception()
    work.complete(exception_id, 1)
    with pair.services.database.read(work.tenant_id) as session:
        rows = session.execute(select(OutboxRow.outbox_id, OutboxRow.idempotency_key)).all()
    [requested] = work.events(exception_id, "NotificationRequested")
    assert [row.outbox_id for row in rows] == [requested["payload"]["outbox_id"]]
