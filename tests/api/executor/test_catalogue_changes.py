"""What waits follows the catalogue: published, retired and re-prioritised playbooks, and changed packs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.support.casework import PERSON, Casework, call, domain_pack, note, to_status
from tests.support.faces import Faces
from tests.support.threaded import Threaded

from executor.store import backlog

SKIP = {**PERSON, "reason": "Not needed."}
STARTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("start", PERSON),
    ("steps/1/complete", PERSON),
    ("steps/1/complete", {**PERSON, "mode": "attest", "notes": "By phone."}),
    ("steps/1/skip", SKIP),
)


def chosen(work: Casework, exception_id: str) -> str | None:
    playbook = work.state(exception_id)["playbook"]
    return f"{playbook['name']} v{playbook['version']}" if playbook else None


def resolve(work: Casework, *further: dict[str, Any]) -> str:
    """An exception of another type, whose playbook has resolved it and has only ``further`` steps left."""
    work.publish("Closing", [note(), to_status("resolved"), *further], exception_type="Bill Mismatch", priority=7)
    exception_id = work.create_exception(exception_type="Bill Mismatch")
    for order in (1, 2):
        work.complete(exception_id, order)
    return exception_id


def retire(work: Casework, playbook_id: int) -> None:
    work.admin.ok("POST", f"/api/playbooks/{playbook_id}/retire")


def publish_a_better_one(work: Casework, _: int) -> None:
    work.publish("Better", [note()], priority=9)


def publish_with_less_priority(work: Casework, _: int) -> None:
    work.publish("First", [call(), note()], priority=-9)


def publish_other_steps(work: Casework, _: int) -> None:
    work.publish("First", [note("Other"), note()], priority=5)


def block(work: Casework, _: int) -> None:
    work.policy(blocked_actions=["call_tool"])


def remove_the_tool(work: Casework, _: int) -> None:
    pack = domain_pack(work.domain)
    work.admin.ok("PUT", f"/api/domain-packs/{work.domain}", {**pack, "tools": {}})


CHANGES: tuple[tuple[Callable[[Casework, int], None], str], ...] = (
    (publish_a_better_one, "Better v1"),
    (retire, "Second v1"),
    (publish_with_less_priority, "Second v1"),
    (publish_other_steps, "First v2"),
    (block, "Second v1"),
    (remove_the_tool, "Second v1"),
)


@pytest.mark.parametrize(("change", "expected"), CHANGES)
def test_the_worker_recommends_by_the_catalogue_as_it_is(
    pair: Threaded, work: Casework, change: Callable[[Casework, int], None], expected: str
):
    work.publish("Second", [note()])
    first = work.publish("First", [call(), note()], priority=5)
    waiting, started = (work.create_exception() for _ in range(2))
    work.admin.ok("POST", f"/api/exceptions/{started}/playbook/start", PERSON)
    resolved = resolve(work)
    assert chosen(work, waiting) == "First v1"
    before = work.events(resolved)
    change(work, first)
    assert work.tenant_id in backlog.tenants_behind(pair.services.database)
    pair.work(work.tenant_id)
    assert chosen(work, waiting) == expected
    assert work.events(waiting, "PlaybookRecalculated")[-1]["payload"]["trigger"] == "catalogue_changed"
    assert chosen(work, started) == "First v1"
    assert work.events(resolved) == before
    assert work.tenant_id not in backlog.tenants_behind(pair.services.database)
    faces = Faces.of(pair, work)
    for exception_id in (waiting, started):
        faces.agree(exception_id)


@pytest.mark.parametrize("change", [publish_a_better_one, retire, publish_other_steps, block])
@pytest.mark.parametrize(("path", "body"), STARTS)
def test_what_is_no_longer_offered_cannot_be_started(
    work: Casework, change: Callable[[Casework, int], None], path: str, body: dict[str, Any]
):
    """One that is still offered can, even if there is a better one by now."""
    first = work.publish("First", [note(), call()])
    exception_id = work.create_exception()
    change(work, first)
    before = work.events(exception_id)
    where = f"/api/exceptions/{exception_id}/playbook/{path}"
    if change is publish_a_better_one or (change is block and path != "start"):
        assert work.admin.ok("POST", where, body)["started"] is True
        return
    problem = work.admin.problem(409, "catalogue_changed", "POST", where, body)
    assert "First v1" in problem["detail"]
    assert work.events(exception_id) == before
    if path != "start":
        step = work.state(exception_id)["steps"][0]
        assert (step["status"], step["blocked_code"]) == ("blocked", "catalogue_changed")


def test_a_playbook_in_progress_is_finished_after_it_was_retired(pair: Threaded, work: Casework):
    first = work.publish("First", [note(), note()])
    exception_id = work.create_exception()
    work.complete(exception_id, 1)
    retire(work, first)
    pair.work(work.tenant_id)
    assert work.complete(exception_id, 2)["progress"] == {"done": 2, "total": 2}


def test_what_finds_the_same_changes_nothing(pair: Threaded, work: Casework):
    work.publish("First", [note()], priority=5)
    ids = [work.create_exception() for _ in range(3)]

    def seen() -> list[Any]:
        answers = [work.admin("GET", f"/api/exceptions/{each}") for each in ids]
        states = [work.state(each) for each in ids]
        return [(answer.headers["ETag"], answer.json()) for answer in answers] + states

    before, events = seen(), [work.events(each) for each in ids]
    work.publish("Elsewhere", [note()], severity="critical")
    work.policy(tags=["night"])
    pair.work(work.tenant_id)
    assert work.tenant_id not in backlog.tenants_behind(pair.services.database)
    pair.clock.advance(minutes=1)
    assert [work.events(each) for each in ids] == events
    for (tag, document), (old_tag, old_document) in zip(seen()[:3], before[:3], strict=True):
        assert (tag, document) == (old_tag, old_document)


def test_a_reopened_exception_follows_what_changed_meanwhile(pair: Threaded, work: Casework):
    exception_id = resolve(work, to_status("analyzing"))
    work.publish("Better", [note()], priority=9)
    pair.work(work.tenant_id)
    assert work.state(exception_id)["better_match"] is None
    work.complete(exception_id, 3)
    pair.work(work.tenant_id)
    assert chosen(work, exception_id) == "Better v1"


def test_one_that_is_refused_in_a_batch_keeps_no_other_from_following(pair: Threaded, work: Casework):
    work.publish("First", [note()])
    ids = [work.create_exception() for _ in range(3)]
    work.publish("Better", [note()], priority=9)
    asked = pair.services.matcher.choices

    def choices(*given: Any) -> Any:
        return [None if each["exception_id"] == ids[1] else each for each in asked(*given)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(pair.services.matcher), "choices", lambda _, *given: choices(*given))
        pair.work(work.tenant_id)
    assert [chosen(work, each) for each in ids] == ["Better v1"] * 3


def test_what_changes_while_the_worker_asks_is_asked_about_again(pair: Threaded, work: Casework):
    work.publish("First", [note()])
    ids = [work.create_exception() for _ in range(3)]
    work.publish("Better", [note()], priority=9)
    asked = pair.services.matcher.choices

    def choices(*given: Any) -> Any:
        for each in ids[:2]:
            work.admin.ok("PATCH", f"/api/exceptions/{each}", {"entity": "Pier 4"})
        return asked(*given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(pair.services.matcher), "choices", lambda _, *given: choices(*given))
        pair.work(work.tenant_id)
    pair.work(work.tenant_id)
    assert [chosen(work, each) for each in ids] == ["Better v1"] * 3
