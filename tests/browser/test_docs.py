"""The API reference of both services: calls are tried in it, under its strict policy and with no other host."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request, expect
from tests.browser.conftest import SCHEMES
from tests.support.pair import Pair

TRIED = {
    "matcher": ("operations-Conditions-list_operators", "/api/operators", '"operators"'),
    "executor": ("operations-Catalogue-list_playbooks", "/api/playbooks", '"next_cursor"'),
}


@pytest.fixture(params=SCHEMES)
def page(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[Page]:
    """A page in either colour scheme; the test fails if anything is reported on its console."""
    reported: list[str] = []
    context = chromium.new_context(color_scheme=request.param, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.on("pageerror", lambda error: reported.append(str(error)))
    page.on("console", lambda message: reported.append(f"{message.type}: {message.text}"))
    yield page
    context.close()
    assert reported == []


@pytest.mark.parametrize("service", TRIED)
def test_a_call_is_tried_with_a_token(pair: Pair, page: Page, service: str) -> None:
    operation_id, path, answered = TRIED[service]
    url = getattr(pair, service).url
    requests: list[Request] = []
    page.on("request", lambda request: requests.append(request))
    page.goto(f"{url}/docs")
    expect(page.get_by_role("heading", level=1).or_(page.get_by_role("heading", level=2)).first).to_contain_text(
        f"SentinAI {service}"
    )
    authorize(page, token := pair.token("docs", "viewer"))
    operation = page.locator(f"#{operation_id}")
    operation.get_by_role("button", name=f"GET {path}").first.click()
    operation.get_by_role("button", name="Execute").click()
    response = operation.locator(".live-responses-table .response")
    expect(response.locator(".response-col_status")).to_contain_text("200")
    expect(response.locator(".highlight-code")).to_contain_text(answered)
    [call] = [each for each in requests if urlsplit(each.url).path == path]
    assert call.headers["authorization"] == f"Bearer {token}"
    assert {urlsplit(each.url).netloc for each in requests if not each.url.startswith("data:")} == {
        urlsplit(url).netloc
    }


def test_the_page_follows_the_colour_scheme(pair: Pair, page: Page) -> None:
    page.goto(f"{pair.matcher.url}/docs")
    expect(page.get_by_role("button", name="Authorize").first).to_be_visible()
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert page.evaluate("document.documentElement.classList.contains('dark-mode')") is dark


def authorize(page: Page, token: str) -> None:
    page.get_by_role("button", name="Authorize").first.click()
    dialog = page.locator(".modal-ux")
    dialog.get_by_label("auth-bearer-value").fill(token)
    dialog.get_by_role("button", name="Apply credentials").click()
    dialog.get_by_role("button", name="Close").last.click()
