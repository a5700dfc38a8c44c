"""A catalogue out of one database and into another: whole, exactly, or not at all."""

from __future__ import annotations

import json
import os
import re
import secrets
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.databases import AUTHOR, new_database
from tests.support.processes import ROOT

from executor.import_export import export, folder
from executor.import_export.import_ import NEW, NEW_VERSION, RETIRED, UNCHANGED, Options, import_bundle
from executor.publishing import packs, playbooks
from executor.store import events
from executor.store import packs as pack_store
from executor.store import playbooks as playbook_store
from sentinai.clock import utc_now
from sentinai.database.engine import Database
from sentinai.settings import Settings

TENANT = "harbour"
NAMES = ["Berth refused", "berth REFUSED", "../../etc/passwd", "Überlänge/½", "…", "con", "a" * 120, "CON.json"]
PACK = {"tenant_id": TENANT, "domain_name": "Ports", "tags": ["night"], "assignable": {"queues": ["pilots"]}}
DOMAIN = {
    "domain_name": "Ports",
    "exception_types": {"Berth Conflict": {}, "Late Pilot": {}},
    "notification_templates": {"call": {"subject": "Pilot", "message": "For {exception.entity}"}},
}


def playbook(name: str, text: str = "Call the pilot.", **members: Any) -> dict[str, Any]:
    step = {"name": "Note", "action_type": "add_comment", "params": {"text": text}}
    return {"name": name, "conditions": {"match": {"domain": "Ports"}, "priority": 3}, "steps": [step], **members}


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    found = Database(Settings(database_url=database_url))
    yield found
    found.engine.dispose()


