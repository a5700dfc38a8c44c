"""Files of heads: what ``verify`` finds by itself, what with a file kept elsewhere, and what nothing finds."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.progress import Progress
from tests.support.databases import copy_of
from tests.support.forgeries import NEITHER, VERIFY, WAYS, Anchored, Forger, Way, anchored, other_words
from tests.support.processes import ROOT, environment_of
from tests.support.tampering import raw

from executor.store import tenants
from executor.verification import heads
from executor.verification.heads import InvalidHeads
from executor.verification.report import Report
from executor.verification.verify import verify
from sentinai.database.engine import Database
from sentinai.settings import Settings

__all__ = ["anchored"]


def compared(at: Anchored, folder: Path, way: Way | None = None) -> tuple[Report, Report]:
    """What is found in a copy of the database after a forgery: without the file of heads, and with it."""
    url = copy_of(at.url, folder)
    if way is not None:
        with raw(url, at.tenant_id) as connection:
            way(Forger(connection, at))
    database = Database(replace(at.settings, database_url=url))
    with Progress(disable=True) as progress:
        found = verify(database, None, progress), verify(database, None, progress, None, heads.read(at.file))
    database.engine.dispose()
    return found


def test_what_was_done_since_is_no_fault(anchored: Anchored, tmp_path: Path):
    alone, with_file = compared(anchored, tmp_path)
    assert (alone.faults, with_file.faults) == ([], [])
    assert with_file.against is not None
    assert with_file.against.path == anchored.file


@pytest.mark.parametrize("way", WAYS)
def test_who_finds_a_forgery(anchored: Anchored, tmp_path: Path, way: str):
    forge, finder = WAYS[way]
    alone, with_file = compared(anchored, tmp_path, forge)
    assert (not alone.valid, not with_file.valid) == (finder == VERIFY, finder != NEITHER), with_file.to_json()


CODES = {
    "an exception deleted with its log": {("exception", "log_cut")},
    "the end of a log deleted, and the row refitted": {("exception", "log_cut")},
    "an event changed, and all hashes": {("exception", "head_changed")},
    "an event of long ago added, and the row refitted": {("exception", "backdated_events")},
    "an exception of long ago made up": {("exception", "backdated")},
    "a retirement undone, with its event": {("catalogue_log", "head_changed"), ("playbook", "head_status")},
    "the log of the catalogue emptied": {("catalogue_log", "log_cut"), ("policy_pack", "head_changed")},
    "a tenant deleted with everything": {("tenant", "head_missing")},
}


@pytest.mark.parametrize("way", CODES)
def test_a_forgery_is_named_for_what_it_is(anchored: Anchored, tmp_path: Path, way: str):
    forge, _ = WAYS[way]
    _, with_file = compared(anchored, tmp_path, forge)
    assert {(each.kind, each.code) for each in with_file.faults} == CODES[way]


def test_the_table_in_the_docs_is_of_these_forgeries():
    page = (ROOT / "docs" / "security.md").read_text()
    rows = re.findall(r"^\| (.+?) \| (`verify`|`--against`|neither) \|$", page, re.MULTILINE)
    assert rows == [(way, finder) for way, (_, finder) in WAYS.items()]


def command(settings: Settings, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """``executor verify`` in a folder."""
    return subprocess.run(
        [Path(sys.executable).with_name("executor"), "verify", *options],
        cwd=folder,
        env={**os.environ, **environment_of(settings), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_writes_heads_and_compares_with_them(anchored: Anchored, tmp_path: Path):
    settings = replace(anchored.settings, database_url=copy_of(anchored.url, tmp_path))
    made = command(settings, tmp_path, "--export-heads", "monday.jsonl")
    assert made.returncode == 0
    last = json.loads((tmp_path / "monday.jsonl").read_text().splitlines()[-1])
    assert f"Wrote monday.jsonl, SHA-256 {last['sha256']}." in made.stdout
    both = ("--against", "monday.jsonl", "--export-heads", "tuesday.jsonl")
    report = json.loads(command(settings, tmp_path, *both, "--json").stdout)
    assert report["valid"]
    assert report["against"] == {"file": "monday.jsonl", "sha256": last["sha256"]}
    assert report["heads"]["file"] == "tuesday.jsonl"
    with raw(settings.database_url, anchored.tenant_id) as connection:
        Forger(connection, anchored).log(other_words)
    found = command(settings, tmp_path, "--against", "monday.jsonl", "--export-heads", "wednesday.jsonl")
    assert found.returncode == 1
    [line] = [line for line in found.stdout.splitlines() if anchored.exception_id in line]
    assert "is not what it was when the file of heads was written" in line
    assert {path.name for path in tmp_path.glob("*.jsonl*")} == {"monday.jsonl", "tuesday.jsonl"}
    assert command(settings, tmp_path, "--export-heads", "thursday.jsonl").returncode == 0


def test_heads_of_one_tenant_are_of_no_other(anchored: Anchored, tmp_path: Path):
    settings = replace(anchored.settings, database_url=copy_of(anchored.url, tmp_path))
    database = Database(settings)
    database.write("harbour", lambda session: tenants.ensure_tenant(session, "harbour"))
    database.engine.dispose()
    made = command(settings, tmp_path, "--tenant", anchored.tenant_id, "--export-heads", "one.jsonl")
    assert made.returncode == 0
    refused = command(settings, tmp_path, "--tenant", "harbour", "--against", "one.jsonl")
    assert (refused.returncode, "has no heads of tenant 'harbour'" in refused.stderr) == (2, True)
    assert f"({anchored.tenant_id}, 2" in command(settings, tmp_path, "--against", "one.jsonl").stdout


def test_an_interrupted_export_goes_on_where_it_was(anchored: Anchored, tmp_path: Path):
    settings = replace(anchored.settings, database_url=copy_of(anchored.url, tmp_path))
    assert command(settings, tmp_path, "--export-heads", "whole.jsonl").returncode == 0
    lines = (tmp_path / "whole.jsonl").read_bytes().splitlines(keepends=True)
    first = next(at for at, line in enumerate(lines) if b'"kind":"exception"' in line)
    for kept in (1, first, first + 1, first + 2):
        part = tmp_path / "again.jsonl.part"
        part.write_bytes(b"".join(lines[:kept]) + lines[kept][:20])  # the last line was torn
        done = command(settings, tmp_path, "--export-heads", "again.jsonl")
        assert done.returncode == 0, done.stderr
        assert ("goes on after" in done.stderr) == (kept > first)
        again = (tmp_path / "again.jsonl").read_bytes().splitlines(keepends=True)
        assert again[1:-1] == lines[1:-1]
        heads.read(tmp_path / "again.jsonl")
        assert not part.exists()


BROKEN: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str]] = {
    "nothing": (lambda _: [], "the end is missing"),
    "no end": (lambda lines: lines[:-1], "the end is missing"),
    "a line less": (lambda lines: [*lines[:2], *lines[3:]], "not as it was written"),
    "a line twice": (lambda lines: [*lines[:2], *lines[1:]], "not as it was written"),
    "another hash": (
        lambda lines: [*lines[:-2], lines[-2][:-8] + b'00000"}\n', lines[-1]],
        "not as it was written",
    ),
    "no header": (lambda lines: lines[1:], "line 1: this is not"),
    "two headers": (lambda lines: [lines[0], *lines], "line 2: this is not"),
    "more after the end": (lambda lines: [*lines, lines[1]], "after the end"),
    "no JSON": (lambda lines: [*lines[:3], b"{\n", *lines[3:]], "line 4: this is not"),
    "other JSON": (lambda lines: [*lines[:3], b"[1]\n", *lines[3:]], "line 4: this is not"),
    "another kind": (lambda lines: [*lines[:3], b'{"kind": "odd"}\n', *lines[3:]], "line 4: this is not"),
    "no text": (lambda lines: [lines[0], b"\xff\xfe\n", *lines[1:]], "line 2: this is not"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_is_not_as_it_was_written_is_refused(anchored: Anchored, tmp_path: Path, name: str):
    break_it, why = BROKEN[name]
    file = tmp_path / "heads.jsonl"
    file.write_bytes(b"".join(break_it(anchored.file.read_bytes().splitlines(keepends=True))))
    with pytest.raises(InvalidHeads, match=why):
        heads.read(file)
    done = command(anchored.settings, tmp_path, "--against", "heads.jsonl")
    assert (done.returncode, why in done.stderr, "Traceback" in done.stderr) == (2, True, False)


def test_a_file_that_cannot_be_read_or_written_is_named(anchored: Anchored, tmp_path: Path):
    absent = command(anchored.settings, tmp_path, "--against", "absent.jsonl")
    assert (absent.returncode, "absent.jsonl: No such file" in absent.stderr) == (2, True)
    nowhere = command(anchored.settings, tmp_path, "--export-heads", "no/heads.jsonl")
    assert (nowhere.returncode, "No such file" in nowhere.stderr) == (2, True)


def test_the_file_is_for_its_owner_only(anchored: Anchored):
    assert anchored.file.stat().st_mode & 0o077 == 0
