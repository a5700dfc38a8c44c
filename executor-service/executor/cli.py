"""The ``executor`` command for operators: migrations, data, tokens, the worker, verification."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NoReturn

import click
from rich.console import Console
from rich.progress import Progress
from rich.text import Text

from executor import seed as demo_seed
from executor.bootstrap import Services, assemble
from executor.domain.model import Actor
from executor.import_export import export
from executor.import_export import folder as catalogue_folder
from executor.import_export.folder import InvalidFolder
from executor.import_export.import_ import IMPORTER, UNCHANGED, Options, import_bundle
from executor.import_export.output import print_changes, print_findings
from executor.store import deliveries
from executor.store.migrations import runner
from executor.store.migrations.runner import MigrationFailed
from executor.store.tenants import tenant_ids
from executor.verification import heads
from executor.verification.heads import HeadsFile, InvalidHeads
from executor.verification.verify import verify as verify_database
from executor.web.console.links import sign_in_link
from executor.worker import loop
from sentinai import settings as sentinai_settings
from sentinai.clock import parse_time
from sentinai.documents.schemas import check
from sentinai.identity import ACTOR_TYPES, ROLES, is_tenant_id, mint_token, require_signing_key
from sentinai.problems import Finding, NotFound, Problem
from sentinai.settings import SettingsError
from sentinai.telemetry import configure_logging, warn_of_unknown_settings

_terminal = Console(stderr=True)
_FILE = click.Path(dir_okay=False, path_type=Path)
_MAX_HOURS = 24 * 366 * 10


def _tenant_id(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not is_tenant_id(value):
        raise click.BadParameter("a tenant id has 1 to 128 letters, digits or characters of . _ : @ + -")
    return value


def _actor_id(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and check("actor-request", {"actor_type": "human", "actor_id": value}):
        raise click.BadParameter("an actor's id has 1 to 128 printable ASCII characters")
    return value


def _instant(_context: click.Context, _parameter: click.Parameter, value: str | None) -> datetime | None:
    try:
        return None if value is None else parse_time(value)
    except ValueError as error:
        raise click.BadParameter("not a time; write for example 2026-11-26T08:00:00Z") from error


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """Operate the SentinAI executor.

    All commands are configured by SENTINAI_* environment variables, which docs/operations.md lists.
    """


@main.command(name="migrate")
@click.option("--to", "revision", default="head", show_default=True, help="The revision to migrate to.")
@click.option("--down", is_flag=True, help="Migrate down to the revision; 'base' removes everything.")
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 if migrations are pending.")
def migrate_command(revision: str, down: bool, check: bool) -> None:
    """Migrate the database to the schema of this version.

    Idempotent, and safe to run concurrently.
    """
    with _exit_on_error():
        services = _services()
        if check:
            state = runner.state(services.database)
            _terminal.print(f"database: {state}", soft_wrap=True, markup=False)
            sys.exit(state != "ok")
        if down:
            runner.downgrade(services.database, revision)
        else:
            runner.upgrade(services.database, revision)
        _terminal.print(f"database: {runner.state(services.database)}")


@main.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--if-empty", is_flag=True, help="Do nothing if the database has tenants.")
def seed(folder: Path, if_empty: bool) -> None:
    """Load tenants with their packs, playbooks and exceptions from FOLDER.

    FOLDER contains a folder for each tenant with tenant.json, domain-pack.json, policy-pack.json, playbooks/*.json
    and exceptions.json. The matcher must be running, because it recommends a playbook for each exception.

    \b
    Example:
      executor seed deploy/demo --if-empty
    """  # noqa: D301 - \b is click's mark for text that is not to be wrapped
    with _exit_on_error():
        services = _services()
        if if_empty and tenant_ids(services.database):
            _terminal.print("Nothing was loaded: the database has tenants.")
            return
        with _progress() as progress:
            counts = demo_seed.load(services, folder, progress)
        _terminal.print(f"Loaded {counts}.")


@main.command(name="export")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--tenant", required=True, callback=_tenant_id, help="The tenant to export.")
@click.option("--prune", is_flag=True, help="Delete files of packs and playbooks that are not in the catalogue.")
def export_command(folder: Path, tenant: str, prune: bool) -> None:
    """Export a tenant's packs and playbooks to FOLDER, one file each.

    Of each playbook, the newest active version is exported. The layout is that of import, seed, matcher validate
    and matcher test. Exporting the same catalogue again yields identical files.

    \b
    Example:
      executor export catalogue/finance --tenant finance --prune
    """  # noqa: D301 - \b is click's mark for text that is not to be wrapped
    with _exit_on_error():
        services = _services()
        _require_tenant(services, tenant)
        files = catalogue_folder.files_of(export.export(services.database, tenant))
        try:
            catalogue_folder.write(folder, files)
        except OSError as error:
            _fail("Export failed", f"{error.filename}: {error.strerror}")
        for path in catalogue_folder.obsolete_files(folder, files):
            if prune:
                path.unlink()
            _terminal.print(f"Deleted {path}" if prune else f"Not in the catalogue (--prune deletes it): {path}")
        _terminal.print(f"Wrote {len(files)} files to {folder}.")


@main.command(name="import")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--tenant", required=True, callback=_tenant_id, help="The tenant to import into.")
@click.option("--dry-run", is_flag=True, help="Print the changes without storing them.")
@click.option("--exit-code", is_flag=True, help="With --dry-run: exit with 3 if there are changes.")
@click.option("--retire-missing", is_flag=True, help="Retire playbooks that are not in FOLDER.")
@click.option("--domain-packs", is_flag=True, help="Store Domain Packs that differ. All tenants share them.")
@click.option("--as", "person", callback=_actor_id, help="The person who imports, for the log. [default: none]")
def import_command(
    folder: Path,
    tenant: str,
    dry_run: bool,
    exit_code: bool,
    retire_missing: bool,
    domain_packs: bool,
    person: str | None,
) -> None:
    """Import a tenant's packs and playbooks from FOLDER, as new versions of those that differ.

    All files are validated first. If any is not valid, nothing is stored and the exit code is 1; otherwise
    all changes are stored in one transaction. Exceptions in progress keep their playbook versions.

    \b
    Examples:
      executor import catalogue/finance --tenant finance --dry-run
      executor import catalogue/finance --tenant finance --retire-missing --as noor
    """  # noqa: D301 - \b is click's mark for text that is not to be wrapped
    out = Console(file=sys.stdout)
    options = Options(dry_run=dry_run, retire_missing=retire_missing, domain_packs=domain_packs)
    actor = Actor("human", person, IMPORTER.actor_id) if person else IMPORTER
    with _exit_on_error():
        services = _services()
        try:
            content = catalogue_folder.read(folder)
            with _progress() as progress:
                task = progress.add_task("Validating", total=len(content.bundle.playbooks))
                changes = import_bundle(
                    services.database,
                    tenant,
                    content,
                    actor,
                    services.clock(),
                    options,
                    lambda: progress.advance(task),
                )
        except InvalidFolder as error:
            print_findings(out, error)
            sys.exit(1)
    print_changes(out, changes, dry_run=dry_run)
    if dry_run and exit_code and any(change.action != UNCHANGED for change in changes):
        sys.exit(3)


@main.command()
@click.option("--tenant", required=True, callback=_tenant_id, help="The tenant that the token is for.")
@click.option(
    "--subject", default="operator", show_default=True, help="The user or service that the token is for."
)
@click.option("--role", "roles", multiple=True, type=click.Choice(ROLES), help="Repeatable. [default: operator]")
@click.option("--actor-type", default="human", show_default=True, type=click.Choice(ACTOR_TYPES))
@click.option(
    "--may-act-for",
    multiple=True,
    type=click.Choice(ACTOR_TYPES),
    help="Actor types that a service, such as a UI backend, may act for. Repeatable.",
)
@click.option(
    "--hours",
    default=8.0,
    show_default=True,
    type=click.FloatRange(0, _MAX_HOURS, min_open=True),
    help="How long the token is valid.",
)
@click.option("--console", is_flag=True, help="Print a single-use sign-in link for the console instead.")
def token(
    tenant: str,
    subject: str,
    roles: tuple[str, ...],
    actor_type: str,
    may_act_for: tuple[str, ...],
    hours: float,
    console: bool,
) -> None:
    """Print a token signed with the local key.

    \b
    Examples:
      executor token --tenant finance --subject alex
      executor token --tenant finance --subject ui-backend --actor-type system --may-act-for human
      executor token --tenant finance --subject alex --console
    """  # noqa: D301 - \b is click's mark for text that is not to be wrapped
    with _exit_on_error():
        settings = sentinai_settings.load()
        if console:
            roles = roles or ("operator", "author")
            click.echo(sign_in_link(settings, tenant=tenant, subject=subject, roles=roles))
            return
        click.echo(
            mint_token(
                settings,
                subject=subject,
                tenant_id=tenant,
                roles=roles or ("operator",),
                actor_type=actor_type,
                may_act_for=may_act_for,
                lifetime_seconds=hours * 3600,
            )
        )


@main.command(name="worker")
@click.option("--once", is_flag=True, help="Process all due work, then exit.")
def worker_command(once: bool) -> None:
    """Recalculate expired recommendations and deliver the outbox, until stopped.

    Any number of workers may run on one database.
    """
    with _exit_on_error():
        services = _services()
        require_signing_key(services.settings)
        if not once:
            loop.run(services)
            return
        while loop.work_once(services):
            pass


@main.group(name="outbox")
def outbox_group() -> None:
    """Work on messages that are to be delivered."""


@outbox_group.command(name="retry")
@click.option("--tenant", callback=_tenant_id, help="Retry only the messages of this tenant.")
@click.option(
    "--since",
    callback=_instant,
    help="Retry only messages created at or after this time (RFC 3339, or a date; UTC).",
)
def retry_command(tenant: str | None, since: datetime | None) -> None:
    """Attempt again to deliver the messages that were given up."""
    with _exit_on_error():
        services = _services()
        if tenant:
            _require_tenant(services, tenant)
        tenants = [tenant] if tenant else tenant_ids(services.database)
        count = sum(_retry(services, each, since) for each in tenants)
        _terminal.print(f"Messages to be delivered again: {count}.")


def _retry(services: Services, tenant: str, since: datetime | None) -> int:
    """Retry the messages of a tenant, in transactions of a bounded size."""
    now = services.clock()
    batch = partial(
        services.database.write, tenant, lambda session: deliveries.redeliver_failed(session, now, since)
    )
    return sum(iter(batch, 0))


@main.command()
@click.option("--tenant", callback=_tenant_id, help="Verify only this tenant.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--export-heads", type=_FILE, help="Write what was verified to this file, if all of it is right.")
@click.option("--against", type=_FILE, help="Compare with a file that --export-heads wrote earlier.")
def verify(tenant: str | None, as_json: bool, export_heads: Path | None, against: Path | None) -> None:
    """Verify the event logs, and that they account for everything that is stored.

    For each exception, this checks the hash chain, that its events yield exactly its stored fields, and that every
    message it requested is waiting or done. For each catalogue, it checks the hash chain, and that packs and
    playbooks are as they were published. The exit code is 1 if anything is wrong.

    Somebody who can write to the database can rewrite a log with all its hashes. Keep files of heads where they
    cannot write, and verify against the last of them.

    \b
    Example:
      executor verify --against heads-monday.jsonl --export-heads heads-tuesday.jsonl
    """  # noqa: D301 - \b is click's mark for text that is not to be wrapped
    with _exit_on_error():
        services = _services()
        if tenant:
            _require_tenant(services, tenant)
        tenants = [tenant] if tenant else None
        try:
            earlier = heads.read(against) if against else None
            if tenant and earlier and earlier.tenants and tenant not in earlier.tenants:
                raise InvalidHeads(f"{against} has no heads of tenant {tenant!r}.")
            written = HeadsFile(export_heads, tenants, services.clock()) if export_heads else None
            if written and written.resumed:
                where = f"after exception {written.resumed.exception_id}"
                _terminal.print(f"{export_heads} was interrupted, and goes on {where}.", markup=False)
            with _progress() as progress:
                report = verify_database(services.database, tenants, progress, written, earlier)
        except InvalidHeads as error:
            _fail("Verification failed", str(error))
        except OSError as error:
            _fail("Verification failed", f"{error.filename}: {error.strerror}")
        if as_json:
            click.echo(json.dumps(report.to_json(), indent=2))
        else:
            report.print(Console(file=sys.stdout))
        sys.exit(0 if report.valid else 1)


def _services() -> Services:
    settings = sentinai_settings.load()
    configure_logging("executor", settings.log_level)
    warn_of_unknown_settings()
    return assemble(settings)


def _progress() -> Progress:
    return Progress(console=_terminal, transient=True, disable=not _terminal.is_terminal)


def _require_tenant(services: Services, tenant: str) -> None:
    """Reject an unknown tenant: a misspelt id must not look like a tenant without data."""
    if tenant not in tenant_ids(services.database):
        raise NotFound(f"Tenant {tenant!r} does not exist.")


@contextmanager
def _exit_on_error() -> Iterator[None]:
    """Print an expected error in one line, with one more line for each finding, and exit with 2."""
    try:
        yield
    except SettingsError as error:
        _fail("Invalid settings", str(error))
    except MigrationFailed as error:
        _fail("Migration failed", str(error))
    except Problem as problem:
        _fail(problem.title, problem.detail, problem.findings)


def _fail(title: str, detail: str, findings: Iterable[Finding] = ()) -> NoReturn:
    _terminal.print(Text.assemble((f"{title}: ", "red"), detail), soft_wrap=True)
    for each in findings:
        line = Text(f"  {each.pointer or '/'}: {each.message} {each.hint or ''}".rstrip())
        _terminal.print(line, soft_wrap=True)
    sys.exit(2)
