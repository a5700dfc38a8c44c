"""A real browser before a real pair: pages that are signed in, in both colour schemes, and watched for errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from tests.conftest import database_of
from tests.support.browser import FLAGS, executable
from tests.support.pair import Pair, running_pair

from executor.web.console.links import sign_in_link

SCHEMES = ("light", "dark")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A running pair on SQLite."""
    folder = tmp_path_factory.mktemp("browser")
    with running_pair(database_of("sqlite", folder), folder, gunicorn_threads=16) as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless Chromium."""
    path = executable()
    if path is None:
        pytest.skip("there is no Chromium on this machine, and none could be installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def sign_in(pair: Pair, chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Signs a person in by a link, in a context of their own; fails afterwards if a page reported an error."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def open_console(tenant_id: str, subject: str = "alex", scheme: str = "light", **options: Any) -> Page:
        options.setdefault("viewport", {"width": 1280, "height": 900})
        roles = options.pop("roles", ("operator", "author"))
        settings = options.pop("pair", pair).settings
        context = chromium.new_context(color_scheme=scheme, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: _note(message, errors))
        page.goto(sign_in_link(settings, tenant=tenant_id, subject=subject, roles=roles))
        page.wait_for_url("**/console/exceptions")
        return page

    yield open_console
    for context in contexts:
        context.close()
    assert errors == []


def _note(message: Any, errors: list[str]) -> None:
    # The browser itself reports every answer that is no success; a refusal is no error of the page.
    if message.type == "error" and "Failed to load resource" not in message.text:
        errors.append(message.text)
