"""Output of the command line: findings, evaluations and test reports, as text, JSON or GitHub annotations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from matcher.authoring.benchmark import Timings
from matcher.authoring.expectations import CaseResult, Report
from matcher.authoring.files import FileFinding
from sentinai.clock import format_time
from sentinai.documents import strict_json

FORMATS = ("text", "json", "github")
_COLOURS = {"error": "bold red", "warning": "yellow"}
_MAX_NEAR_MISSES = 3


def print_findings(
    findings: Sequence[FileFinding], files: int, output: str, console: Console | None = None
) -> None:
    """The findings, one per line, and a summary of ``files``, unless that is 0; or a JSON list, or annotations."""
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


def print_evaluation(found: Mapping[str, Any], output: str) -> None:
    """Whether conditions match, and each clause with the actual value."""
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
    """The failed cases, explained; those that a tie decides; the playbooks that no case chose; the count."""
    if output == "json":
        click.echo(strict_json.dumps(_report_json(report)))
        return
    console = _console()
    for result in report.failed:
        console.print(_failure(result), soft_wrap=True)
    ties = [result for result in report.results if result.match.tie]
    if ties:
        console.print(Text("Cases in which two playbooks have the same priority:", style="yellow"))
        for result in ties:
            console.print(Text(f"  {_tie(result)}"), soft_wrap=True)
    if report.never_chosen:
        console.print(Text("Playbooks that no case chose:", style="yellow"))
        for name in report.never_chosen:
            console.print(Text(f"  {name}"), soft_wrap=True)
    passed = len(report.results) - len(report.failed)
    colour = "bold red" if report.failed else "bold green"
    console.print(Text(f"{passed} of {_count(len(report.results), 'case')} passed", style=colour))


def print_timings(timings: Timings) -> None:
    """The time to compile the catalogue, and the median and 99th percentile of a match."""
    console = _console()
    console.print(f"{_count(timings.playbooks, 'playbook')}, compiled in {timings.compiled_in / 1000:,.1f} ms")
    console.print(
        f"{timings.matches:,} matches: median {timings.median:,.1f} µs, 99th percentile "
        f"{timings.percentile_99:,.1f} µs, {1e6 / timings.median:,.0f} per second"
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
    """A workflow command of GitHub Actions, escaped so that the message stays on one line."""
    finding, position = found.finding, found.position
    where = f"file={_escaped(str(found.path))},line={position.line},col={position.column}"
    text = " ".join(part for part in (finding.message, finding.hint) if part)
    return f"::{found.severity} {where},title={_escaped(finding.code)}::{_escaped_text(text)}"


def _escaped(text: str) -> str:
    return _escaped_text(text).replace(":", "%3A").replace(",", "%2C")


def _escaped_text(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _summary(findings: Iterable[FileFinding], files: int) -> Text:
    severities = [found.severity for found in findings]
    errors, warnings = severities.count("error"), severities.count("warning")
    text = f"{_count(files, 'file')}: {_count(errors, 'error')}, {_count(warnings, 'warning')}"
    return Text(text, style="bold red" if errors else "yellow" if warnings else "bold green")


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def _mark(satisfied: bool) -> Text:
    return Text("✓", style="green") if satisfied else Text("✗", style="red")


def _failure(result: CaseResult) -> Table:
    """A failed case as a grid: what was expected, what was chosen, and why."""
    case, found = result.case, result.match
    grid = Table.grid(padding=(0, 1))
    grid.add_row(_mark(False), Text(case.name, style="bold"))
    grid.add_row("", Text(f"as of     {format_time(case.as_of)}"))
    grid.add_row("", Text(f"expected  {case.playbook or 'none'}", style="green"))
    grid.add_row("", Text(f"chosen    {result.chosen or 'none'}", style="red"))
    for line in _explanation(result):
        grid.add_row("", Text(f"  {line}"))
    for error in found.errors:
        grid.add_row("", Text(f"  evaluation of playbook {error.playbook_id} failed: {error.message}"))
    return grid


def _tie(result: CaseResult) -> str:
    tie = result.match.tie
    assert tie is not None
    ahead = {"created_at": "its conditions are newer", "playbook_id": "its file comes later"}[tie.decided_by]
    return (
        f"{result.case.name}: {result.chosen} and {tie.playbook.name} match, both with priority "
        f"{tie.playbook.conditions.priority:,}; {result.chosen} is chosen because {ahead}"
    )


def _explanation(result: CaseResult) -> Iterator[str]:
    yield from result.explanation
    best = result.match.selected
    if best:
        yield from (f"{best.playbook.name} matches: {reason.text}" for reason in best.reasons)
    elif not result.explanation:
        for miss in result.match.near_misses[:_MAX_NEAR_MISSES]:
            yield f"{miss.playbook.name} fails only on: {miss.failed.text}"


def _report_json(report: Report) -> dict[str, Any]:
    return {
        "cases": [
            {
                "name": result.case.name,
                "exception_id": result.case.exception["exception_id"],
                "as_of": format_time(result.case.as_of),
                "expected": result.case.playbook,
                "chosen": result.chosen,
                "passed": result.passed,
                "tie": result.match.tie.to_json() if result.match.tie else None,
                "explanation": list(result.explanation),
                "reasoning": result.match.reasoning,
            }
            for result in report.results
        ],
        "never_chosen": list(report.never_chosen),
        "passed": not report.failed,
    }
