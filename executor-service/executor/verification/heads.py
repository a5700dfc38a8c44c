"""Files of heads: what a database held when it was verified, to be kept where its administrators cannot write.

JSON lines: a header; the Domain Packs; for each tenant the head of its catalogue's log, its packs, its playbooks
and the head of each exception's log; and a last line with the SHA-256 of all lines before it. A head is the
``seq`` and the hash of the last event: the hash covers the whole log up to there.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from executor.domain.hash_chain import GENESIS
from executor.domain.model import ExceptionRecord
from executor.store.packs import DomainPackVersion
from executor.verification.catalogue import Catalogue
from sentinai.clock import format_time, parse_time
from sentinai.documents.schemas import check

Line = dict[str, Any]
_FORMAT = 1


class InvalidHeads(Exception):
    """A file of heads is not as it was written; the message says where."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an export that was interrupted goes on: after this exception."""

    tenant_id: str
    exception_id: str


class HeadsFile:
    """A file of heads while it is written, under another name until it is complete.

    An export that was interrupted goes on where it was; ``resumed`` says where that is.

    Raises:
        OSError: the file cannot be written.
    """

    def __init__(self, path: Path, tenants: Sequence[str] | None, now: datetime) -> None:
        self.path = path
        self._part = path.with_name(f"{path.name}.part")
        self._tenants = None if tenants is None else list(tenants)
        self._digest, self._lines, size, self.resumed = self._interrupted()
        self._file = os.fdopen(os.open(self._part, os.O_WRONLY | os.O_CREAT, 0o600), "wb")
        self._file.truncate(size)
        self._file.seek(size)
        if not self.resumed:
            self._write("heads", format=_FORMAT, created_at=format_time(now), tenants=self._tenants)

    def _interrupted(self) -> tuple[Any, int, int, Place | None]:
        """Digest, lines, bytes and place of what an interrupted export of the same tenants has for certain."""
        digest, size = hashlib.sha256(), 0
        kept: tuple[Any, int, int, Place | None] = (hashlib.sha256(), 0, 0, None)
        if not self._part.exists():
            return kept
        with self._part.open("rb") as file:
            for lines, raw in enumerate(file, 1):
                line = _parsed(raw)
                if line is None or (lines == 1 and line.get("tenants") != self._tenants):
                    break
                digest.update(raw)
                size += len(raw)
                if line["kind"] == "exception":
                    place = Place(line["tenant_id"], line["exception_id"])
                    kept = (digest.copy(), lines, size, place)
        return kept

    def resumes_after(self, tenant_id: str) -> str | None:
        """The exception after which a tenant is to be written: empty for all of it; None if it has been."""
        if self.resumed is None or self.resumed.tenant_id < tenant_id:
            return ""
        return self.resumed.exception_id if self.resumed.tenant_id == tenant_id else None

    def write_domain_packs(self, digests: Mapping[DomainPackVersion, str | None]) -> None:
        """Add every version of every Domain Pack. To be written first."""
        for (domain, version), sha256 in digests.items():
            self._write("domain_pack", domain=domain, version=version, sha256=sha256)

    def write_catalogue(self, stored: Catalogue) -> None:
        """Add a tenant's catalogue, before its exceptions."""
        tenant_id, last = stored.tenant_id, stored.log[-1] if stored.log else None
        self._write(
            "tenant", tenant_id=tenant_id, seq=last.seq if last else 0, hash=last.hash if last else GENESIS
        )
        for version, sha256 in stored.policy_packs.items():
            self._write("policy_pack", tenant_id=tenant_id, version=version, sha256=sha256)
        for playbook_id, sha256 in stored.playbooks.items():
            status = stored.statuses[playbook_id]
            self._write("playbook", tenant_id=tenant_id, playbook_id=playbook_id, sha256=sha256, status=status)

    def write_exception(self, record: ExceptionRecord) -> None:
        """Add the head of an exception's log."""
        self._write(
            "exception",
            tenant_id=record.tenant_id,
            exception_id=record.exception_id,
            seq=record.event_seq,
            hash=record.event_hash,
        )

    def _write(self, kind: str, **members: Any) -> None:
        raw = orjson.dumps({"kind": kind, **members}, option=orjson.OPT_APPEND_NEWLINE)
        self._file.write(raw)
        self._digest.update(raw)
        self._lines += 1

    def finish(self) -> str:
        """Complete the file and give it its name; the SHA-256 by which it can be recognised."""
        sha256 = str(self._digest.hexdigest())
        self._write("end", lines=self._lines, sha256=sha256)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.replace(self.path)
        return sha256

    def discard(self) -> None:
        """Leave nothing: something is wrong with the database."""
        self._file.close()
        self._part.unlink()


@dataclass(frozen=True, slots=True)
class Heads:
    """A complete file of heads; ``tenants`` is None for all that there were."""

    path: Path
    created_at: datetime
    tenants: Sequence[str] | None
    sha256: str

    def lines(self) -> Iterator[Line]:
        """Its lines but for the first and the last."""
        with self.path.open("rb") as file:
            for raw in file:
                line = _parsed(raw)
                if line is None:
                    raise InvalidHeads(f"{self.path} was changed while it was read.")
                if line["kind"] not in ("heads", "end"):
                    yield line


def read(path: Path) -> Heads:
    """Read a file of heads, and check that it is whole.

    Raises:
        InvalidHeads: it is not.
        OSError: it cannot be read.
    """
    digest, header, line, number = hashlib.sha256(), None, None, 0
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            if line is not None and line["kind"] == "end":
                raise InvalidHeads(f"{path}, line {number}: there is something after the end.")
            line = _parsed(raw)
            if line is None or (line["kind"] == "heads") != (number == 1):
                raise InvalidHeads(f"{path}, line {number}: this is not a line of a file of heads.")
            header = header or line
            if line["kind"] != "end":
                digest.update(raw)
    if header is None or line is None or line["kind"] != "end":
        raise InvalidHeads(f"{path}: the end is missing.")
    if (line["lines"], line["sha256"]) != (number - 1, digest.hexdigest()):
        raise InvalidHeads(f"{path}: it is not as it was written: the SHA-256 at its end is another.")
    return Heads(path, parse_time(header["created_at"]), header["tenants"], line["sha256"])


def _parsed(raw: bytes) -> Line | None:
    """A line; None if it is torn or is none."""
    try:
        line = orjson.loads(raw) if raw.endswith(b"\n") else None
    except orjson.JSONDecodeError:
        return None
    return line if not check("heads-line", line) else None
