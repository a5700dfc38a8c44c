"""Reading a snapshot of an exception in one transaction, and whether its playbook may still be started."""

from __future__ import annotations

from executor.domain.model import ExceptionRecord, Playbook
from executor.domain.snapshot import Snapshot
from executor.service_layer.ports import Transaction
from sentinai.problems import CatalogueChanged


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
        earlier_packs=tx.earlier_packs(record),
    )


def require_offered(playbook: Playbook) -> None:
    """Refuse to start what is no longer published; a playbook in progress is finished regardless.

    Raises:
        CatalogueChanged: it was retired or superseded.
    """
    if playbook.status == "retired":
        raise withdrawn(playbook, "has been retired")
    if playbook.superseded_by is not None:
        raise withdrawn(playbook, f"has been superseded by version {playbook.superseded_by}")


def withdrawn(playbook: Playbook, why: str) -> CatalogueChanged:
    """The problem of a playbook that may no longer be started."""
    return CatalogueChanged(
        f"{playbook.name} v{playbook.version} {why} since it was recommended, and can no longer be started. "
        "Recalculate, or wait for the next recommendation."
    )
