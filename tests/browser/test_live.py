"""An open page while others act, services become unavailable, sessions expire and time passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect
from tests.browser.conftest import SCHEMES
from tests.browser.console_page import ConsoleTenant
from tests.conftest import database_of
from tests.support.pair import Pair, running_pair

from executor.web.console.links import sign_in_link

SignIn = Callable[..., Page]
NEWS = "**/events?**"


@pytest.fixture(scope="module")
def tenant(pair: Pair) -> ConsoleTenant:
    return ConsoleTenant(pair)


@pytest.fixture(params=SCHEMES)
def sign_in(sign_in: SignIn, request: pytest.FixtureRequest) -> SignIn:
    """As everywhere, once in each colour scheme."""
    return partial(sign_in, scheme=request.param)


@pytest.fixture
def held(tenant: ConsoleTenant) -> str:
    return tenant.hold()


@pytest.fixture
def page(pair: Pair, tenant: ConsoleTenant, sign_in: SignIn, held: str) -> Page:
    """The page of an exception that nobody has worked on."""
    opened = sign_in(tenant.tenant_id)
    opened.goto(f"{pair.executor.url}/console/exceptions/{held}")
    expect(opened.get_by_role("heading", name="Customs Hold")).to_be_visible()
    return opened


def remark(tenant: ConsoleTenant, held: str, text: str) -> None:
    tenant.api.ok("POST", f"/api/exceptions/{held}/comments", {"text": text})


def newest(page: Page) -> Any:
    return page.get_by_label("Events, newest first").get_by_role("listitem").first


def test_updates_keep_what_the_user_typed_opened_or_focused(page: Page, tenant: ConsoleTenant, held: str) -> None:
    notes = page.get_by_label("Notes")
    notes.fill("Called the broker, who")
    page.get_by_text("What else was considered").click()
    notes.focus()
    places = [page.get_by_role("button", name="Complete step"), page.get_by_label("Recommended Playbook"), notes]
    before = [place.bounding_box() for place in places]

    remark(tenant, held, "The broker has called back.")
    expect(newest(page)).to_contain_text("The broker has called back.")
    assert [place.bounding_box() for place in places] == before
    expect(notes).to_be_focused()
    expect(notes).to_have_value("Called the broker, who")
    expect(page.get_by_text("Other matches").or_(page.get_by_text("Near misses")).first).to_be_visible()
    page.keyboard.type(" will file it.")
    expect(notes).to_have_value("Called the broker, who will file it.")


def test_notes_for_one_step_are_no_notes_for_the_next(page: Page, tenant: ConsoleTenant, held: str) -> None:
    page.get_by_label("Notes").fill("About the first step.")
    tenant.complete(held, 1)
    expect(page.get_by_role("button", name="Complete step: change the status")).to_be_visible()
    expect(page.get_by_label("Notes")).to_have_value("")


def test_notes_for_a_step_that_another_did_go_on_as_a_comment(
    page: Page, tenant: ConsoleTenant, held: str
) -> None:
    page.get_by_label("Notes").fill("The broker promises Tuesday.")
    tenant.complete(held, 1)
    comment = page.get_by_label("Comment", exact=True)
    expect(comment).to_have_value("The broker promises Tuesday.")
    expect(comment).to_be_focused()
    expect(page.get_by_role("status", name="Messages")).to_contain_text("were moved to the comment field")


def test_a_reason_typed_when_the_session_ended_is_still_there(
    page: Page, pair: Pair, tenant: ConsoleTenant
) -> None:
    page.context.clear_cookies()
    dialog = page.get_by_role("dialog", name="Skip this step?")
    page.get_by_role("button", name="Skip").click()
    dialog.get_by_label("Reason").fill("A long story")
    dialog.get_by_role("button", name="Skip step").click()
    expect(page.get_by_role("alert")).to_contain_text("Your session has expired; nothing was done.")
    expect(page.get_by_text("Your session has expired; this page")).to_be_visible()
    other = page.context.new_page()
    other.goto(sign_in_link(pair.settings, tenant=tenant.tenant_id, subject="alex", roles=["operator"]))
    other.wait_for_url("**/console/exceptions")
    other.close()
    page.get_by_role("button", name="Skip").click()
    expect(dialog.get_by_label("Reason")).to_have_value("A long story")
    dialog.get_by_role("button", name="Skip step").click()
    expect(page.get_by_role("list", name="Steps")).to_contain_text("A long story")
    expect(page.get_by_text("Your session has expired; this page")).to_be_hidden()


def test_a_refusal_stays_until_the_next_try(page: Page, tenant: ConsoleTenant, held: str) -> None:
    page.route("**/recalculate", lambda route: route.abort())
    page.get_by_role("button", name="Recalculate").click()
    refusal = page.get_by_role("alert")
    expect(refusal).to_contain_text("The service cannot be reached. Nothing was changed")
    remark(tenant, held, "Something else.")
    expect(newest(page)).to_contain_text("Something else.")
    expect(refusal).to_be_visible()
    page.unroute("**/recalculate")
    page.get_by_role("button", name="Recalculate").click()
    expect(page.get_by_role("status", name="Messages")).to_contain_text("No change")
    expect(refusal).to_be_hidden()


def test_interrupted_updates_are_reported_and_caught_up(page: Page, tenant: ConsoleTenant, held: str) -> None:
    page.route(NEWS, lambda route: route.abort())
    remark(tenant, held, "Before.")
    expect(page.get_by_text("Live updates are interrupted")).to_be_visible()
    remark(tenant, held, "Meanwhile.")
    page.unroute(NEWS)
    expect(newest(page)).to_contain_text("Meanwhile.")
    expect(page.get_by_text("Live updates are interrupted")).to_be_hidden()


def test_an_expired_session_loses_nothing_and_can_be_resumed(
    page: Page, pair: Pair, tenant: ConsoleTenant, held: str
) -> None:
    page.get_by_label("Notes").fill("Half a thought")
    page.context.clear_cookies()
    remark(tenant, held, "Unseen yet.")
    over = page.get_by_text("Your session has expired")
    expect(over).to_be_visible()
    expect(page.get_by_label("Notes")).to_have_value("Half a thought")

    other = page.context.new_page()
    other.goto(sign_in_link(pair.settings, tenant=tenant.tenant_id, subject="alex", roles=["operator"]))
    other.wait_for_url("**/console/exceptions")
    other.close()
    expect(newest(page)).to_contain_text("Unseen yet.")
    expect(over).to_be_hidden()
    page.get_by_role("button", name="Complete step: send the notification").click()
    expect(page.get_by_role("list", name="Steps")).to_contain_text("Half a thought")


def test_nothing_is_written_for_whom_the_page_was_not_drawn(pair: Pair, sign_in: SignIn) -> None:
    """Both tenants have an exception of this id, and the page that still shows the one is slow to be left."""
    own, other = ConsoleTenant(pair), ConsoleTenant(pair)
    held = own.hold()
    other.hold(exception_id=held)
    page = sign_in(own.tenant_id)
    address = f"{pair.executor.url}/console/exceptions/{held}"
    page.goto(address)
    left: list[Route] = []

    def slow_to_leave(route: Route) -> None:
        if route.request.is_navigation_request():
            left.append(route)
        else:
            route.continue_()

    page.route(address, slow_to_leave)
    tab = page.context.new_page()
    tab.goto(sign_in_link(pair.settings, tenant=other.tenant_id, subject="alex", roles=["operator"]))
    tab.wait_for_url("**/console/exceptions")
    remark(other, held, "Of another tenant.")
    while not left:
        page.wait_for_timeout(50)
    # Playwright's own actions would wait for the page to be left.
    page.evaluate(
        """() => {
          document.getElementById("comment-text").value = "Meant for the first.";
          document.getElementById("comment").requestSubmit();
        }"""
    )
    page.wait_for_timeout(1_000)
    for tenant in (own, other):
        log = tenant.api.ok("GET", f"/api/exceptions/{held}/events", params={"event_type": "CommentAdded"})
        assert "Meant for the first." not in [each["payload"]["text"] for each in log["items"]]


def test_steps_are_completed_by_keyboard_alone(page: Page) -> None:
    page.get_by_role("button", name="Complete step: send the notification").focus()
    page.keyboard.press("Enter")
    now = page.get_by_role("list", name="Steps").get_by_role("listitem").filter(has_text="Take it into analysis")
    expect(now).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Complete step: change the status")).to_be_focused()


def test_the_queue_keeps_itself_up_to_date(pair: Pair, sign_in: SignIn) -> None:
    tenant = ConsoleTenant(pair)
    tenant.hold()
    page = sign_in(tenant.tenant_id)
    page.clock.install()
    page.goto(f"{pair.executor.url}/console/exceptions")
    chosen = page.get_by_role("row").nth(1).get_by_role("link")
    address = chosen.get_attribute("href")
    chosen.focus()
    tally = page.get_by_role("list", name="At a glance")
    breached = int(tally.get_by_role("link", name="breached").inner_text().split()[0])
    past = (datetime.now(UTC) - timedelta(days=3)).isoformat()
    new = tenant.hold(entity="Late Lines", sla_deadline=past)
    row = page.get_by_role("row").filter(has_text=new)
    expect(row).to_have_count(0)
    page.clock.fast_forward(16_000)
    expect(row).to_contain_text("Late Lines")
    expect(page.get_by_role("row").nth(1)).to_contain_text(new)
    expect(tally).to_contain_text(f"{breached + 1} breached")
    # The selected exception stays selected, even if its row has moved.
    assert page.evaluate("document.activeElement.getAttribute('href')") == address

    page.route("**/console/exceptions*", lambda route: route.abort())
    page.clock.fast_forward(16_000)
    expect(page.get_by_text("Live updates are interrupted")).to_be_visible()
    page.unroute("**/console/exceptions*")
    page.clock.fast_forward(16_000)
    expect(page.get_by_text("Live updates are interrupted")).to_be_hidden()


def test_deadlines_come_nearer_and_pass(pair: Pair, held: str, tenant: ConsoleTenant, sign_in: SignIn) -> None:
    page = sign_in(tenant.tenant_id)
    page.clock.install()
    page.goto(f"{pair.executor.url}/console/exceptions/{held}")
    facts = page.get_by_label("The exception")
    expect(facts).to_contain_text("s left")
    page.clock.fast_forward("01:00:00")
    expect(facts).to_contain_text("over")


@pytest.fixture(scope="module")
def lonely(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Pair, ConsoleTenant, list[str]]]:
    """A pair whose matcher has gone, and exceptions that came in before that: one for each scheme."""
    folder = tmp_path_factory.mktemp("lonely")
    with running_pair(database_of("sqlite", folder), folder, matcher_timeout_seconds=0.5) as pair:
        tenant = ConsoleTenant(pair)
        earlier = [tenant.hold() for _ in SCHEMES]
        pair.matcher.stop()
        yield pair, tenant, earlier


def test_without_the_matcher_work_goes_on(lonely: tuple[Pair, ConsoleTenant, list[str]], sign_in: SignIn) -> None:
    pair, tenant, earlier = lonely
    page = sign_in(tenant.tenant_id, pair=pair)
    page.goto(f"{pair.executor.url}/console/exceptions/{tenant.hold()}")
    expect(page.get_by_text("The matcher was unavailable when this exception was created.")).to_be_visible()
    page.get_by_role("button", name="Recalculate").click()
    expect(page.get_by_role("alert")).to_contain_text("The matcher did not answer")
    expect(page.get_by_role("alert")).to_contain_text("Nothing was changed; try again in a moment.")
    expect(page.get_by_text("Why no playbook")).to_have_count(0)

    page.goto(f"{pair.executor.url}/console/exceptions/{earlier.pop()}")
    page.get_by_role("button", name="Complete step: send the notification").click()
    expect(page.get_by_role("list", name="Steps").get_by_role("listitem").first).to_contain_text("Completed")


def test_two_people_on_one_exception_see_each_other(
    page: Page, pair: Pair, tenant: ConsoleTenant, held: str, sign_in: SignIn
) -> None:
    other = sign_in(tenant.tenant_id, subject="kim")
    other.goto(f"{pair.executor.url}/console/exceptions/{held}")
    page.get_by_role("button", name="Complete step: send the notification").click()
    first = other.get_by_role("list", name="Steps").get_by_role("listitem").first
    expect(first).to_contain_text("alex completed it")
    other.get_by_role("button", name="Complete step: change the status").click()
    second = page.get_by_role("list", name="Steps").get_by_role("listitem").nth(1)
    expect(second).to_contain_text("kim completed it")
    expect(page.get_by_label("The exception")).to_contain_text("Analyzing")
