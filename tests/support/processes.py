"""Real processes: services under gunicorn on free ports, waited for, stopped, or killed."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import requests

from sentinai.settings import Settings, variable

ROOT = Path(__file__).parents[2]
_PATIENCE_SECONDS = 40


def free_port() -> int:
    """A port of the loopback address that nothing uses now.

    Not one that the system gives to outgoing connections: another test's could take it before it is used.
    """
    while True:
        port = 16_000 + secrets.randbelow(16_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def until(reached: Callable[[], Any]) -> None:
    """Wait for something that other processes bring about; fails when it takes far too long."""
    end = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


def environment_of(settings: Settings) -> dict[str, str]:
    """The variables by which a process has the same settings."""
    return {variable(field): str(getattr(settings, field.name)) for field in fields(Settings)}


def bound_by_permissions() -> list[str]:
    """A prefix for a command: root may not write what its permissions forbid either, as nobody else may."""
    return ["setpriv", "--bounding-set", "-dac_override"] if os.geteuid() == 0 else []


def children(pid: int) -> list[int]:
    """The process ids of the processes that it started and that have not been waited for."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []  # It has ended.


def descendants(pid: int) -> dict[int, str]:
    """The command lines of all processes that it started, directly or not, by process id."""
    found: dict[int, str] = {}
    for child in children(pid):
        with suppress(OSError):
            found[child] = Path(f"/proc/{child}/cmdline").read_text().rstrip("\0").replace("\0", " ")
        found |= descendants(child)
    return found


class Worker:
    """``executor worker`` in a process of its own."""

    def __init__(self, settings: Settings, log: Path, prefix: Sequence[str] = ()) -> None:
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [*prefix, Path(sys.executable).with_name("executor"), "worker"],
                env={**os.environ, **environment_of(settings), "SENTINAI_LOG_LEVEL": "INFO"},
                stdout=output,
                stderr=output,
            )

    def wait(self) -> None:
        """Wait until it is at work."""
        until(lambda: "worker_started" in self.log.read_text())

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def stop(self) -> int:
        """Once it is at work, ask it to stop, and wait until it has; its exit code."""
        self.wait()
        self.process.terminate()
        return self.process.wait(_PATIENCE_SECONDS)

    def kill(self) -> None:
        """Kill it outright, if it is still there."""
        self.process.kill()
        self.process.wait()


class Served:
    """A service under gunicorn; ``url`` is where it answers."""

    def __init__(
        self, name: str, port: int, environment: Mapping[str, str], log: Path, prefix: Sequence[str] = ()
    ) -> None:
        self.name = name
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        command = [*prefix, sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py"]
        command += ["--bind", f"127.0.0.1:{port}", f"{name}.app:create_app()"]
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, **environment}, stdout=output, stderr=output
            )

    def wait(self, path: str = "/healthz") -> None:
        """Wait until it answers; fails with the end of its log if it does not."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            try:
                if requests.get(self.url + path, timeout=2).ok:
                    return
            except requests.RequestException:
                pass
            time.sleep(0.05)
        raise AssertionError(f"{self.name} did not answer:\n{self.log.read_text()[-3000:]}")

    def workers(self) -> list[int]:
        """The process ids of its workers."""
        return children(self.process.pid)

    def kill_worker(self, index: int = 0) -> int | None:
        """Kill one worker outright (SIGKILL); gunicorn starts another. None when there is none just now."""
        workers = self.workers()
        if not workers:
            return None
        pid = workers[index % len(workers)]
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return None  # one that was killed before, and was only now forgotten
        return pid

    def kill(self) -> None:
        """Kill all of it outright: first what would restart workers, then the workers."""
        workers = self.workers()
        self.process.kill()
        self.process.wait()
        for pid in workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to stop, and wait until it has."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=35)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