@pytest.fixture
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A second database, empty, of the same kind."""
    (tmp_path / "other").mkdir()
    kind = request.getfixturevalue("database").dialect.removesuffix("ql")
    found = Database(Settings(database_url=new_database(kind, tmp_path / "other")))
    yield found
    found.engine.dispose()


def filled(database: Database, *documents: dict[str, Any]) -> Database:
    packs.put_domain_pack(database, TENANT, "Ports", DOMAIN, AUTHOR, utc_now())
    packs.put_policy_pack(database, TENANT, PACK, AUTHOR, utc_now())
    for document in documents:
        playbooks.publish(database, TENANT, document, AUTHOR, utc_now(), dry_run=False)
    return database


def exported(database: Database, into: Path) -> dict[str, bytes]:
    folder.write(into, folder.files_of(export.export(database, TENANT)))
    return {path.relative_to(into).as_posix(): path.read_bytes() for path in into.rglob("*") if path.is_file()}


def imported(database: Database, source: Path, **options: bool) -> dict[str, str]:
    changes = import_bundle(
        database, TENANT, folder.read(source), AUTHOR, utc_now(), Options(domain_packs=True, **options)
    )
    return {f"{change.kind} {change.name}".strip(): change.action for change in changes}


def test_an_export_can_be_imported_elsewhere_and_exported_identically(
    database: Database, other: Database, tmp_path: Path
):
    hostile = [playbook(name, on_completion={"set_status": "resolved"}) for name in NAMES]
    files = exported(filled(database, *hostile), tmp_path / "a")
    assert len(files) == len(NAMES) + 3
    assert set(imported(other, tmp_path / "a").values()) == {NEW}
    again = exported(other, tmp_path / "b")
    # It was published there at another time, in the same order.
    assert _order(again.pop("published.json")) == _order(files.pop("published.json"))
    assert again == files
    assert set(imported(other, tmp_path / "b").values()) == {UNCHANGED}


def _order(published: bytes) -> list[str]:
    entries = json.loads(published)
    return sorted(entries, key=lambda name: (entries[name]["created_at"], entries[name]["playbook_id"]))


def test_files_are_inside_the_folder_and_distinct_if_case_is_ignored(database: Database, tmp_path: Path):
    files = exported(filled(database, *(playbook(name) for name in NAMES)), tmp_path / "a")
    assert all(re.fullmatch(r"(playbooks/)?[a-z0-9-]+\.json", name) for name in files)
    assert len({name.lower() for name in files}) == len(files)
    assert {path.name for path in tmp_path.iterdir()} <= {
        "a",
        "other",
        "sentinai.db",
        "sentinai.db-wal",
        "sentinai.db-shm",
    }


def test_a_difference_is_a_new_version_and_the_rest_is_left_alone(database: Database, tmp_path: Path):
    exported(filled(database, playbook("One"), playbook("Two")), tmp_path / "a")
    path = tmp_path / "a" / "playbooks" / "two.json"
    path.write_text(json.dumps(playbook("Two", "Call twice.")))
    source = folder.read(tmp_path / "a")
    changes = import_bundle(database, TENANT, source, AUTHOR, utc_now(), Options(dry_run=True))
    changed = {change.name: change for change in changes}["Two"]
    assert changed.action == NEW_VERSION
    assert any(line.startswith("+") and "Call twice." in line for line in changed.diff)
    assert any(line.startswith("-") and "Call the pilot." in line for line in changed.diff)
    assert {change.name: change.version for change in _stored(database)} == {"One": 1, "Two": 1}
    found = imported(database, tmp_path / "a")
    assert (found["playbook One"], found["playbook Two"]) == (UNCHANGED, NEW_VERSION)
    assert {change.name: change.version for change in _stored(database)} == {"One": 1, "Two": 2}


def test_a_truth_value_in_the_place_of_a_number_is_a_difference(database: Database, tmp_path: Path):
    def when(value: object) -> dict[str, Any]:
        return {"logic": {"===": [{"var": "exception.normalized_context.night"}, value]}}

    numbered, flagged = ({**playbook("One"), "conditions": when(value)} for value in (1, True))
    exported(filled(database, numbered), tmp_path / "a")
    (tmp_path / "a" / "playbooks" / "one.json").write_text(json.dumps(flagged))
    policy = {**PACK, "severity_overrides": [{"when": when(1), "severity": "low"}]}
    packs.put_policy_pack(database, TENANT, policy, AUTHOR, utc_now())
    policy["severity_overrides"] = [{"when": when(True), "severity": "low"}]
    (tmp_path / "a" / "policy-pack.json").write_text(json.dumps(policy))
    found = imported(database, tmp_path / "a")
    assert (found["playbook One"], found["policy pack"]) == (NEW_VERSION, NEW_VERSION)
    assert _stored(database)[0].conditions["logic"]["==="][1] is True


def test_playbooks_that_are_missing_are_retired_only_when_asked(database: Database, tmp_path: Path):
    exported(filled(database, playbook("One"), playbook("Two")), tmp_path / "a")
    (tmp_path / "a" / "playbooks" / "one.json").unlink()
    assert "playbook One" not in imported(database, tmp_path / "a")
    assert imported(database, tmp_path / "a", retire_missing=True)["playbook One"] == RETIRED
    assert [each.name for each in _stored(database)] == ["Two"]


WRONG: dict[str, Callable[[Path], object]] = {
    "no JSON": lambda path: path.write_text('{"name": "Two",'),
    "a list": lambda path: path.write_text("[]"),
    "no name": lambda path: path.write_text('{"conditions": {"match": {}}, "steps": []}'),
    "a name twice": lambda path: path.write_text(json.dumps(playbook("One"))),
    "a misspelt predicate": lambda path: path.write_text(
        json.dumps({**playbook("Two"), "conditions": {"match": {"domian": "Ports"}}})
    ),
    "an unknown root": lambda path: path.write_text(json.dumps(playbook("Two", "For {nobody.at_all}"))),
}


@pytest.mark.parametrize("slip", WRONG)
def test_one_invalid_file_prevents_the_import_and_is_named(database: Database, tmp_path: Path, slip: str):
    source = tmp_path / "a"
    folder.write(source, folder.files_of(folder.Bundle(PACK, {"Ports": DOMAIN}, {"One": playbook("One")})))
    path = source / "playbooks" / "zz.json"
    WRONG[slip](path)
    with pytest.raises(folder.InvalidFolder) as refused:
        imported(database, source)
    assert list(refused.value.findings) == [path]
    assert all(finding.message for finding in refused.value.findings[path])
    assert _stored(database) == []
    with database.read(TENANT) as session:
        assert pack_store.newest_policy_pack(session) is None


def test_an_empty_folder_is_rejected(database: Database, tmp_path: Path):
    """As when the folder above was meant: it must not retire everything."""
    filled(database, playbook("Kept"))
    exported(database, tmp_path / "catalogue" / TENANT)
    with pytest.raises(folder.InvalidFolder) as refused:
        imported(database, tmp_path / "catalogue", retire_missing=True)
    assert list(refused.value.findings) == [tmp_path / "catalogue"]
    assert imported(database, tmp_path / "catalogue" / TENANT)["playbook Kept"] == UNCHANGED


REFUSED = {
    "a tenant that is none": (
        ["export", "out", "--tenant", "nobody", "--prune"],
        "Tenant 'nobody' does not exist.",
    ),
    "to verify none": (["verify", "--tenant", "nobody"], "Tenant 'nobody' does not exist."),
    "a file for a folder": (["export", "out/kept.json/x", "--tenant", TENANT], "out/kept.json/x: Not a directory"),
    "a name that is none": (["import", "out", "--tenant", "a b"], "a tenant id has 1 to 128"),
    "a person who is none": (
        ["import", "out", "--tenant", TENANT, "--as", "amina\n"],
        "an actor's id has 1 to 128",
    ),
}


def executor(database: Database, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, on this database and in this folder."""
    return subprocess.run(
        [Path(sys.executable).with_name("executor"), *arguments],
        cwd=folder,
        env={**os.environ, "SENTINAI_DATABASE_URL": database.engine.url.render_as_string(hide_password=False)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", REFUSED)
def test_refused_arguments_change_nothing(database: Database, tmp_path: Path, name: str):
    filled(database, playbook("Kept"))
    (tmp_path / "out").mkdir()
    kept = tmp_path / "out" / "kept.json"
    kept.write_text("{}")
    arguments, why = REFUSED[name]
    done = executor(database, tmp_path, *arguments)
    assert done.returncode == 2
    assert why in done.stderr
    assert "Traceback" not in done.stderr
    assert kept.exists()


@pytest.mark.parametrize(
    ("options", "actor"), [([], ("system", "import")), (["--as", "amina"], ("human", "amina"))], ids=str
)
def test_an_import_is_in_the_log_of_the_catalogue(
    database: Database, other: Database, tmp_path: Path, options: list[str], actor: tuple[str, str]
):
    exported(filled(database, playbook("One"), playbook("Two")), tmp_path / "a")
    command = ["import", "a", "--tenant", TENANT, "--domain-packs", "--retire-missing", *options]
    assert executor(other, tmp_path, *command).returncode == 0
    (tmp_path / "a" / "playbooks" / "two.json").unlink()
    assert executor(other, tmp_path, *command).returncode == 0
    with other.read(TENANT) as session:
        log = events.all_of(session, None)
    assert sorted(each.event_type for each in log) == [
        "DomainPackChanged",
        "PlaybookPublished",
        "PlaybookPublished",
        "PlaybookRetired",
        "PolicyPackChanged",
    ]
    assert {(each.actor_type, each.actor_id) for each in log} == {actor}
    assert log[-1].payload["playbook_name"] == "Two"


def test_a_domain_pack_that_others_share_is_not_changed_by_the_way(database: Database, tmp_path: Path):
    exported(filled(database, playbook("One")), tmp_path / "a")
    pack = {**DOMAIN, "exception_types": {"Berth Conflict": {}}}
    (tmp_path / "a" / "domain-pack.json").write_text(json.dumps(pack))
    source = folder.read(tmp_path / "a")
    with pytest.raises(folder.InvalidFolder):
        import_bundle(database, TENANT, source, AUTHOR, utc_now(), Options())
    assert imported(database, tmp_path / "a")["domain pack Ports"] == NEW_VERSION


def _stored(database: Database) -> list[Any]:
    with database.read(TENANT) as session:
        return sorted(playbook_store.newest_active_playbooks(session).values(), key=lambda each: each.name)


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).filter(str.strip)
BUNDLES = st.dictionaries(TEXTS, st.tuples(TEXTS, st.integers(-9, 9), st.none() | TEXTS), max_size=6)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BUNDLES)
def test_any_catalogue_survives_the_way_through_files(
    tmp_path_factory: pytest.TempPathFactory, bundle: dict[str, Any]
):
    home = tmp_path_factory.mktemp("round")
    documents = {}
    for name, (text, priority, description) in bundle.items():
        conditions = {"match": {"entity": text}, "priority": priority}
        given_description = {} if description is None else {"description": description}
        documents[name] = playbook(name, text.replace("{", "{{").replace("}", "}}"), **given_description)
        documents[name]["conditions"] = conditions
    wanted = folder.files_of(folder.Bundle(PACK, {"Ports": DOMAIN}, documents))
    folder.write(home / "a", wanted)
    database = Database(Settings(database_url=new_database("sqlite", home)))
    imported(database, home / "a")
    again = exported(database, home / "b")
    assert json.loads(again.pop("published.json", b"{}")).keys() == documents.keys()
    assert imported(database, home / "b") == dict.fromkeys(imported(database, home / "a"), UNCHANGED)
    assert {name: json.loads(text) for name, text in again.items()} == {
        name: json.loads(text) for name, text in wanted.items()
    }
    database.engine.dispose()


