"""A browser for the tests: one that is there, or one that can be installed. As a command, installs one."""

from __future__ import annotations

import shutil
import sys
from functools import cache
from pathlib import Path

from tests.support.installing import apt_install, runs

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
    if runs(sys.executable, "-m", "playwright", "install", "chromium"):
        executable.cache_clear()
        if executable():
            return None
    trouble = apt_install("chromium")
    executable.cache_clear()
    if trouble:
        return f"Playwright's Chromium could not be downloaded, and {trouble}"
    return None if executable() else "the Chromium that was installed cannot be found"


if __name__ == "__main__":
    print("Looking for a browser ...", flush=True)
    trouble = install()
    print(f"Browser tests will be skipped: {trouble}." if trouble else f"Browser: {executable()}")
