"""The pictures in the documentation: ``python -m tests.browser.pictures docs/images`` takes them again.

A pair of its own with the demo data, a few exceptions brought into the states worth seeing, and a browser. With
pngquant on the machine the files are made small.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright
from rich.progress import Progress
from tests.support.browser import FLAGS, executable
from tests.support.databases import new_database
from tests.support.pair import Client, Pair, running_pair

from executor import seed
from executor.bootstrap import assemble
from executor.web.console.links import sign_in_link

TENANT = "finance"
WIDE, NARROW = {"width": 1280, "height": 860}, {"width": 360, "height": 780}
FAIL: Mapping[str, Any] = {
    "domain": "Finance",
    "exception_type": "Trade Settlement Failure",
    "severity": "medium",
    "source_system": "Settlement Engine",
    "entity": "Larkhill Securities",
    "amount": 2315400.5,
    "normalized_context": {
        "trade_ref": "MCM-T-885210",
        "isin": "NL00MRD9C114",
        "quantity": 52000,
        "counterparty_bic": "LKHSGB2L",
        "fail_reason": "LATE",
        "failing_days": 1,
        "csd_region": "EEA",
        "penalty_rate_bps": 1.0,
        "instrument_class": "equity",
        "currency": "EUR",
    },
}
SSI: Mapping[str, Any] = {
    "domain": "Finance",
    "exception_type": "SSI Mismatch",
    "severity": "high",
    "source_system": "Custody Gateway",
    "entity": "Pinmere Global Custody",
    "amount": 6100000.0,
    "normalized_context": {"account": "GB-4471-02", "field": "agent BIC", "trade_ref": "MCM-T-885344"},
}
CASH: Mapping[str, Any] = {
    "domain": "Finance",
    "exception_type": "Cash Break",
    "severity": "low",
    "source_system": "Ledger",
    "entity": "Aldermoor Pension Fund",
    "amount": 318.4,
    "normalized_context": {"account": "EUR-NOSTRO-7", "statement_ref": "MT940-0412", "currency": "EUR"},
}
CONDITION = {
    "match": {"domain": "Finance", "exception_type": "Trade Settlement Failure", "severity_gte": "medium"},
    "priority": 25,
}


class Scenes:
    """Exceptions in the states worth seeing, each brought there by the API."""

    def __init__(self, pair: Pair) -> None:
        self.api: Client = pair.client(TENANT, "admin", subject="priya.raman")

    def exceptions(self) -> dict[str, str]:
        """The ids by state."""
        return {
            "fresh": self._new("FIN-3001", FAIL),
            "exception": "FIN-2001",
            "blocked": self._worked("FIN-3002", SSI, 3),
            "completed": self._worked("FIN-3003", CASH, 2),
            "better-match": self._grown("FIN-3004"),
        }

    def _new(self, exception_id: str, document: Mapping[str, Any]) -> str:
        due = datetime.now(UTC) + timedelta(hours=5, minutes=20)
        new = {**document, "exception_id": exception_id, "sla_deadline": due.isoformat()}
        return str(self.api.ok("POST", "/api/exceptions", new)["exception_id"])

    def _worked(self, exception_id: str, document: Mapping[str, Any], steps: int) -> str:
        self._new(exception_id, document)
        body = {"actor_type": "human", "actor_id": "priya.raman"}
        for step in range(1, steps + 1):
            self.api.ok("POST", f"/api/exceptions/{exception_id}/playbook/steps/{step}/complete", body)
        return exception_id

    def _grown(self, exception_id: str) -> str:
        self._worked(exception_id, {**FAIL, "entity": "Sable Point Brokers"}, 2)
        self.api.ok("PATCH", f"/api/exceptions/{exception_id}", {"amount": 24000000.0, "severity": "high"})
        return exception_id


class Camera:
    """Opens pages as one person, and keeps what it sees."""

    def __init__(self, pair: Pair, browser: Browser, folder: Path) -> None:
        self.pair, self.browser, self.folder = pair, browser, folder

    @contextmanager
    def person(self, scheme: str = "light", viewport: Mapping[str, int] = WIDE) -> Iterator[Page]:
        """A signed-in page."""
        context = self.browser.new_context(color_scheme=scheme, viewport=viewport)  # type: ignore[arg-type]
        page = context.new_page()
        roles = ("operator", "author")
        page.goto(sign_in_link(self.pair.settings, tenant=TENANT, subject="priya.raman", roles=roles))
        page.wait_for_url("**/console/exceptions")
        yield page
        context.close()

    def keep(self, page: Page, name: str, whole: bool = True) -> None:
        """Write a picture of the page, the whole of it or what is in sight."""
        path = self.folder / f"{name}.png"
        page.screenshot(path=path, full_page=whole, animations="disabled")
        if shutil.which("pngquant"):
            quantise = ["pngquant", "--force", "--skip-if-larger", "--strip", "--speed", "1", "--output", path]
            subprocess.run([*quantise, "64", path], check=False)
        print(path, path.stat().st_size)


def console(camera: Camera, ids: Mapping[str, str]) -> None:
    """The pages of the console."""
    url = camera.pair.executor.url + "/console"
    shots: list[tuple[str, str, str, Mapping[str, int], bool]] = [
        ("queue", "/exceptions", "light", WIDE, False),
        ("queue-narrow-dark", "/exceptions", "dark", NARROW, False),
        *((name, f"/exceptions/{key}", "light", WIDE, True) for name, key in ids.items()),
        ("exception-dark", f"/exceptions/{ids['exception']}", "dark", WIDE, True),
        ("fresh-narrow", f"/exceptions/{ids['fresh']}", "light", NARROW, True),
        ("playbooks", "/playbooks", "light", WIDE, False),
    ]
    for name, path, scheme, viewport, whole in shots:
        with camera.person(scheme, viewport) as page:
            page.goto(url + path)
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            camera.keep(page, f"console-{name}", whole)
    with camera.person() as page:
        page.goto(url + "/playbooks")
        page.get_by_role("link", name="Settlement Fail: Standard Chase").click()
        expect(page.get_by_role("heading", name="When it applies")).to_be_visible()
        camera.keep(page, "console-playbook")


def workbench(camera: Camera) -> None:
    """The workbench with a condition that matches, one that is not valid, and one that does not match."""
    scenes: dict[str, tuple[Any, str]] = {
        "valid": (CONDITION, "Valid, and it matches."),
        "invalid": ({**CONDITION, "match": {**CONDITION["match"], "severty": "high"}}, "Not valid"),  # type: ignore[dict-item]
        "no-match": ({**CONDITION, "match": {**CONDITION["match"], "amount_gte": 9000000}}, "no match"),  # type: ignore[dict-item]
    }
    shots = [
        *((name, "light", WIDE) for name in scenes),
        ("valid", "dark", WIDE),
        ("no-match", "dark", NARROW),
    ]
    for name, scheme, viewport in shots:
        condition, says = scenes[name]
        with camera.person(scheme, viewport) as page:
            page.goto(camera.pair.matcher.url + "/workbench")
            page.get_by_role("textbox", name="Exception").fill(json.dumps({"exception_id": "FIN-1", **FAIL}))
            page.get_by_role("textbox", name="Condition").fill(json.dumps(condition))
            for button in page.get_by_role("button", name="Format").all():
                button.click()
            verdict = page.get_by_role("status", name="Verdict")
            expect(verdict).to_contain_text(says, use_inner_text=True)
            page.get_by_role("heading", level=1).click()
            suffix = {WIDE["width"]: "", NARROW["width"]: "-narrow"}[viewport["width"]]
            camera.keep(page, f"workbench-{name}{suffix}{'-dark' if scheme == 'dark' else ''}")


def _load_demo(pair: Pair) -> None:
    services = assemble(pair.settings)
    with Progress(disable=True) as progress:
        seed.load(services, Path("deploy/demo"), progress)
    services.database.engine.dispose()


def take(folder: Path) -> None:
    """Take every picture again."""
    path = executable()
    if path is None:
        sys.exit("There is no Chromium on this machine; python -m tests.support.browser installs one.")
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        work = Path(name)
        with running_pair(new_database("sqlite", work), work, gunicorn_threads=16) as pair:
            _load_demo(pair)
            browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
            camera = Camera(pair, browser, folder)
            console(camera, Scenes(pair).exceptions())
            workbench(camera)
            browser.close()


if __name__ == "__main__":
    take(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images"))
