"""The ``matcher`` command for rule authors: validate, evaluate and test conditions, and measure their speed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

import matcher
from matcher.authoring import expectations, output
from matcher.authoring.benchmark import measure
from matcher.authoring.evaluation import evaluate_clauses
from matcher.authoring.files import UnusableFile, json_files, read_document, read_pack
from matcher.authoring.validate import check_files, is_playbook, playbook_files
from matcher.matching import Playbook
from sentinai.clock import parse_time, utc_now
from sentinai.conditions import Conditions, parse
from sentinai.conditions.evaluation import context
from sentinai.problems import InvalidDocument

_FAILED, _UNUSABLE = 1, 2
_terminal = Console(stderr=True)
_File = click.Path(exists=True, allow_dash=True, path_type=Path)


def _instant(_context: click.Context, _option: click.Parameter, value: str | None) -> datetime | None:
    try:
        return None if value is None else parse_time(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not an RFC 3339 time, such as 2026-11-23T09:30:00Z.") from error


_domain_pack = click.option("--domain-pack", type=_File, help="The Domain Pack to use.")
_policy_pack = click.option("--policy-pack", type=_File, help="The Policy Pack to use.")
_as_of = click.option("--as-of", callback=_instant, help="The time of the match.  [default: now]")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(matcher.__version__, prog_name="matcher")
def main() -> None:
    """Validate and test the conditions under which playbooks apply.

    No command needs a running service or a database.
    """


@main.command()
@click.argument("files", nargs=-1, required=True, type=_File)
@_domain_pack
@_policy_pack
@click.option("--format", "output_format", type=click.Choice(output.FORMATS), default="text", show_default=True)
def validate(
    files: tuple[Path, ...], domain_pack: Path | None, policy_pack: Path | None, output_format: str
) -> None:
    """Check files of conditions or whole playbooks.

    FILES are JSON files or folders of them; - is the standard input. Errors and warnings are reported by line and
    column. Playbooks are also compared with each other, to find duplicates and those that can never be chosen.
    With the packs, unknown types, tags and tools are found.

    \b
    Examples:
      matcher validate conditions.json
      matcher validate playbooks/ --domain-pack domain-pack.json --policy-pack policy-pack.json
      matcher validate playbooks/ --format github      # annotations on a pull request

    The exit code is 0 without errors (warnings are allowed), 1 with errors, and 2 if the command cannot run.
    """  # noqa: D301 - click's mark for preformatted text
    with _unusable_files_reported(), _progress() as progress:
        paths = json_files(files)
        packs = (read_pack(domain_pack, "domain-pack"), read_pack(policy_pack, "policy-pack"))
        task = progress.add_task("Checking", total=2 * len(paths))
        findings = check_files(
            paths, domain_pack=packs[0], policy_pack=packs[1], progress=lambda: progress.advance(task)
        )
    output.print_findings(findings, len(paths), output_format)
    if any(found.severity == "error" for found in findings):
        sys.exit(_FAILED)


@main.command()
@click.option("--conditions", "conditions_file", required=True, type=_File, help="Conditions or a playbook.")
@click.option("--exception", "exception_file", required=True, type=_File, help="The exception to evaluate.")
@_as_of
@_domain_pack
@_policy_pack
@click.option("--format", "output_format", type=click.Choice(["text", "json"]), default="text", show_default=True)
def evaluate(
    conditions_file: Path,
    exception_file: Path,
    as_of: datetime | None,
    domain_pack: Path | None,
    policy_pack: Path | None,
    output_format: str,
) -> None:
    """Evaluate conditions on one exception.

    Each clause is printed with the actual value.

    \b
    Examples:
      matcher evaluate --conditions large-fails.json --exception EX-17.json
      matcher evaluate --conditions large-fails.json --exception EX-17.json --as-of 2026-11-23T09:30:00Z

    The exit code is 0 if they match, 1 if they do not, and 2 if a file is not usable.
    """  # noqa: D301 - click's mark for preformatted text
    with _unusable_files_reported():
        conditions = _conditions(conditions_file)
        exception = _exception(exception_file, as_of := as_of or utc_now())
        evaluation_context = context.build(
            exception,
            domain_pack=read_pack(domain_pack, "domain-pack") or {},
            policy_pack=read_pack(policy_pack, "policy-pack") or {},
            as_of=as_of,
        )
    found = {**evaluate_clauses(conditions, evaluation_context), "context": evaluation_context}
    output.print_evaluation(found, output_format)
    if not found["matches"]:
        sys.exit(_FAILED)


@main.command(name="test")
@click.argument("case_file", metavar="CASES", type=_File)
@click.option("--playbooks", "folder", required=True, type=_File, help="The folder with the playbooks.")
@_domain_pack
@_policy_pack
@click.option("--exceptions", "exceptions_file", type=_File, help="Exceptions that cases refer to by id.")
@_as_of
@click.option("--every-playbook", is_flag=True, help="Also fail if a playbook is never chosen.")
@click.option("--format", "output_format", type=click.Choice(["text", "json"]), default="text", show_default=True)
def test_command(
    case_file: Path,
    folder: Path,
    domain_pack: Path | None,
    policy_pack: Path | None,
    exceptions_file: Path | None,
    as_of: datetime | None,
    every_playbook: bool,
    output_format: str,
) -> None:
    """Test which playbooks are chosen for the exceptions in CASES.

    CASES is a list in YAML or JSON. Each case contains an exception, or the id of one in the exceptions file.
    Times may be relative to the time of the match: +PT45M is 45 minutes later. Playbooks count as published in
    the order of their file names.

    \b
    Example of CASES:
      - name: a large fail near its deadline goes to the desk head
        exception: {exception_type: Trade Settlement Failure, severity: high, sla_deadline: +PT45M}
        as_of: 2026-11-23T09:30:00Z
        playbook: Large settlement fail
      - exception: EX-17
        playbook: null                       # no playbook should match

    \b
    Example:
      matcher test expectations.yaml --playbooks playbooks/ --exceptions exceptions.json --policy-pack policy.json

    The exit code is 0 if all cases pass, 1 if not, and 2 if a file is not usable.
    """  # noqa: D301 - click's mark for preformatted text
    with _unusable_files_reported(), _progress() as progress:
        exceptions = expectations.read_exceptions(exceptions_file) if exceptions_file else {}
        expected = expectations.read_cases(case_file, exceptions, as_of or utc_now())
        task = progress.add_task("Matching", total=len(expected))
        report = expectations.run(
            expected,
            _playbooks(folder),
            domain_pack=read_pack(domain_pack, "domain-pack") or {},
            policy_pack=read_pack(policy_pack, "policy-pack") or {},
            progress=lambda: progress.advance(task),
        )
    output.print_report(report, output_format)
    if report.failed or (every_playbook and report.never_chosen):
        sys.exit(_FAILED)


@main.command()
@click.option("--playbooks", "folder", required=True, type=_File, help="The folder with the playbooks.")
@click.option("--exceptions", "exceptions_file", required=True, type=_File, help="The exceptions to match.")
@_domain_pack
@_policy_pack
@_as_of
@click.option(
    "--rounds",
    default=100,
    show_default=True,
    type=click.IntRange(1),
    help="Matches of each exception.",
)
def bench(
    folder: Path,
    exceptions_file: Path,
    domain_pack: Path | None,
    policy_pack: Path | None,
    as_of: datetime | None,
    rounds: int,
) -> None:
    """Measure the speed of matching, on one core.

    \b
    Example:
      matcher bench --playbooks playbooks/ --exceptions exceptions.json --rounds 500
    """  # noqa: D301 - click's mark for preformatted text
    with _unusable_files_reported(), _progress() as progress:
        as_of = as_of or utc_now()
        exceptions = [
            expectations.exception_at(each, as_of)
            for each in expectations.read_exceptions(exceptions_file).values()
        ]
        task = progress.add_task("Matching", total=rounds)
        timings = measure(
            _playbooks(folder),
            exceptions,
            domain_pack=read_pack(domain_pack, "domain-pack") or {},
            policy_pack=read_pack(policy_pack, "policy-pack") or {},
            as_of=as_of,
            rounds=rounds,
            progress=lambda: progress.advance(task),
        )
    output.print_timings(timings)


def _conditions(path: Path) -> Conditions:
    document = read_document(path)
    prefix = "/conditions" if is_playbook(document.value) else ""
    try:
        return parse(document.value["conditions"] if prefix else document.value)
    except InvalidDocument as problem:
        raise UnusableFile(
            [document.located(found.under(prefix), "error") for found in problem.findings]
        ) from problem


def _exception(path: Path, as_of: datetime) -> Mapping[str, Any]:
    document = read_document(path)
    found = expectations.check_exception(document.value, as_of)
    if found:
        raise UnusableFile([document.located(finding, "error") for finding in found])
    return expectations.exception_at(document.value, as_of)


def _playbooks(folder: Path) -> list[Playbook]:
    """The playbooks of a folder.

    Raises:
        UnusableFile: one is not valid, so that a test would prove nothing.
    """
    paths = json_files([folder])
    findings = check_files(paths, domain_pack=None, policy_pack=None, progress=lambda: None)
    errors = [found for found in findings if found.severity == "error"]
    if errors:
        raise UnusableFile(errors)
    return [each.playbook for each in playbook_files(map(read_document, paths))]


def _progress() -> Progress:
    return Progress(console=_terminal, transient=True, disable=not _terminal.is_terminal)


@contextmanager
def _unusable_files_reported() -> Iterator[None]:
    """Report the findings of an unusable file, one per line, instead of a traceback."""
    try:
        yield
    except UnusableFile as unusable:
        output.print_findings(list(unusable.findings), 0, "text", console=_terminal)
        sys.exit(_UNUSABLE)
