"""What a verification may find wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sentinai.clock import format_time

_MAX_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one exception.

    Its row, where its chain breaks, fields as (stored, from log), or messages that are neither waiting nor done.
    """

    tenant_id: str
    exception_id: str
    first_broken_seq: int | None = None
    differences: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    row: str | None = None
    lost_deliveries: Sequence[str] = ()

    def to_json(self) -> dict[str, Any]:
        """The fault for ``--json``."""
        return {
            "tenant_id": self.tenant_id,
            "exception_id": self.exception_id,
            "first_broken_seq": self.first_broken_seq,
            "differing_fields": {
                name: {"stored": _json_value(stored), "by_log": _json_value(from_log)}
                for name, (stored, from_log) in self.differences.items()
            },
            "row": self.row,
            "lost_deliveries": list(self.lost_deliveries),
        }

    @property
    def subject(self) -> str:
        """What it is about, for people."""
        return self.exception_id

    def describe(self) -> str:
        """The fault as a phrase, without the tenant and the exception."""
        if self.lost_deliveries:
            return f"requested, but neither waiting nor done: {', '.join(self.lost_deliveries)}"
        if self.row:
            return f"row {self.row}"
        if self.first_broken_seq is not None:
            return f"hash chain breaks at seq {self.first_broken_seq}"
        return "; ".join(
            f"{name} is {_shortened(stored)} in the row, {_shortened(from_log)} by the log"
            for name, (stored, from_log) in self.differences.items()
        )


_RECORD_FAULTS = {
    "broken_chain": "hash chain breaks at seq {first_broken_seq}",
    "missing": "is in the log, but not stored",
    "changed": "is not as it was published",
    "unrecorded": "is stored, but not in the log",
    "status": "is retired or active otherwise than by the log",
    "head_missing": "is in the file of heads, but not in the database",
    "head_changed": "is not what it was when the file of heads was written",
    "head_status": "was retired when the file of heads was written, and is in use again",
    "log_cut": "has no log any more, or one that ends before the head in the file",
    "backdated": "is dated before the file of heads, but is not in it",
    "backdated_events": "has events dated before the file of heads that are not in it",
}


@dataclass(frozen=True, slots=True)
class RecordFault:
    """What is wrong with a tenant's catalogue, or with anything by a file of heads.

    ``kind`` is ``catalogue_log``, ``policy_pack``, ``domain_pack``, ``playbook``, ``exception`` or ``tenant``;
    ``key`` says which. A Domain Pack that no tenant's log has belongs to no tenant.
    """

    tenant_id: str | None
    kind: str
    key: str
    code: str
    first_broken_seq: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The fault for ``--json``."""
        return {
            "tenant_id": self.tenant_id,
            "exception_id": self.key if self.kind == "exception" else None,
            "kind": self.kind,
            "key": self.key,
            "code": self.code,
            "first_broken_seq": self.first_broken_seq,
        }

    @property
    def subject(self) -> str:
        """What it is about, for people."""
        return self.key if self.kind == "exception" else f"{self.kind.replace('_', ' ')} {self.key}".strip()

    def describe(self) -> str:
        """The fault as a phrase, without the tenant and the subject."""
        return _RECORD_FAULTS[self.code].format(first_broken_seq=self.first_broken_seq)


def _json_value(value: Any) -> Any:
    return format_time(value) if isinstance(value, datetime) else value


def _shortened(value: Any) -> str:
    text = json.dumps(_json_value(value), ensure_ascii=False)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"
