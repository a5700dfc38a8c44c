"""Installing what the tests drive and pip does not bring."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping


def apt_install(package: str) -> str | None:
    """Install a package of the system's where that may be done. None when done, or why not."""
    if not shutil.which("apt-get") or os.geteuid() != 0:
        return f"without root apt-get cannot install {package}"
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ("apt-get", "install", "-qq", "--no-install-recommends", package)
    runs("apt-get", "update", "-qq", environment=environment)
    return None if runs(*command, environment=environment) else f"apt-get could not install {package}"


def runs(*command: str, environment: Mapping[str, str] | None = None) -> bool:
    """Whether a command can be run, and ends well."""
    try:
        done = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=600)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
