"""The ``matcher`` command, for rule authors: validate conditions, try them on an exception, test a catalogue."""

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
from sentinai.documents.schemas import check
from sentinai.problems import InvalidDocument

_FAILED, _UNUSABLE = 1, 2
_terminal = Console(stderr=True)
_File = click.Path(exists=True, allow_dash=True, path_type=Path)


def _instant(_context: click.Context, _option: click.Parameter, value: str | None) -> datetime | None:
    try:
        return None if value is None else parse_time(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is no RFC 3339 time, such as 2026-11-23T09:30:00Z.") from error


_domain_pack = click.option("--domain-pack", type=_File, help="The Domain Pack that counts.")
_policy_pack = click.option("--policy-pack", type=_File, help="The Policy Pack that counts.")
_as_of = click.option("--as-of", callback=_instant, help="The instant of the question.  [default: now]")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(matcher.__version__, prog_name="matcher")
def main() -> None:
    """Write and test the conditions under which playbooks apply.

    Nothing here needs a running service or a database: files go in, findings come out.
    """


@main.command()
@click.argument("files", nargs=-1, required=True, type=_File)
@_domain_pack
@_policy_pack
@click.option("--format", "output_format", type=click.Choice(output.FORMATS), default="text", show_default=True)
def validate(
    files: tuple[Path, ...], domain_pack: Path | None, policy_pack: Path | None, output_format: str
) -> None:
    """Check files of conditions or whole playbooks, at line and column.

    FILES are JSON files, or folders of them; - is the standard input. Playbooks given together are held against
    each other: duplicates, and those that can never be chosen, are found. With the packs, so are types, tags and
    tools they do not list.

    \b
    Examples:
      matcher validate conditions.json
      matcher validate playbooks/ --domain-pack domain-pack.json --policy-pack policy-pack.json
      matcher validate playbooks/ --format github      # annotations on a pull request

    Ends with 0 if there are no errors (warnings do not count), 1 if there are, 2 if it could not be run.
    """  # noqa: D301 - click's mark for text as it stands
    with _refusals(), _progress() as progress:
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
@click.option("--conditions", "conditions_file", required=True, type=_File, help="Conditions, or a playbook.")
@click.option("--exception", "exception_file", required=True, type=_File, help="The exception to try them on.")
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
    """Hold conditions against one exception, clause by clause, with the values met.

    \b
    Examples:
      matcher evaluate --conditions large-fails.json --exception EX-17.json
      matcher evaluate --conditions large-fails.json --exception EX-17.json --as-of 2026-11-23T09:30:00Z

    Ends with 0 if they match, 1 if they do not, 2 if a file cannot be used.
    """  # noqa: D301 - click's mark for text as it stands
    with _refusals():
        conditions = _conditions(conditions_file)
        exception = _exception(exception_file, as_of := as_of or utc_now())
        seen = context.build(
            exception,
            domain_pack=read_pack(domain_pack, "domain-pack") or {},
            policy_pack=read_pack(policy_pack, "policy-pack") or {},
            as_of=as_of,
        )
    found = {**evaluate_clauses(conditions, seen), "context": seen}
    output.print_verdict(found, output_format)
    if not found["matches"]:
        sys.exit(_FAILED)


@main.command(name="test")
@click.argument("case_file", metavar="CASES", type=_File)
@click.option("--playbooks", "folder", required=True, type=_File, help="The folder with the playbooks' files.")
@_domain_pack
@_policy_pack
@click.option("--exceptions", "exceptions_file", type=_File, help="The exceptions that cases name by their id.")
@_as_of
@click.option("--every-playbook", is_flag=True, help="Fail, too, if a playbook is never chosen.")
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
    """Test which playbook is chosen for each of the exceptions in CASES.

    CASES is a list in YAML or JSON. The exception is written out, or named by its id in the exceptions' file;
    times may be relative to the instant of the case, such as +PT45M. The files of the playbooks count as
    published in the order of their names.

    \b
    Example of CASES:
      - name: a large fail close to its deadline goes to the desk head
        exception: {exception_type: Trade Settlement Failure, severity: high, sla_deadline: +PT45M}
        as_of: 2026-11-23T09:30:00Z
        playbook: Large settlement fail
      - exception: EX-17
        playbook: null                       # none should match

    \b
    Example:
      matcher test expectations.yaml --playbooks playbooks/ --exceptions exceptions.json --policy-pack policy.json

    Ends with 0 if all went as expected, 1 if not, 2 if a file cannot be used.
    """  # noqa: D301 - click's mark for text as it stands
    with _refusals(), _progress() as progress:
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
@click.option("--playbooks", "folder", required=True, type=_File, help="The folder with the playbooks' files.")
@click.option("--exceptions", "exceptions_file", required=True, type=_File, help="The exceptions to match.")
@_domain_pack
@_policy_pack
@_as_of
@click.option(
    "--rounds", default=100, show_default=True, type=click.IntRange(1), help="How often each is matched."
)
def bench(
    folder: Path,
    exceptions_file: Path,
    domain_pack: Path | None,
    policy_pack: Path | None,
    as_of: datetime | None,
    rounds: int,
) -> None:
    """Measure how long matching takes with your playbooks, on one core of this machine.

    \b
    Example:
      matcher bench --playbooks playbooks/ --exceptions exceptions.json --rounds 500
    """  # noqa: D301 - click's mark for text as it stands
    with _refusals(), _progress() as progress:
        as_of = as_of or utc_now()
        exceptions = [
            expectations.at(each, as_of) for each in expectations.read_exceptions(exceptions_file).values()
        ]
        task = progress.add_task("Matching", total=rounds)
        speed = measure(
            _playbooks(folder),
            exceptions,
            domain_pack=read_pack(domain_pack, "domain-pack") or {},
            policy_pack=read_pack(policy_pack, "policy-pack") or {},
            as_of=as_of,
            rounds=rounds,
            progress=lambda: progress.advance(task),
        )
    output.print_speed(speed)


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
    given = document.value
    exception = expectations.at(given, as_of) if isinstance(given, Mapping) else given
    found = (expectations.unknown_fields(given) if isinstance(given, Mapping) else []) or check(
        expectations.EXCEPTION, exception
    )
    if found:
        raise UnusableFile([document.located(finding, "error") for finding in found])
    return exception


def _playbooks(folder: Path) -> list[Playbook]:
    """Every playbook of a folder; one that is not valid would make the test worth nothing."""
    paths = json_files([folder])
    findings = check_files(paths, domain_pack=None, policy_pack=None, progress=lambda: None)
    errors = [found for found in findings if found.severity == "error"]
    if errors:
        raise UnusableFile(errors)
    return [each.playbook for each in playbook_files(map(read_document, paths))]


def _progress() -> Progress:
    return Progress(console=_terminal, transient=True, disable=not _terminal.is_terminal)


@contextmanager
def _refusals() -> Iterator[None]:
    """A file that cannot be used is told in a line each, not as a traceback."""
    try:
        yield
    except UnusableFile as unusable:
        output.print_findings(list(unusable.findings), 0, "text", console=_terminal)
        sys.exit(_UNUSABLE)
