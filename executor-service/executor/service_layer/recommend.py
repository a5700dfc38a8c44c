"""Which playbook an exception gets: asks the matcher, checks its answer against the policy, stores it.

The matcher is asked outside the transaction. Its answer counts only if the exception has not changed
meanwhile; otherwise it is asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, TypeVar

from executor.agents import policy, resolution
from executor.agents.policy import PolicyVerdict
from executor.domain.changeset import ChangeSet
from executor.domain.documents import exception_document, named
from executor.domain.model import Actor, ExceptionRecord, NewEvent, Playbook
from executor.domain.snapshot import Snapshot
from executor.service_layer.ports import Matcher, Store, Transaction
from executor.service_layer.snapshots import snapshot_of
from sentinai.clock import format_time, parse_time
from sentinai.problems import MatcherUnavailable, NotFound, VersionConflict

RETRY_AFTER = timedelta(seconds=15)
"""How long a deferred recommendation waits before the worker asks the matcher again."""

ASK_AGAIN_AFTER = timedelta(minutes=1)
"""How long an answer of which the matcher cannot say how long it holds is taken to hold."""

RANKED = 10
MOST_RANKED = 100
"""How many ranked playbooks the matcher is asked for; and how many when the policy blocks all of those."""

_ATTEMPTS = 8
T = TypeVar("T")


class EveryRankedBlocked(Exception):
    """The policy blocks all that the matcher ranked, and it knows of more: ask it for those too."""


class Standing(Enum):
    """How far an exception is with the playbook it has."""

    NONE = "none"
    RECOMMENDED = "recommended"
    IN_PROGRESS = "in_progress"
    FINISHED = "finished"


class Move(Enum):
    """What an answer does to an exception."""

    KEEP = "keep"
    ASSIGN = "assign"
    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True)
class Choice:
    """The best ranked playbook that the policy lets through, and those that it did not."""

    playbook: Playbook | None
    entry: Mapping[str, Any] | None
    verdict: PolicyVerdict | None
    rejected: tuple[tuple[Playbook, PolicyVerdict], ...]


def standing(snapshot: Snapshot) -> Standing:
    """How far the exception is with its playbook."""
    if snapshot.playbook is None:
        return Standing.NONE
    if snapshot.record.current_step is None:
        return Standing.FINISHED
    return Standing.IN_PROGRESS if snapshot.started else Standing.RECOMMENDED


def decide(now_at: Standing, current: int | None, chosen: int | None, *, switch: bool, resolved: bool) -> Move:
    """What to do, given the playbook that stands and the one that was chosen (ids, or None).

    A playbook in progress is never pulled away; only a person's ``switch`` leaves it.
    """
    if chosen == current:
        return Move.KEEP
    if now_at is Standing.IN_PROGRESS:
        return Move.ASSIGN if switch and chosen is not None else Move.KEEP
    if now_at is Standing.FINISHED:
        return Move.KEEP if chosen is None or resolved else Move.ASSIGN
    return Move.WITHDRAW if chosen is None else Move.ASSIGN


def recalculate(
    store: Store,
    matcher: Matcher,
    tenant_id: str,
    exception_id: str,
    *,
    actor: Actor,
    now: datetime,
    trigger: str,
    switch: bool = False,
) -> tuple[Snapshot, bool]:
    """Ask the matcher and store its answer; tells where the exception stands and whether that changed.

    Raises:
        MatcherUnavailable: nothing was touched. NotFound: this tenant has no such exception.
    """

    def ask_and_store(record: ExceptionRecord) -> tuple[Snapshot, bool] | None:
        def work(tx: Transaction, answer: Mapping[str, Any]) -> tuple[Snapshot, bool] | None:
            current = tx.exception(exception_id, lock=True)
            if current.row_version != record.row_version:
                return None
            changeset = ChangeSet(current, actor, now)
            changed = apply_answer(tx, changeset, answer, trigger=trigger, switch=switch)
            return snapshot_of(tx, tx.save(changeset).record), changed

        return request_match(
            matcher, record, now, lambda answer: store.write(tenant_id, lambda tx: work(tx, answer))
        )

    for _ in range(_ATTEMPTS):
        with store.read(tenant_id) as tx:
            record = tx.exception(exception_id)
        outcome = ask_and_store(record)
        if outcome is not None:
            return outcome
    raise VersionConflict("The exception keeps changing; try again in a moment.", retry_after=1)


def request_match(
    matcher: Matcher, record: ExceptionRecord, now: datetime, persist: Callable[[Mapping[str, Any]], T]
) -> T:
    """Ask the matcher about an exception and ``persist`` its answer; a longer one where policy blocks all of it.

    Raises:
        MatcherUnavailable: there is no answer, or none that could be kept.
    """
    document = exception_document(record)
    try:
        return persist(matcher.match(record.tenant_id, document, now, RANKED))
    except EveryRankedBlocked:
        return persist(matcher.match(record.tenant_id, document, now, MOST_RANKED))


def apply_answer(
    tx: Transaction, changeset: ChangeSet, answer: Mapping[str, Any], *, trigger: str, switch: bool
) -> bool:
    """Bring the matcher's answer into a draft; True when the exception gets or loses a playbook by it.

    Raises:
        EveryRankedBlocked: a longer answer may have one that is not. MatcherUnavailable: it makes no sense here.
    """
    snapshot = snapshot_of(tx, changeset.record)
    choice = _choose(tx, snapshot, answer)
    chosen_id = choice.playbook.playbook_id if choice.playbook else None
    move = decide(
        standing(snapshot),
        changeset.record.current_playbook_id,
        chosen_id,
        switch=switch,
        resolved=changeset.record.status == "resolved",
    )
    if move is not Move.KEEP:
        _change_playbook(changeset, snapshot, choice, answer, trigger)
    elif snapshot.playbook is None and _blocked(choice) != (changeset.record.recommendation or {}).get(
        "blocked", {}
    ):
        _add_policy_event(changeset, choice)
    _cache(changeset, choice, answer)
    suggestion = (
        resolution.suggest(snapshot_of(tx, changeset.record), changeset.now) if move is Move.ASSIGN else None
    )
    if suggestion:
        changeset.add_event(suggestion, resolution.AGENT)
    return move is not Move.KEEP


def defer(changeset: ChangeSet, reason: str, trigger: str) -> None:
    """Leave the recommendation to the worker, because the matcher is away."""
    retry_at = changeset.now + RETRY_AFTER
    payload = {"reason": reason, "retry_at": format_time(retry_at), "trigger": trigger}
    changeset.add_event(NewEvent("RecommendationDeferred", payload))
    changeset.cache_recommendation({**(changeset.record.recommendation or {}), "deferred": True}, retry_at)


def _choose(tx: Transaction, snapshot: Snapshot, answer: Mapping[str, Any]) -> Choice:
    rejected: list[tuple[Playbook, PolicyVerdict]] = []
    for entry in answer["ranked"]:
        playbook = _stored(tx, entry["playbook_id"])
        verdict = policy.evaluate(playbook, snapshot.packs, snapshot.record.severity)
        if verdict.verdict != "blocked":
            return Choice(playbook, entry, verdict, tuple(rejected))
        rejected.append((playbook, verdict))
    if rejected and len(rejected) < min(answer["matched"], MOST_RANKED):
        raise EveryRankedBlocked
    return Choice(None, None, None, tuple(rejected))


def _stored(tx: Transaction, playbook_id: int) -> Playbook:
    try:
        return tx.playbook(playbook_id)
    except NotFound as error:
        raise MatcherUnavailable(
            f"The matcher recommends playbook {playbook_id}, which this tenant does not have.", retry_after=5
        ) from error


def _change_playbook(
    changeset: ChangeSet, snapshot: Snapshot, choice: Choice, answer: Mapping[str, Any], trigger: str
) -> None:
    run = changeset.record.playbook_run + (1 if choice.playbook else 0)
    new = named(choice.playbook, run) if choice.playbook else None
    before = snapshot.playbook
    _add_policy_event(changeset, choice)
    changeset.add_event(
        NewEvent(
            "PlaybookRecalculated",
            {
                "playbook_id": new["playbook_id"] if new else None,
                "playbook_name": new["playbook_name"] if new else None,
                "playbook_version": new["playbook_version"] if new else None,
                "run": run,
                "previous": named(before, changeset.record.playbook_run) if before else None,
                "new": new,
                "reasoning": _reasoning(choice, answer),
                "trigger": trigger,
                "as_of": answer["as_of"],
                "catalogue_revision": answer["catalogue_revision"],
                **changeset.actor.called_by_member(),
            },
            run=run or None,
        )
    )


def _add_policy_event(changeset: ChangeSet, choice: Choice) -> None:
    if choice.playbook or choice.rejected:
        changeset.add_event(policy.evaluated(choice.playbook, choice.verdict, choice.rejected), policy.AGENT)


def _blocked(choice: Choice) -> dict[str, list[str]]:
    return {str(playbook.playbook_id): list(verdict.reasons) for playbook, verdict in choice.rejected}


def _reasoning(choice: Choice, answer: Mapping[str, Any]) -> str:
    passed_over = "".join(
        f" {playbook.name} v{playbook.version} is passed over by policy: {'; '.join(verdict.reasons)}."
        for playbook, verdict in choice.rejected
    )
    return str(answer["reasoning"]) + passed_over


def _cache(changeset: ChangeSet, choice: Choice, answer: Mapping[str, Any]) -> None:
    """Keep the answer; and, of the playbook that stands, the reasons for which it was taken."""
    reasoning = _reasoning(choice, answer)
    standing_before = (changeset.record.recommendation or {}).get("standing")
    if choice.entry and choice.entry["playbook_id"] == changeset.record.current_playbook_id:
        stands = {**choice.entry, "reasoning": reasoning, "as_of": answer["as_of"]}
    elif standing_before and standing_before["playbook_id"] == changeset.record.current_playbook_id:
        stands = standing_before
    else:
        stands = None
    changeset.cache_recommendation(
        {
            "standing": stands,
            "choice": {**choice.entry, "reasoning": reasoning} if choice.entry else None,
            "ranked": answer["ranked"][:RANKED],
            "near_misses": answer["near_misses"],
            "reasoning": reasoning,
            "policy_tags": answer["policy_tags"],
            "as_of": answer["as_of"],
            "catalogue_revision": answer["catalogue_revision"],
            "blocked": _blocked(choice),
        },
        _valid_until(changeset, answer),
    )


def _valid_until(changeset: ChangeSet, answer: Mapping[str, Any]) -> datetime | None:
    """When to ask again. An answer that is good for its own instant only is asked for anew in a while."""
    if changeset.record.status == "resolved" or answer["valid_until"] is None:
        return None
    until = parse_time(answer["valid_until"])
    return until if until > parse_time(answer["as_of"]) else changeset.now + ASK_AGAIN_AFTER
