"""What the command line shows: findings, a verdict, the report of a test; for people, programs, or GitHub."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from matcher.authoring.benchmark import Speed
from matcher.authoring.expectations import Report, Verdict
from matcher.authoring.files import FileFinding
from sentinai.clock import format_time
from sentinai.documents import strict_json

FORMATS = ("text", "json", "github")
_COLOURS = {"error": "bold red", "warning": "yellow"}
_MOST_MISSES = 3


def print_findings(
    findings: Sequence[FileFinding], files: int, output: str, console: Console | None = None
) -> None:
    """The findings, one a line, and a summary where there are ``files``; as JSON a list, on GitHub annotations."""
    if output == "json":
        click.echo(strict_json.dumps([found.to_json() for found in findings]))
        return
    if output == "github":
        for found in findings:
            click.echo(_annotation(found))
        return
    console = console or _console()
    for found in findings:
        console.print(_line(found), soft_wrap=True)
    if files:
        console.print(_summary(findings, files), highlight=False)


def print_verdict(found: Mapping[str, Any], output: str) -> None:
    """Whether conditions hold, and each clause with the value it met."""
    if output == "json":
        click.echo(strict_json.dumps(found))
        return
    console = _console()
    for reason in found["reasons"]:
        console.print(_mark(reason["satisfied"]), Text(reason["text"]), soft_wrap=True)
    if found["error"]:
        console.print(Text(f"Evaluation failed: {found['error']['message']}", style="bold red"), soft_wrap=True)
    console.print(
        Text("matches", style="bold green") if found["matches"] else Text("does not match", style="bold")
    )


def print_report(report: Report, output: str) -> None:
    """The cases that went otherwise than expected, each with why; what no case covered; the count."""
    if output == "json":
        click.echo(strict_json.dumps(_report_json(report)))
        return
    console = _console()
    for verdict in report.failed:
        console.print(_failure(verdict), soft_wrap=True)
    if report.never_chosen:
        console.print(Text("No case has these playbooks chosen:", style="yellow"))
        for name in report.never_chosen:
            console.print(Text(f"  {name}"), soft_wrap=True)
    passed = len(report.verdicts) - len(report.failed)
    colour = "bold red" if report.failed else "bold green"
    console.print(Text(f"{passed} of {_count(len(report.verdicts), 'case')} as expected", style=colour))


def print_speed(speed: Speed) -> None:
    """How long a match took: half of them less than the first time, 99 of 100 less than the second."""
    console = _console()
    console.print(f"{_count(speed.playbooks, 'playbook')}, compiled in {speed.compiled_in / 1000:,.1f} ms")
    console.print(
        f"{speed.matches:,} matches: median {speed.median:,.1f} µs, 99th percentile "
        f"{speed.slowest_of_a_hundred:,.1f} µs, {1e6 / speed.median:,.0f} a second"
    )


def _console() -> Console:
    return Console(highlight=False)


def _line(found: FileFinding) -> Text:
    position, finding = found.position, found.finding
    line = Text(f"{found.path}:{position.line}:{position.column}: ")
    line.append(found.severity, style=_COLOURS[found.severity])
    line.append(f" {finding.code}: {finding.message}")
    if finding.hint:
        line.append(f" {finding.hint}", style="dim")
    return line


def _annotation(found: FileFinding) -> str:
    """A workflow command of GitHub Actions; its own escapes keep a message in one line."""
    finding, position = found.finding, found.position
    where = f"file={_escaped(str(found.path))},line={position.line},col={position.column}"
    words = " ".join(part for part in (finding.message, finding.hint) if part)
    return f"::{found.severity} {where},title={_escaped(finding.code)}::{_escaped(words, of_property=False)}"


def _escaped(text: str, *, of_property: bool = True) -> str:
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if of_property else text


def _summary(findings: Iterable[FileFinding], files: int) -> Text:
    severities = [found.severity for found in findings]
    errors, warnings = severities.count("error"), severities.count("warning")
    words = f"{_count(files, 'file')}: {_count(errors, 'error')}, {_count(warnings, 'warning')}"
    return Text(words, style="bold red" if errors else "yellow" if warnings else "bold green")


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def _mark(satisfied: bool) -> Text:
    return Text("✓", style="green") if satisfied else Text("✗", style="red")


def _failure(verdict: Verdict) -> Table:
    """A case in a grid: what was expected, what was chosen, and why."""
    grid = Table.grid(padding=(0, 1))
    grid.add_row(_mark(False), Text(verdict.case.name, style="bold"))
    grid.add_row("", Text(f"as of     {format_time(verdict.case.as_of)}"))
    grid.add_row("", Text(f"expected  {verdict.case.playbook or 'none'}", style="green"))
    grid.add_row("", Text(f"chosen    {verdict.chosen or 'none'}", style="red"))
    for line in verdict.explanation:
        grid.add_row("", Text(f"  {line}"))
    if verdict.result.ranked:
        best = verdict.result.ranked[0]
        for reason in best.reasons:
            grid.add_row("", Text(f"  {best.playbook.name} matches: {reason.text}"))
    elif not verdict.explanation:
        for miss in verdict.result.near_misses[:_MOST_MISSES]:
            grid.add_row("", Text(f"  {miss.playbook.name} fails only where {miss.failed.text}"))
    for error in verdict.result.errors:
        grid.add_row("", Text(f"  evaluation of playbook {error.playbook_id} failed: {error.message}"))
    return grid


def _report_json(report: Report) -> dict[str, Any]:
    return {
        "cases": [
            {
                "name": verdict.case.name,
                "exception_id": verdict.case.exception["exception_id"],
                "as_of": format_time(verdict.case.as_of),
                "expected": verdict.case.playbook,
                "chosen": verdict.chosen,
                "passed": verdict.passed,
                "explanation": list(verdict.explanation),
                "reasoning": verdict.result.reasoning,
            }
            for verdict in report.verdicts
        ],
        "never_chosen": list(report.never_chosen),
        "passed": not report.failed,
    }