def test_the_commands_of_the_guide_do_what_it_says(tmp_path: Path):
    page = (ROOT / "docs" / "catalogue-as-code.md").read_text()
    commands = [line for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]
    key = tmp_path / "key"
    key.write_text(secrets.token_urlsafe(48))
    database_url = new_database("sqlite", tmp_path)
    environment = {
        **os.environ,
        "SENTINAI_DATABASE_URL": database_url,
        "SENTINAI_JWT_KEY_FILE": str(key),
        "SENTINAI_LOG_LEVEL": "WARNING",
    }
    shutil.copytree(ROOT / "deploy" / "demo" / "finance", tmp_path / "catalogue" / "finance")
    database = Database(Settings(database_url=database_url))
    source = folder.read(tmp_path / "catalogue" / "finance")
    import_bundle(database, "finance", source, AUTHOR, utc_now(), Options(domain_packs=True))
    database.engine.dispose()
    shutil.rmtree(tmp_path / "catalogue" / "finance" / "playbooks")
    outputs = []
    for command in commands:
        program, *arguments = shlex.split(command)
        done = subprocess.run(
            [Path(sys.executable).with_name(program), *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        outputs.append(done.stdout + done.stderr)
    assert len(commands) == 6
    assert "Wrote 25 files" in outputs[0]
    assert "0 new, 0 new version, 0 retired, 24 unchanged. Dry run: nothing was stored." in outputs[1]
    assert "0 new, 0 new version, 0 retired, 24 unchanged." in outputs[2]
