"""Output of an import for people: the changes with their diffs, a summary, or the findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from executor.import_export.folder import InvalidFolder
from executor.import_export.import_ import NEW, NEW_VERSION, RETIRED, UNCHANGED, Change

_STYLES = {NEW: "green", NEW_VERSION: "yellow", RETIRED: "red"}
_MARKS = {NEW: "+", NEW_VERSION: "~", RETIRED: "-"}
_DIFF_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def print_changes(out: Console, changes: Sequence[Change], *, dry_run: bool) -> None:
    """Print each document that changes with its diff, and the number of documents by action."""
    for change in changes:
        if change.action != UNCHANGED:
            title = escape(f"{_MARKS[change.action]} {change.kind} {change.name}".strip())
            out.print(f"{title}: {change.action}", style=_STYLES[change.action], highlight=False)
        for line in change.diff:
            out.print(
                f"    {line}", style=_DIFF_STYLES.get(line[:1]), markup=False, highlight=False, soft_wrap=True
            )
    counts = Counter(change.action for change in changes)
    summary = ", ".join(f"{counts[action]} {action}" for action in (NEW, NEW_VERSION, RETIRED, UNCHANGED))
    out.print(f"{summary}.{' Dry run: nothing was stored.' if dry_run else ''}", highlight=False)


def print_findings(out: Console, error: InvalidFolder) -> None:
    """Print every finding with its file and JSON pointer."""
    for path, findings in error.findings.items():
        for finding in findings:
            hint = f" {finding.hint}" if finding.hint else ""
            out.print(
                f"[red]{escape(str(path))}[/red]: {finding.pointer or '/'}: {escape(finding.message + hint)}",
                highlight=False,
                soft_wrap=True,
            )
    out.print("Nothing was stored.", highlight=False)
