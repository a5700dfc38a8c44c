"""PgBouncer in transaction mode, before a PostgreSQL on a Unix socket. As a command, installs one."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from sqlalchemy import make_url
from tests.support.installing import apt_install
from tests.support.processes import free_port, until

_CONFIGURATION = """
[databases]
* = host={host} dbname={database} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
"""


def executable() -> str | None:
    """The path of PgBouncer on this machine; None where there is none."""
    return shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")


class PgBouncer:
    """``url`` is the database of the given URL, by way of PgBouncer."""

    def __init__(self, database_url: str, folder: Path) -> None:
        url = make_url(database_url)
        port = free_port()
        self.url = url.set(host="127.0.0.1", port=port, query={}).render_as_string(hide_password=False)
        self._socket = Path(str(url.query["host"])) / ".s.PGSQL.5432"
        self._log = folder / "pgbouncer.log"
        self._log.touch()
        self._configuration = folder / "pgbouncer.ini"
        self._configuration.write_text(
            _CONFIGURATION.format(host=self._socket.parent, port=port, database=url.database, user=url.username)
        )

    def __enter__(self) -> PgBouncer:
        # It refuses to run as root; PostgreSQL's own user may use the socket.
        owner = self._socket.stat()
        user: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
        with self._log.open("ab") as output, self._configuration.open("rb") as configuration:
            command = [str(executable()), "/dev/stdin"]
            self._process = subprocess.Popen(command, stdin=configuration, stdout=output, stderr=output, **user)
        until(lambda: "process up" in self._log.read_text() or self._process.poll() is not None)
        assert self._process.poll() is None, self._log.read_text()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)


if __name__ == "__main__":
    trouble = None if executable() else apt_install("pgbouncer")
    print(f"Tests with PgBouncer will be skipped: {trouble}." if trouble else f"PgBouncer: {executable()}")
