"""``make run``: create what is missing, start both services and the worker, and print where to go next.

Everything it creates is in ``var/``. SENTINAI_ variables that are already set take precedence.
"""

from __future__ import annotations

import os
import secrets
import shlex
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import requests
from honcho.environ import parse_procfile
from honcho.manager import Manager
from honcho.printer import Printer

from executor.store.tenants import tenant_ids
from sentinai import settings as sentinai_settings
from sentinai.database.engine import Database
from sentinai.identity import TokenVerifier
from sentinai.settings import Settings, SettingsError, variable

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "deploy" / "demo"
TENANTS = ("finance", "healthcare")
_READY_SECONDS = 60
_INTERRUPTED = 130
"""The exit code by which honcho reports Ctrl-C."""
_SHOW_CURSOR = "\033[?25h"
"""Undoes what a progress bar that was terminated leaves behind."""


class _CommandError(Exception):
    """A command beside the services failed; it has said why."""


class _Manager(Manager):
    """The services and the worker, and the commands that run beside them for a moment."""

    def __init__(self) -> None:
        super().__init__(Printer(prefix=True))
        self._commands: list[subprocess.Popen[str]] = []

    def run(self, *command: str) -> str:
        """Run a command to its end; its output. Raises _CommandError if it fails."""
        # In a session of its own: at Ctrl-C it would print a traceback.
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        self._commands.append(process)
        try:
            output, _ = process.communicate()
        finally:
            process.terminate()
        if process.returncode:
            raise _CommandError(f"{' '.join(command)} failed; see above.")
        return output.strip()

    def terminate(self) -> None:
        """Stop the commands first: without the services they would report errors."""
        for process in self._commands:
            process.terminate()
            process.wait()
        if sys.stdout.isatty():
            print(_SHOW_CURSOR, end="", flush=True)
        super().terminate()


def main() -> None:
    """Prepare, start, and wait for Ctrl-C or for a process to stop."""
    os.chdir(ROOT)
    os.umask(0o077)  # What this and its processes create, in var/ above all, is for this user only.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    try:
        settings = _prepare()
    except SettingsError as error:
        sys.exit(f"Invalid settings: {error}")
    except OSError as error:
        sys.exit(f"Cannot create {error.filename} ({error.strerror}). make run keeps its key and data there.")
    _require_free(settings.bind_host, settings.matcher_port, settings.executor_port)
    manager = _Manager()
    try:
        manager.run("executor", "migrate")
    except _CommandError as error:
        sys.exit(str(error))
    for name, command in parse_procfile((ROOT / "deploy" / "Procfile").read_text()).processes.items():
        manager.add_process(name, command, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    threading.Thread(target=_when_ready, args=(manager, settings), daemon=True).start()
    manager.loop()
    # Ctrl-C is how one stops it: with another code, make would report an error.
    sys.exit(0 if manager.returncode == _INTERRUPTED else manager.returncode)


def _prepare() -> Settings:
    """The settings, with a generated signing key and local URLs where none are given."""
    chosen = sentinai_settings.load()
    var = ROOT / "var"
    var.mkdir(exist_ok=True)
    var.chmod(0o700)
    key = var / "signing.key"
    if not chosen.jwt_key_file and not chosen.jwt_public_key_file:
        _create_key(key)
        os.environ["SENTINAI_JWT_KEY_FILE"] = str(key)
    os.environ.setdefault("SENTINAI_MATCHER_URL", f"http://127.0.0.1:{chosen.matcher_port}")
    os.environ.setdefault("SENTINAI_EXECUTOR_URL", f"http://127.0.0.1:{chosen.executor_port}")
    # The terminal shows warnings and errors only; SENTINAI_LOG_LEVEL=INFO logs every request.
    os.environ.setdefault("SENTINAI_LOG_LEVEL", "WARNING")
    settings = sentinai_settings.load()
    for name in ("bind_host", "matcher_port", "executor_port"):
        os.environ[variable(Settings.__dataclass_fields__[name])] = str(getattr(settings, name))
    TokenVerifier(settings)  # Reports an unusable key here, once, instead of in each process.
    return settings


def _create_key(path: Path) -> None:
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48))


def _require_free(host: str, *ports: int) -> None:
    if len(set(ports)) < len(ports):
        sys.exit("SENTINAI_MATCHER_PORT and SENTINAI_EXECUTOR_PORT must be different.")
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                sys.exit(
                    f"Port {port} on {host} cannot be used ({error.strerror}). Stop the process that uses it, or "
                    "choose other ports with SENTINAI_MATCHER_PORT and SENTINAI_EXECUTOR_PORT."
                )


def _when_ready(manager: _Manager, settings: Settings) -> None:
    """Once both services are ready, load the demo data into an empty database and print the links."""
    if not all(_is_ready(url) for url in (settings.matcher_url, settings.executor_url)):
        print("The services did not become ready; see their output above.", file=sys.stderr)
        return
    try:
        _load_demo(manager, settings)
        print(_welcome(manager, settings), flush=True)
    except _CommandError as error:
        print(f"{error} To go on with it: Ctrl-C, then make run.", file=sys.stderr, flush=True)


def _load_demo(manager: _Manager, settings: Settings) -> None:
    """Load the demo data once. A load that was interrupted is resumed: seeding skips what already exists."""
    unfinished = ROOT / "var" / "demo-unfinished"
    if tenant_ids(Database(settings)) and not unfinished.exists():
        return
    unfinished.touch()
    print("Loading the demo data ...", flush=True)
    manager.run("executor", "seed", str(DEMO))
    unfinished.unlink()


def _is_ready(url: str) -> bool:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        try:
            if requests.get(f"{url}/readyz", timeout=2).ok:
                return True
        except requests.RequestException:
            pass
        time.sleep(0.3)
    return False


def _welcome(manager: _Manager, settings: Settings) -> str:
    sign_in = ("executor", "token", "--console", "--subject", "alex", "--tenant")
    links = "\n".join(f"    {tenant:<11} {manager.run(*sign_in, tenant)}" for tenant in TENANTS)
    return f"""
SentinAI is running.

  Console sign-in links (each works once, for 15 minutes):
{links}

  Rule workbench   {settings.matcher_url}/workbench   (after you have signed in to the console)
  API              {settings.executor_url}/docs   and   {settings.matcher_url}/docs

  In another terminal, in this folder, try:
    export SENTINAI_JWT_KEY_FILE={shlex.quote(settings.jwt_key_file)}
    TOKEN=$(.venv/bin/executor token --tenant finance --subject alex)
    curl -s -H "Authorization: Bearer $TOKEN" '{settings.executor_url}/api/exceptions?sort=sla&limit=3'

  Press Ctrl-C to stop; the data is kept in var/.
"""


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(0)
