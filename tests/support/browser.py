"""A browser for the tests: one that is there, or one that can be installed. As a command, installs one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


@cache
def executable() -> str | None:
    """The path of a Chromium on this machine, Playwright's own or the system's; None where there is none."""
    for name in _NAMES:
        found = shutil.which(name)
        if found:
            return found
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def install() -> str | None:
    """Install a Chromium: Playwright's own, or by apt-get where that may be used. None when done, or why not."""
    if executable():
        return None
    if _runs([sys.executable, "-m", "playwright", "install", "chromium"]):
        executable.cache_clear()
        if executable():
            return None
    if not shutil.which("apt-get") or os.geteuid() != 0:
        return "Playwright's Chromium could not be downloaded, and without root apt-get cannot install one"
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    _runs(["apt-get", "update", "-qq"], environment)
    if not _runs(["apt-get", "install", "-qq", "--no-install-recommends", "chromium"], environment):
        return "neither Playwright nor apt-get could install a Chromium"
    executable.cache_clear()
    return None if executable() else "the Chromium that was installed cannot be found"


def _runs(command: list[str], environment: dict[str, str] | None = None) -> bool:
    try:
        done = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=600)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


if __name__ == "__main__":
    print("Looking for a browser ...", flush=True)
    trouble = install()
    print(f"Browser tests will be skipped: {trouble}." if trouble else f"Browser: {executable()}")
