"""How far an exception is with its playbook, and whether another answer of the matcher changes that."""

from __future__ import annotations

from enum import Enum

from executor.domain.snapshot import Snapshot


class PlaybookProgress(Enum):
    """How far an exception is with the playbook it has."""

    NONE = "none"
    RECOMMENDED = "recommended"
    IN_PROGRESS = "in_progress"
    FINISHED = "finished"


class Move(Enum):
    """What an answer of the matcher does to an exception."""

    KEEP = "keep"
    ASSIGN = "assign"
    WITHDRAW = "withdraw"


def progress_of(snapshot: Snapshot) -> PlaybookProgress:
    """How far the exception is with its playbook."""
    if snapshot.playbook is None:
        return PlaybookProgress.NONE
    if snapshot.record.current_step is None:
        return PlaybookProgress.FINISHED
    return PlaybookProgress.IN_PROGRESS if snapshot.started else PlaybookProgress.RECOMMENDED


def decide(snapshot: Snapshot, chosen: int | None, *, switch: bool) -> Move:
    """What to do when the playbook with the id ``chosen`` is recommended, or none.

    A playbook in progress is never taken away; only a person's ``switch`` leaves it.
    """
    record, progress = snapshot.record, progress_of(snapshot)
    if chosen == record.current_playbook_id:
        return Move.KEEP
    if progress is PlaybookProgress.IN_PROGRESS:
        return Move.ASSIGN if switch and chosen is not None else Move.KEEP
    if progress is PlaybookProgress.FINISHED:
        return Move.KEEP if chosen is None or record.status == "resolved" else Move.ASSIGN
    return Move.WITHDRAW if chosen is None else Move.ASSIGN
