"""The ``executor`` command, for operators: prepare the database, load data, mint tokens, work, verify."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import click
from rich.console import Console
from rich.progress import Progress
from rich.text import Text

from executor import seed as demo_seed
from executor import verification, worker
from executor.bootstrap import Services, assemble
from executor.import_export import export
from executor.import_export import folder as exchange_folder
from executor.import_export.folder import UnreadableFolder
from executor.import_export.import_ import UNCHANGED, Options, import_bundle
from executor.import_export.output import print_changes, print_refusal
from executor.store.migrations import runner
from executor.store.migrations.runner import MigrationFailed
from executor.store.tenants import tenant_ids
from executor.web.console.links import sign_in_link
from sentinai import settings as sentinai_settings
from sentinai.identity import ACTOR_TYPES, ROLES, is_tenant_id, mint_token, require_signing_key
from sentinai.problems import Finding, NotFound, Problem
from sentinai.settings import Settings, SettingsError
from sentinai.telemetry import configure_logging, warn_of_unknown_settings

_terminal = Console(stderr=True)
_MOST_HOURS = 24 * 366 * 10


def _tenant_id(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not is_tenant_id(value):
        raise click.BadParameter("a tenant is named by letters, digits and . _ : @ + - only, 128 at most")
    return value


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """Look after SentinAI's executor.

    Every command reads its settings from SENTINAI_* variables; the documentation lists them.
    """


@main.command(name="migrate")
@click.option("--to", "revision", default="head", show_default=True, help="The revision to end at.")
@click.option("--down", is_flag=True, help="Migrate down to the revision; 'base' removes everything.")
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 when there is something to migrate.")
def migrate_command(revision: str, down: bool, check: bool) -> None:
    """Bring the database to the schema this version expects.

    Safe to repeat, and from several machines at once.
    """
    with _refusals():
        services = _services()
        if check:
            found = runner.state(services.database)
            _terminal.print(f"database: {found}", soft_wrap=True, markup=False)
            sys.exit(found != "ok")
        if down:
            runner.downgrade(services.database, revision)
        else:
            runner.upgrade(services.database, revision)
        _terminal.print(f"database: {runner.state(services.database)}")


@main.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--if-empty", is_flag=True, help="Do nothing when the database has tenants already.")
def seed(folder: Path, if_empty: bool) -> None:
    """Load tenants with packs, playbooks and exceptions from FOLDER.

    FOLDER has a folder for each tenant with tenant.json, domain-pack.json, policy-pack.json, playbooks/*.json
    and exceptions.json. The matcher must be running: every exception is recommended a playbook as it comes in.

    \b
    Example:
      executor seed deploy/demo --if-empty
    """  # noqa: D301 - click's own mark, not an escape of ours
    with _refusals():
        services = _services()
        if if_empty and tenant_ids(services.database):
            _terminal.print("The database has data already; nothing was loaded.")
            return
        with Progress(console=_terminal, transient=True) as progress:
            counts = demo_seed.load(services, folder, progress)
        _terminal.print(f"Loaded {counts}.")


@main.command(name="export")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--tenant", required=True, callback=_tenant_id, help="Whose catalogue.")
@click.option("--prune", is_flag=True, help="Delete files of packs and playbooks that are no more.")
def export_command(folder: Path, tenant: str, prune: bool) -> None:
    """Write a tenant's packs and playbooks into FOLDER, one file each.

    Of each playbook the newest active version is written, in the layout that import, seed, matcher validate and
    matcher test read. The same catalogue gives the same files, to the byte.

    \b
    Example:
      executor export catalogue/finance --tenant finance --prune
    """  # noqa: D301 - click's own mark, not an escape of ours
    with _refusals():
        services = _services()
        _require_tenant(services, tenant)
        files = exchange_folder.files_of(export.export(services.database, tenant))
        try:
            exchange_folder.write(folder, files)
        except OSError as error:
            _refuse("The files cannot be written", f"{error.filename}: {error.strerror}")
        for path in exchange_folder.left_over(folder, files):
            if prune:
                path.unlink()
            _terminal.print(f"{'Deleted' if prune else 'Left over, and no longer in the catalogue:'} {path}")
        _terminal.print(f"Wrote {len(files)} files below {folder}.")


@main.command(name="import")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--tenant", required=True, callback=_tenant_id, help="Whose catalogue.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and store nothing.")
@click.option("--exit-code", is_flag=True, help="With --dry-run: exit with 3 when anything would change.")
@click.option("--retire-missing", is_flag=True, help="Retire playbooks that FOLDER does not have.")
@click.option("--domain-packs", is_flag=True, help="Store Domain Packs that differ. Tenants share them.")
def import_command(
    folder: Path, tenant: str, dry_run: bool, exit_code: bool, retire_missing: bool, domain_packs: bool
) -> None:
    """Make a tenant's catalogue what FOLDER says: new versions of what differs, nothing of what does not.

    Every file is checked first; then all is stored in one transaction, or, when anything is wrong, nothing.
    Exits with 1 then. Running exceptions stay on the versions they are on.

    \b
    Examples:
      executor import catalogue/finance --tenant finance --dry-run
      executor import catalogue/finance --tenant finance --retire-missing
    """  # noqa: D301 - click's own mark, not an escape of ours
    out = Console(file=sys.stdout)
    options = Options(dry_run=dry_run, retire_missing=retire_missing, domain_packs=domain_packs)
    with _refusals():
        services = _services()
        try:
            given = exchange_folder.read(folder)
            with Progress(console=_terminal, transient=True, disable=not _terminal.is_terminal) as progress:
                task = progress.add_task("Checking", total=len(given.bundle.playbooks))
                changes = import_bundle(
                    services.database, tenant, given, services.clock(), options, lambda: progress.advance(task)
                )
        except UnreadableFolder as refused:
            print_refusal(out, refused)
            sys.exit(1)
    print_changes(out, changes, dry_run=dry_run)
    if dry_run and exit_code and any(change.action != UNCHANGED for change in changes):
        sys.exit(3)


@main.command()
@click.option("--tenant", required=True, callback=_tenant_id, help="The tenant the token is for.")
@click.option("--subject", default="operator", show_default=True, help="Who holds it.")
@click.option("--role", "roles", multiple=True, type=click.Choice(ROLES), help="Repeatable. [default: operator]")
@click.option("--actor-type", default="human", show_default=True, type=click.Choice(ACTOR_TYPES))
@click.option("--may-act-for", multiple=True, type=click.Choice(ACTOR_TYPES), help="For a UI backend.")
@click.option(
    "--hours",
    default=8.0,
    show_default=True,
    type=click.FloatRange(0, _MOST_HOURS, min_open=True),
    help="How long it is good for.",
)
@click.option("--console", is_flag=True, help="Print a single-use link that signs in to the console instead.")
def token(
    tenant: str,
    subject: str,
    roles: tuple[str, ...],
    actor_type: str,
    may_act_for: tuple[str, ...],
    hours: float,
    console: bool,
) -> None:
    """Mint a token with the local signing key, and print it.

    \b
    Examples:
      executor token --tenant finance --subject alex
      executor token --tenant finance --subject ui-backend --actor-type system --may-act-for human
      executor token --tenant finance --subject alex --console
    """  # noqa: D301 - click's own mark, not an escape of ours
    with _refusals():
        settings = sentinai_settings.load()
        held = roles or ("operator", "author") if console else roles or ("operator",)
        if console:
            click.echo(sign_in_link(settings, tenant=tenant, subject=subject, roles=held))
            return
        click.echo(
            mint_token(
                settings,
                subject=subject,
                tenant_id=tenant,
                roles=held,
                actor_type=actor_type,
                may_act_for=may_act_for,
                lifetime_seconds=hours * 3600,
            )
        )


@main.command(name="worker")
@click.option("--once", is_flag=True, help="Look once for due work, then stop.")
def worker_command(once: bool) -> None:
    """Give due exceptions new recommendations and deliver the outbox, until stopped.

    Any number of workers may run on one database.
    """
    with _refusals():
        services = _services()
        require_signing_key(services.settings)
        if not once:
            worker.run(services)
            return
        while worker.work_once(services):
            pass


@main.command()
@click.option("--tenant", callback=_tenant_id, help="Only this tenant.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def verify(tenant: str | None, as_json: bool) -> None:
    """Prove that the log is whole and that every exception is what its log says.

    Checks each exception's hash chain, and that folding its events gives exactly its fields. Exits with 1
    when anything is wrong.
    """
    with _refusals():
        services = _services()
        if tenant:
            _require_tenant(services, tenant)
        with Progress(console=_terminal, transient=True, disable=not _terminal.is_terminal) as progress:
            report = verification.verify(services.database, [tenant] if tenant else None, progress)
        if as_json:
            click.echo(json.dumps(report.to_json(), indent=2))
        else:
            report.print(Console(file=sys.stdout))
        sys.exit(0 if report.valid else 1)


def _services() -> Services:
    settings: Settings = sentinai_settings.load()
    configure_logging("executor", settings.log_level)
    warn_of_unknown_settings()
    return assemble(settings)


def _require_tenant(services: Services, tenant: str) -> None:
    """A name that is misspelt must not pass for a tenant that has nothing."""
    if tenant not in tenant_ids(services.database):
        raise NotFound(f"There is no tenant {tenant!r}.")


@contextmanager
def _refusals() -> Iterator[None]:
    """Tell what is wrong, in one line and one more for each finding, and exit with 2."""
    try:
        yield
    except SettingsError as error:
        _refuse("Invalid settings", str(error))
    except MigrationFailed as error:
        _refuse("The database was not migrated", str(error))
    except Problem as problem:
        _refuse(problem.title, problem.detail, problem.findings)


def _refuse(title: str, detail: str, findings: Iterable[Finding] = ()) -> NoReturn:
    lines = [Text.assemble((f"{title}: ", "red"), detail)]
    lines += [Text(f"  {each.pointer or '/'}: {each.message} {each.hint or ''}".rstrip()) for each in findings]
    for line in lines:
        _terminal.print(line, soft_wrap=True)
    sys.exit(2)
