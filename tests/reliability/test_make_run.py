"""``make run`` as a new user meets it: nothing alarming is printed, and Ctrl-C ends it quietly."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from tests.support.processes import ROOT, descendants, free_port, until

_READY = "Press Ctrl-C to stop"


class MakeRun:
    """``make run`` in a process group of its own, like a terminal's foreground job."""

    def __init__(self, folder: Path) -> None:
        shutil.copytree(ROOT / "deploy", folder / "deploy", ignore=shutil.ignore_patterns("__pycache__"))
        self.port = free_port()
        self.log = folder / "output.log"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SENTINAI_")}
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                ["make", "-f", ROOT / "Makefile", f"VENV={sys.prefix}", "-o", f"{sys.prefix}/.runtime", "run"],
                cwd=folder,
                env={
                    **inherited,
                    # Creating a folder in it fails, as in the home of a user who has none.
                    "HOME": "/dev/null",
                    "SENTINAI_MATCHER_PORT": str(free_port()),
                    "SENTINAI_EXECUTOR_PORT": str(self.port),
                    "SENTINAI_OWNER_PASSWORD": "documented, but not a setting",
                },
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def output(self) -> str:
        return self.log.read_text()

    def wait_until_ready(self) -> None:
        """Wait until it has loaded the demo data and says so; fails with its output if it does not."""
        try:
            until(lambda: _READY in self.output() or self.process.poll() is not None)
        except AssertionError:
            raise AssertionError(f"not ready:\n{self.output()}") from None
        assert _READY in self.output(), self.output()

    def worker(self) -> int | None:
        """The process id of its worker, if it has one just now."""
        started = descendants(self.process.pid).items()
        return next((pid for pid, command in started if command.endswith("/executor worker")), None)

    def wait_for_worker(self) -> int:
        """Wait until it has a worker; its process id. Fails with all its processes if it gets none."""
        try:
            until(lambda: self.worker() is not None)
        except AssertionError:
            raise AssertionError(f"{descendants(self.process.pid)}\n{self.output()}") from None
        pid = self.worker()
        assert pid is not None
        return pid

    def press_ctrl_c(self) -> int:
        """Interrupt the process group as a terminal does; the exit code of ``make``."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(60)


@pytest.fixture
def make_run(tmp_path: Path) -> Iterator[MakeRun]:
    running = MakeRun(tmp_path)
    yield running
    if running.process.poll() is None:
        running.press_ctrl_c()


def test_the_first_run_prints_no_warning_and_ctrl_c_no_error(make_run: MakeRun) -> None:
    make_run.wait_until_ready()
    assert '"level"' not in make_run.output(), "only warnings and errors are logged, and there should be none"

    # make passes the interrupt on to its caller, or was told of the clean exit before it noticed the interrupt.
    assert make_run.press_ctrl_c() in (0, -signal.SIGINT)
    assert "Error" not in make_run.output()
    assert "Traceback" not in make_run.output()
    assert make_run.output().count("stopped (rc=0)") == 3
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{make_run.port}/healthz", timeout=2)


def test_the_death_of_the_worker_stops_nothing_and_it_is_started_again(make_run: MakeRun) -> None:
    make_run.wait_until_ready()
    first = make_run.wait_for_worker()
    os.kill(first, signal.SIGKILL)
    until(lambda: make_run.worker() != first)
    make_run.wait_for_worker()
    assert requests.get(f"http://127.0.0.1:{make_run.port}/healthz", timeout=10).ok
    assert make_run.process.poll() is None


def test_ctrl_c_during_the_start_prints_no_error_either(make_run: MakeRun) -> None:
    until(lambda: "Loading the demo data" in make_run.output())
    make_run.press_ctrl_c()
    assert "Error" not in make_run.output()
    assert "Traceback" not in make_run.output()
