"""Pages stay light, come from one place, and bear a long history."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Response, expect
from tests.browser.conftest import SCHEMES
from tests.browser.console_page import ConsoleTenant
from tests.support.pair import Pair

SignIn = Callable[..., Page]
MOST_BYTES = 60_000
WEIGHED = ("script", "stylesheet")


@pytest.fixture(scope="module")
def tenant(pair: Pair) -> ConsoleTenant:
    return ConsoleTenant(pair)


def loaded(page: Page, url: str) -> list[Response]:
    """The answers that make up a page."""
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    page.goto(url, wait_until="load")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    return answers


@pytest.mark.parametrize("service", ["executor", "matcher"])
def test_scripts_and_styles_are_light_and_our_own(
    pair: Pair, tenant: ConsoleTenant, sign_in: SignIn, service: str
) -> None:
    page = sign_in(tenant.tenant_id).context.new_page()
    at = getattr(pair, service).url
    answers = loaded(
        page, f"{at}/workbench" if service == "matcher" else f"{at}/console/exceptions/{tenant.hold()}"
    )
    weighed = [answer for answer in answers if answer.request.resource_type in WEIGHED]
    assert len(weighed) > 3
    weight = sum(len(page.request.get(answer.url).body()) for answer in weighed)
    assert weight < MOST_BYTES
    assert {answer.url.split("/", 3)[2] for answer in answers} == {at.split("/", 3)[2]}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_long_history_is_shown_from_its_newest_end_beside_the_playbook(
    pair: Pair, tenant: ConsoleTenant, sign_in: SignIn, scheme: str
) -> None:
    held = tenant.hold()
    for number in range(210):
        tenant.api.ok("POST", f"/api/exceptions/{held}/comments", {"text": f"Remark {number}"})
    page = sign_in(tenant.tenant_id, scheme=scheme)
    page.goto(f"{pair.executor.url}/console/exceptions/{held}")
    events = page.get_by_label("Events, newest first").get_by_role("listitem")
    expect(events).to_have_count(200)
    expect(events.first).to_contain_text("Remark 209")
    expect(page.get_by_text("events are not shown; the API returns all of them.")).to_be_attached()
    events.last.scroll_into_view_if_needed()
    expect(page.get_by_label("Recommended Playbook").get_by_role("heading", level=2)).to_be_in_viewport()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_filters_fold_away_where_there_is_little_room(
    pair: Pair, tenant: ConsoleTenant, sign_in: SignIn, scheme: str
) -> None:
    tenant.hold(severity="high")
    page = sign_in(tenant.tenant_id, scheme=scheme)
    expect(page.get_by_label("Severity")).to_be_visible()
    page.set_viewport_size({"width": 360, "height": 740})
    expect(page.get_by_label("Severity")).to_be_hidden()
    page.get_by_text("Filters").click()
    page.get_by_label("Severity").select_option("high")
    page.get_by_role("button", name="Apply").click()
    expect(page).to_have_url(re.compile("severity=high"))
    expect(page.get_by_label("Severity")).to_have_value("high")
    expect(page.get_by_label("Severity")).to_be_visible()
