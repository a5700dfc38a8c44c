"""The ``matcher`` command for rule authors: validate, evaluate and test conditions, and measure their speed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.progress import Progress

import matcher
from matcher.authoring import expectations, output
from matcher.authoring.benchmark import measure
from matcher.authoring.evaluation import evaluate_clauses
from matcher.authoring.files import Document, UnusableFile, json_files, read_document, read_pack
from matcher.authoring.validate import check_files, playbook_files, read_conditions
from matcher.matching import Playbook
from sentinai.clock import parse_time, utc_now
from sentinai.conditions import Conditions
from sentinai.conditions.evaluation import context

Pack = Mapping[str, Any]
F = TypeVar("F", bound=Callable[..., Any])
_FAILED, _UNUSABLE = 1, 2
_terminal = Console(stderr=True)
_File = click.Path(exists=True, allow_dash=True, path_type=Path)


class _Commands(click.Group):
    """Commands that report the findings of an unusable file, one per line, instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; exits with 2 for an unusable file."""
        try:
            return super().invoke(ctx)
        except UnusableFile as unusable:
            output.print_findings(list(unusable.findings), 0, "text", console=_terminal)
            sys.exit(_UNUSABLE)


def _time(_context: click.Context, _option: click.Parameter, value: str | None) -> datetime:
    try:
        return utc_now() if value is None else parse_time(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not an RFC 3339 time, such as 2026-11-23T09:30:00Z.") from error


def _option(name: str, read: Callable[[Path], Any], about: str, *, required: bool = False) -> Callable[[F], F]:
    """An option for a file or a folder; the command gets what ``read`` makes of it."""

    def callback(_context: click.Context, _option: click.Parameter, path: Path | None) -> Any:
        return None if path is None else read(path)

    return click.option(name, type=_File, callback=callback, required=required, help=about)


def _read_playbooks(folder: Path) -> list[Playbook]:
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


_domain_pack = _option("--domain-pack", partial(read_pack, schema="domain-pack"), "The Domain Pack to use.")
_policy_pack = _option("--policy-pack", partial(read_pack, schema="policy-pack"), "The Policy Pack to use.")
_playbooks = _option("--playbooks", _read_playbooks, "The folder with the playbooks.", required=True)
_as_of = click.option("--as-of", callback=_time, help="The time of the match.  [default: now]")
_text_or_json = click.option(
    "--format", "output_format", type=click.Choice(["text", "json"]), default="text", show_default=True
)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
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
    files: tuple[Path, ...], domain_pack: Pack | None, policy_pack: Pack | None, output_format: str
) -> None:
    """Check files of conditions or whole playbooks.

    FILES are JSON files or folders of them; - is the standard input. Errors and warnings are reported by line and
    column. Playbooks are also compared with each other, to find duplicates, those that can never be chosen, and
    those that are chosen over another of the same priority only because they are newer.
    With the packs, unknown types, tags and tools are found.

    \b
    Examples:
      matcher validate conditions.json
      matcher validate playbooks/ --domain-pack domain-pack.json --policy-pack policy-pack.json
      matcher validate playbooks/ --format github      # annotations on a pull request

    The exit code is 0 without errors (warnings are allowed), 1 with errors, and 2 if the command cannot run.
    """  # noqa: D301 - click's mark for preformatted text
    paths = json_files(files)
    with _progress("Checking", 2 * len(paths)) as advance:
        findings = check_files(paths, domain_pack=domain_pack, policy_pack=policy_pack, progress=advance)
    output.print_findings(findings, len(paths), output_format)
    if any(found.severity == "error" for found in findings):
        sys.exit(_FAILED)


@main.command()
@_option("--conditions", read_conditions, "Conditions or a playbook.", required=True)
@_option("--exception", read_document, "The exception to evaluate.", required=True)
@_as_of
@_domain_pack
@_policy_pack
@_text_or_json
def evaluate(
    conditions: Conditions,
    exception: Document,
    as_of: datetime,
    domain_pack: Pack | None,
    policy_pack: Pack | None,
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
    wrong = expectations.check_exception(exception.value, as_of)
    if wrong:
        raise UnusableFile([exception.located(finding, "error") for finding in wrong])
    seen = context.build(
        expectations.exception_at(exception.value, as_of),
        domain_pack=domain_pack or {},
        policy_pack=policy_pack or {},
        as_of=as_of,
    )
    found = {**evaluate_clauses(conditions, seen), "context": seen}
    output.print_evaluation(found, output_format)
    if not found["matches"]:
        sys.exit(_FAILED)


@main.command(name="test")
@click.argument("case_file", metavar="CASES", type=_File)
@_playbooks
@_domain_pack
@_policy_pack
@_option("--exceptions", expectations.read_exceptions, "Exceptions that cases refer to by id.")
@_as_of
@click.option("--every-playbook", is_flag=True, help="Also fail if a playbook is never chosen.")
@_text_or_json
def test_command(
    case_file: Path,
    playbooks: list[Playbook],
    domain_pack: Pack | None,
    policy_pack: Pack | None,
    exceptions: Mapping[str, Pack] | None,
    as_of: datetime,
    every_playbook: bool,
    output_format: str,
) -> None:
    """Test which playbooks are chosen for the exceptions in CASES.

    CASES is a list in YAML or JSON. Each case contains an exception, or the id of one in the exceptions file.
    Times may be relative to the time of the match: +PT45M is 45 minutes later. With a Policy Pack, playbooks that
    it blocks are passed over, as in production. Playbooks of equal priority rank by the published.json of an
    exported folder; those that it does not date count as published last, in the order of their file names.

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
    cases = expectations.read_cases(case_file, exceptions or {}, as_of)
    with _progress("Matching", len(cases)) as advance:
        report = expectations.run(
            cases, playbooks, domain_pack=domain_pack or {}, policy_pack=policy_pack, progress=advance
        )
    output.print_report(report, output_format)
    if report.failed or (every_playbook and report.never_chosen):
        sys.exit(_FAILED)


@main.command()
@_playbooks
@_option("--exceptions", expectations.read_exceptions, "The exceptions to match.", required=True)
@_domain_pack
@_policy_pack
@_as_of
@click.option(
    "--rounds", default=100, show_default=True, type=click.IntRange(1), help="Matches of each exception."
)
def bench(
    playbooks: list[Playbook],
    exceptions: Mapping[str, Pack],
    domain_pack: Pack | None,
    policy_pack: Pack | None,
    as_of: datetime,
    rounds: int,
) -> None:
    """Measure the speed of matching, on one core.

    \b
    Example:
      matcher bench --playbooks playbooks/ --exceptions exceptions.json --rounds 500
    """  # noqa: D301 - click's mark for preformatted text
    with _progress("Matching", rounds) as advance:
        timings = measure(
            playbooks,
            [expectations.exception_at(each, as_of) for each in exceptions.values()],
            domain_pack=domain_pack or {},
            policy_pack=policy_pack or {},
            as_of=as_of,
            rounds=rounds,
            progress=advance,
        )
    output.print_timings(timings)


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """A progress bar on a terminal; yields the function that advances it."""
    with Progress(console=_terminal, transient=True, disable=not _terminal.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)
