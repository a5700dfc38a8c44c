"""With which version a playbook got its conditions, as its rows say it: what it ranks by."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from sentinai.conditions.lint.other_playbooks import Origin
from sentinai.database.tables import PlaybookRow

ORIGIN_COLUMNS = (
    PlaybookRow.playbook_id,
    PlaybookRow.created_at,
    PlaybookRow.origin_id,
    PlaybookRow.origin_created_at,
)


def origin_of(row: Row[Any]) -> Origin:
    """The origin of a version; a row has at least ``ORIGIN_COLUMNS`` of it."""
    if row.origin_id is None or row.origin_created_at is None:
        return Origin(row.created_at, row.playbook_id)
    return Origin(row.origin_created_at, row.origin_id)
