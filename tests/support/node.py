"""Programs from npm, as make installs them in tests/node."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_PROGRAMS = Path(__file__).parents[1] / "node" / "node_modules" / ".bin"
_ENVIRONMENT = {
    "CI": "true",
    "NO_COLOR": "1",
    "REDOCLY_TELEMETRY": "off",
    "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true",
}


def run_npm_program(name: str, *arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program of an installed npm package in a folder; returns its exit status and output."""
    program = _PROGRAMS / name
    assert program.exists(), f"{name} is not installed; run make tests/node/node_modules/.package-lock.json"
    node = Path(sys.executable).with_name("node")
    return subprocess.run(
        [node, program, *arguments],
        cwd=folder,
        env={**os.environ, **_ENVIRONMENT},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
