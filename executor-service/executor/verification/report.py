"""What a verification finds, as text and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from executor.verification.faults import Fault, RecordFault
from executor.verification.heads import Heads
from sentinai.clock import format_time

_PLAIN: Mapping[str, Any] = {"markup": False, "highlight": False, "soft_wrap": True}


@dataclass(slots=True)
class Report:
    """The result of a verification; ``heads`` is the file that was written, and its SHA-256."""

    tenants: int = 0
    exceptions: int = 0
    events: int = 0
    faults: list[Fault | RecordFault] = field(default_factory=list)
    against: Heads | None = None
    heads: tuple[Path, str] | None = None

    @property
    def valid(self) -> bool:
        """Whether there are no faults."""
        return not self.faults

    def to_json(self) -> dict[str, Any]:
        """The report for ``--json``."""
        return {
            "valid": self.valid,
            "tenants": self.tenants,
            "exceptions": self.exceptions,
            "events": self.events,
            "faults": [fault.to_json() for fault in self.faults],
            "against": self.against and {"file": str(self.against.path), "sha256": self.against.sha256},
            "heads": self.heads and {"file": str(self.heads[0]), "sha256": self.heads[1]},
        }

    def print(self, console: Console) -> None:
        """Print the report."""
        counts = ((self.tenants, "tenant"), (self.exceptions, "exception"), (self.events, "event"))
        checked = ", ".join(_counted(*each) for each in counts)
        if self.against:
            of = f"{' and '.join(self.against.tenants)}, " if self.against.tenants else ""
            of += format_time(self.against.created_at)
            console.print(f"Compared with {self.against.path} ({of}; SHA-256 {self.against.sha256}).", **_PLAIN)
        if self.valid:
            console.print(
                f"[green]✓ Verified[/green]: {checked}. All hash chains are intact; what is stored is as logged."
            )
            if self.heads:
                console.print(f"Wrote {self.heads[0]}, SHA-256 {self.heads[1]}.", **_PLAIN)
            return
        faults = _counted(len(self.faults), "fault")
        console.print(f"[red]✗ Verification found {faults}[/red] ({checked} checked).")
        table = Table("tenant", "where", "fault")
        for fault in self.faults:
            table.add_row(fault.tenant_id or "", escape(fault.subject), escape(fault.describe()))
        console.print(table)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
