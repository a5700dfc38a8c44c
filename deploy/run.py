"""What ``make run`` does: prepares what is missing, starts the pair and its worker, and says where to go.

Everything it makes stands in ``var/``. Any SENTINAI_ variable that is set already is honoured.
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
_PATIENCE_SECONDS = 60


def main() -> None:
    """Prepare, start, and stay until Ctrl-C or until a part stops."""
    os.chdir(ROOT)
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    try:
        settings = _prepare()
    except SettingsError as error:
        sys.exit(f"These settings cannot be run with: {error}")
    except OSError as error:
        sys.exit(f"{error.filename} cannot be made ({error.strerror}). make run keeps its key and data there.")
    _require_free(settings.bind_host, settings.matcher_port, settings.executor_port)
    _run("executor", "migrate")
    manager = Manager(Printer(prefix=True))
    for name, command in parse_procfile((ROOT / "deploy" / "Procfile").read_text()).processes.items():
        manager.add_process(name, command, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    threading.Thread(target=_when_ready, args=(settings,), daemon=True).start()
    manager.loop()
    sys.exit(manager.returncode)


def _prepare() -> Settings:
    """The settings, with a signing key and addresses of its own where none are given."""
    chosen = sentinai_settings.load()
    key = ROOT / "var" / "signing.key"
    if not chosen.jwt_key_file and not chosen.jwt_public_key_file:
        _make_key(key)
        os.environ["SENTINAI_JWT_KEY_FILE"] = str(key)
    os.environ.setdefault("SENTINAI_MATCHER_URL", f"http://127.0.0.1:{chosen.matcher_port}")
    os.environ.setdefault("SENTINAI_EXECUTOR_URL", f"http://127.0.0.1:{chosen.executor_port}")
    # A terminal is for people: what went wrong, and where to go. Say INFO to see every request.
    os.environ.setdefault("SENTINAI_LOG_LEVEL", "WARNING")
    settings = sentinai_settings.load()
    for name in ("bind_host", "matcher_port", "executor_port"):
        os.environ[variable(Settings.__dataclass_fields__[name])] = str(getattr(settings, name))
    TokenVerifier(settings)  # Without a key that can be used nothing would start; it says so in one line.
    return settings


def _make_key(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48))


def _require_free(host: str, *ports: int) -> None:
    if len(set(ports)) < len(ports):
        sys.exit("SENTINAI_MATCHER_PORT and SENTINAI_EXECUTOR_PORT must be two ports.")
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                sys.exit(
                    f"Port {port} on {host} cannot be used ({error.strerror}). Stop what uses it, or choose "
                    "others: SENTINAI_MATCHER_PORT and SENTINAI_EXECUTOR_PORT."
                )


def _run(*command: str) -> str:
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed; see above.")
    return done.stdout.strip()


def _when_ready(settings: Settings) -> None:
    """Once both services answer, load the demo data into an empty database and say where to go."""
    if not all(_is_ready(url) for url in (settings.matcher_url, settings.executor_url)):
        print("The services did not become ready; see what they say above.", file=sys.stderr)
        return
    _load_demo(settings)
    print(_welcome(settings), flush=True)


def _load_demo(settings: Settings) -> None:
    """Once. What was cut off, by Ctrl-C say, is taken up again: loading leaves alone what stands."""
    unfinished = ROOT / "var" / "demo-unfinished"
    if tenant_ids(Database(settings)) and not unfinished.exists():
        return
    unfinished.parent.mkdir(exist_ok=True)
    unfinished.touch()
    print("Loading the demo data ...", flush=True)
    _run("executor", "seed", str(DEMO))
    unfinished.unlink()


def _is_ready(url: str) -> bool:
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until:
        try:
            if requests.get(f"{url}/readyz", timeout=2).ok:
                return True
        except requests.RequestException:
            pass
        time.sleep(0.3)
    return False


def _welcome(settings: Settings) -> str:
    links = "\n".join(
        f"    {tenant:<11} {_run('executor', 'token', '--tenant', tenant, '--subject', 'alex', '--console')}"
        for tenant in TENANTS
    )
    return f"""
SentinAI is running.

  Console, signed in by a link that works once, within a quarter of an hour:
{links}

  Rule workbench   {settings.matcher_url}/workbench   (once signed in to the console)
  API              {settings.executor_url}/docs   and   {settings.matcher_url}/docs

  Try, in another terminal, in this folder:
    export SENTINAI_JWT_KEY_FILE={shlex.quote(settings.jwt_key_file)}
    TOKEN=$(.venv/bin/executor token --tenant finance --subject alex)
    curl -s -H "Authorization: Bearer $TOKEN" '{settings.executor_url}/api/exceptions?sort=sla&limit=3'

  Ctrl-C stops everything; the data stays in var/.
"""


if __name__ == "__main__":
    main()
