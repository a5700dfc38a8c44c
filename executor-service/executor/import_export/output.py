"""What an export or an import comes to, for people: one line a document, the differences, the sum."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from executor.import_export.folder import UnreadableFolder
from executor.import_export.import_ import NEW, NEW_VERSION, RETIRED, UNCHANGED, Change

_STYLES = {NEW: "green", NEW_VERSION: "yellow", RETIRED: "red"}
_MARKS = {NEW: "+", NEW_VERSION: "~", RETIRED: "-"}
_LINES = {"+": "green", "-": "red", "@": "cyan"}


def print_changes(out: Console, changes: Sequence[Change], *, dry_run: bool) -> None:
    """Every document that changes, with the lines that do; and how many do not."""
    for change in changes:
        if change.action != UNCHANGED:
            name = f"{change.kind} {change.name}".strip()
            style = _STYLES[change.action]
            out.print(
                f"[{style}]{_MARKS[change.action]} {escape(name)}: {change.action}[/{style}]", highlight=False
            )
        for line in change.diff:
            colour = _LINES.get(line[:1], "default")
            out.print(f"    [{colour}]{escape(line)}[/{colour}]", highlight=False, soft_wrap=True)
    counts = Counter(change.action for change in changes)
    told = ", ".join(f"{counts[action]} {action}" for action in (NEW, NEW_VERSION, RETIRED, UNCHANGED))
    out.print(f"{told}{'. Nothing was stored: this was a dry run.' if dry_run else '.'}", highlight=False)


def print_refusal(out: Console, refused: UnreadableFolder) -> None:
    """Every finding, with its file and its place in it."""
    for path, findings in refused.findings.items():
        for finding in findings:
            hint = f" {finding.hint}" if finding.hint else ""
            out.print(
                f"[red]{escape(str(path))}[/red]: {finding.pointer or '/'}: {escape(finding.message + hint)}",
                highlight=False,
                soft_wrap=True,
            )
    out.print("Nothing was stored.", highlight=False)
