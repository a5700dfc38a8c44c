"""Reading a snapshot of an exception in one transaction."""

from __future__ import annotations

from executor.domain.model import ExceptionRecord
from executor.domain.snapshot import Snapshot
from executor.service_layer.ports import Transaction


def load_snapshot(tx: Transaction, exception_id: str, *, lock: bool = False) -> Snapshot:
    """Read a snapshot of an exception.

    Raises:
        NotFound: this tenant has no such exception.
    """
    return snapshot_of(tx, tx.exception(exception_id, lock=lock))


def snapshot_of(tx: Transaction, record: ExceptionRecord) -> Snapshot:
    """Complete a record to a snapshot."""
    packs = tx.packs(record.domain)
    if record.current_playbook_id is None:
        return Snapshot(record, None, packs, ())
    return Snapshot(
        record=record,
        playbook=tx.playbook(record.current_playbook_id),
        packs=packs,
        run_events=tx.run_events(record.exception_id, record.playbook_run),
    )
