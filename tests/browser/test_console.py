"""The console as a person uses it: by role and label, before real services."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import make_url
from tests.browser.conftest import SCHEMES
from tests.browser.console_page import HOLD, ConsoleTenant, nothing_new
from tests.support.pair import Pair

from executor.web.console.links import PURPOSE, sign_in_link
from sentinai.identity import mint_token

SignIn = Callable[..., Page]
ALWAYS = {"match": {}, "priority": 99}


@pytest.fixture(scope="module")
def tenant(pair: Pair) -> ConsoleTenant:
    return ConsoleTenant(pair)


@pytest.fixture(params=SCHEMES)
def sign_in(sign_in: SignIn, request: pytest.FixtureRequest) -> SignIn:
    """As everywhere, once in each colour scheme."""
    return partial(sign_in, scheme=request.param)


def open_exception(page: Page, pair: Pair, exception_id: str) -> None:
    page.goto(f"{pair.executor.url}/console/exceptions/{exception_id}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def step(page: Page, name: str):
    return page.get_by_role("list", name="Steps").get_by_role("listitem").filter(has_text=name)


def test_a_playbook_is_worked_through_to_the_end(pair: Pair, tenant: ConsoleTenant, sign_in: SignIn) -> None:
    held = tenant.hold()
    page = sign_in(tenant.tenant_id)
    open_exception(page, pair, held)

    expect(page.get_by_role("heading", name="Recommended Playbook")).to_be_visible()
    reason = "exception type is Customs Hold"
    expect(page.get_by_role("listitem").filter(has_text=reason).first).to_be_visible()
    expect(page.get_by_text(f"{held} is held at Gdynia.", exact=True)).to_be_visible()

    page.get_by_label("Notes").fill("Called them first.")
    page.get_by_role("button", name="Complete step: send the notification").click()
    expect(step(page, "Tell the forwarder")).to_contain_text("Completed")
    expect(step(page, "Tell the forwarder")).to_contain_text("Called them first.")
    page.get_by_role("button", name="Complete step: change the status").click()
    expect(step(page, "Take it into analysis")).to_contain_text("Completed")
    expect(step(page, "File the entry")).to_contain_text("Needs a person")
    page.get_by_role("button", name="Complete step: call the tool").click()
    expect(step(page, "File the entry")).to_contain_text("Completed")
    page.get_by_role("button", name="Complete step: add the comment").click()

    expect(page.get_by_label("Recommended Playbook")).to_contain_text("4 of 4 steps")
    expect(page.get_by_label("The exception")).to_contain_text("Resolved")
    expect(page.get_by_label("Events, newest first")).to_contain_text("Playbook completed")


def test_a_step_done_elsewhere_is_recorded_with_what_was_done(
    pair: Pair, tenant: ConsoleTenant, sign_in: SignIn
) -> None:
    held = tenant.hold()
    page = sign_in(tenant.tenant_id)
    open_exception(page, pair, held)
    page.get_by_role("button", name="I did this elsewhere").click()
    dialog = page.get_by_role("dialog", name="Done elsewhere?")
    dialog.get_by_label("What was done").fill("Told them on the phone.")
    dialog.get_by_role("button", name="Record as done").click()
    expect(step(page, "Tell the forwarder")).to_contain_text("did it elsewhere")
    expect(step(page, "Tell the forwarder")).to_contain_text("Told them on the phone.")


def test_a_step_is_skipped_only_with_a_reason(pair: Pair, tenant: ConsoleTenant, sign_in: SignIn) -> None:
    held = tenant.hold()
    page = sign_in(tenant.tenant_id)
    open_exception(page, pair, held)
    page.get_by_role("button", name="Skip").click()
    dialog = page.get_by_role("dialog", name="Skip this step?")
    dialog.get_by_role("button", name="Skip step").click()
    expect(dialog).to_be_visible()
    dialog.get_by_label("Reason").fill("They know.")
    dialog.get_by_role("button", name="Skip step").click()
    expect(step(page, "Tell the forwarder")).to_contain_text("Skipped")
    expect(step(page, "Tell the forwarder")).to_contain_text("They know.")


def test_a_cancelled_dialog_does_nothing_and_keeps_the_text(
    pair: Pair, tenant: ConsoleTenant, sign_in: SignIn
) -> None:
    held = tenant.hold()
    page = sign_in(tenant.tenant_id)
    open_exception(page, pair, held)
    dialog = page.get_by_role("dialog", name="Skip this step?")
    page.get_by_role("button", name="Skip").click()
    dialog.get_by_label("Reason").fill("They know.")
    dialog.get_by_role("button", name="Skip step").click()
    expect(step(page, "Tell the forwarder")).to_contain_text("Skipped")

    page.get_by_role("button", name="Skip").click()
    expect(dialog.get_by_label("Reason")).to_have_value("")
    dialog.get_by_label("Reason").fill("Not sure yet")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("button", name="Skip")).to_be_focused()
    page.get_by_role("button", name="Skip").click()
    expect(dialog.get_by_label("Reason")).to_have_value("Not sure yet")
    dialog.get_by_role("button", name="Cancel").click()
    expect(step(page, "Take it into analysis")).to_contain_text("Running")


def test_a_reason_is_more_than_spaces(pair: Pair, tenant: ConsoleTenant, sign_in: SignIn) -> None:
    page = sign_in(tenant.tenant_id)
    open_exception(page, pair, tenant.hold())
    page.get_by_role("button", name="Skip").click()
    dialog = page.get_by_role("dialog", name="Skip this step?")
    dialog.get_by_label("Reason").fill("   ")
    dialog.get_by_role("button", name="Skip step").click()
    expect(dialog).to_be_visible()
    dialog.get_by_label("Reason").fill(" known ")
    dialog.get_by_role("button", name="Skip step").click()
    expect(step(page, "Tell the forwarder")).to_contain_text("Skipped")


def test_a_blocked_step_says_why_and_what_would_help(pair: Pair, tenant: ConsoleTenant, sign_in: SignIn) -> None:
    held = tenant.hold(normalized_context={"port": "Gdynia"})
    for order in (1, 2):
        tenant.complete(held, order)
    page = sign_in(tenant.tenant_id)
    open_exception(page, pair, held)
    blocked = step(page, "File the entry")
    expect(blocked).to_contain_text("Blocked")
    expect(blocked).to_contain_text("No value for {exception.normalized_context.entry}.")
    expect(blocked).to_contain_text("Ask for the missing value to be filled in at its source")
    expect(blocked).to_contain_text("record the step as done elsewhere, or skip it.")
    expect(page.get_by_role("button", name="Complete step")).to_have_count(0)
    expect(page.get_by_role("button", name="I did this elsewhere")).to_be_visible()


def test_another_person_is_seen_within_seconds_and_a_stale_click_explains_itself(
    pair: Pair, tenant: ConsoleTenant, sign_in: SignIn
) -> None:
    held = tenant.hold()
    page = sign_in(tenant.tenant_id)
    with nothing_new(page):
        open_exception(page, pair, held)
        tenant.complete(held, 1)
        page.get_by_role("button", name="Complete step: send the notification").click()
        messages = page.get_by_role("status", name="Messages")
        expect(messages).to_contain_text("Step 1 was already completed by desk.")
        expect(step(page, "Tell the forwarder")).to_contain_text("Completed")

    tenant.complete(held, 2)
    expect(step(page, "Take it into analysis")).to_contain_text("Completed")
    expect(page.get_by_label("Events, newest first")).to_contain_text("Step 2 completed")


def test_a_better_match_is_offered_and_taken_on_request(
    pair: Pair, tenant: ConsoleTenant, sign_in: SignIn
) -> None:
    held = tenant.hold()
    tenant.complete(held, 1)
    page = sign_in(tenant.tenant_id)
    open_exception(page, pair, held)
    tenant.api.ok("PATCH", f"/api/exceptions/{held}", {"severity": "critical"})
    panel = page.get_by_label("Recommended Playbook")
    expect(panel).to_contain_text("Release at once v1 is now the best match.")
    page.get_by_role("button", name="Switch to Release at once").click()
    expect(step(page, "Escalate")).to_be_visible()
    expect(panel).to_contain_text("run 2")


def test_an_unavailable_matcher_is_reported_and_nothing_is_lost(
    pair: Pair, tenant: ConsoleTenant, sign_in: SignIn
) -> None:
    held = tenant.hold()
    page = sign_in(tenant.tenant_id)
    open_exception(page, pair, held)
    page.route(
        "**/playbook/recalculate",
        lambda route: route.fulfill(
            status=503,
            content_type="application/problem+json",
            body='{"title": "The matcher cannot be reached", "detail": "The matcher did not answer in 3 tries."}',
        ),
    )
    page.get_by_label("Notes").fill("half a sentence")
    page.get_by_role("button", name="Recalculate").click()
    expect(page.get_by_role("alert")).to_contain_text("The matcher did not answer in 3 tries.")
    expect(page.get_by_label("Notes")).to_have_value("half a sentence")


def test_comments_arrive_in_the_timeline_and_it_is_narrowed_by_kind(
    pair: Pair, tenant: ConsoleTenant, sign_in: SignIn
) -> None:
    held = tenant.hold()
    page = sign_in(tenant.tenant_id)
    open_exception(page, pair, held)
    page.get_by_label("Comment", exact=True).fill("Broker says <b>tomorrow</b>")
    page.get_by_role("button", name="Comment", exact=True).click()
    events = page.get_by_label("Events, newest first")
    expect(events.get_by_role("listitem").first).to_contain_text("Broker says <b>tomorrow</b>")
    page.get_by_role("button", name="Comments").click()
    expect(events.get_by_role("listitem").filter(visible=True)).to_have_count(1)
    page.get_by_role("button", name="Record").click()
    expect(events.get_by_text("Exception created")).to_be_visible()
    expect(events.get_by_text("Playbook recommended")).to_be_hidden()
    page.get_by_role("button", name="Actions").click()
    expect(page.get_by_text("There are no events of this kind.")).to_be_visible()
    page.get_by_role("button", name="All").click()
    expect(events.get_by_text("Playbook recommended")).to_be_visible()
    expect(page.get_by_text("There are no events of this kind.")).to_be_hidden()


def test_a_comment_may_have_several_lines(pair: Pair, tenant: ConsoleTenant, sign_in: SignIn) -> None:
    page = sign_in(tenant.tenant_id)
    open_exception(page, pair, tenant.hold())
    page.get_by_label("Comment", exact=True).focus()
    page.keyboard.type("First")
    page.keyboard.press("Enter")
    page.keyboard.type("second")
    page.keyboard.press("Control+Enter")
    newest = page.get_by_label("Events, newest first").get_by_role("listitem").first
    expect(newest).to_contain_text(re.compile("First\nsecond"), use_inner_text=True)
    expect(page.get_by_label("Comment", exact=True)).to_have_value("")


ODD = {
    "entity": "مؤسسة الخليج 🏦 <b>Söhne</b>",
    "amount": 123456789012345.67,
    "source_system": "s" * 120,
    "normalized_context": {
        "port": "<script>alert(1)</script>" + "W" * 300,
        "entry": "<img src=x onerror=alert(1)>",
    },
}
WIDTHS = (320, 360, 768, 1000, 1280, 1920)


def test_odd_content_is_shown_as_it_is_and_fits(pair: Pair, sign_in: SignIn) -> None:
    tenant = ConsoleTenant(pair)
    held = tenant.hold(exception_id="H-" + "9" * 126, **ODD)
    tenant.api.ok("POST", f"/api/exceptions/{held}/comments", {"text": "<i>odd</i> עברית " + "N" * 2000})
    page = sign_in(tenant.tenant_id)
    playbook = page.request.get(f"{pair.executor.url}/api/exceptions/{held}").json()["current_playbook_id"]
    for path in ("exceptions", f"exceptions/{held}", "playbooks", f"playbooks/{playbook}"):
        page.goto(f"{pair.executor.url}/console/{path}")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
    open_exception(page, pair, held)
    expect(page.get_by_label("The exception")).to_contain_text("<b>Söhne</b>")
    expect(page.get_by_label("Recommended Playbook")).to_contain_text("<script>alert(1)</script>")
    expect(page.get_by_label("Events, newest first")).to_contain_text("<i>odd</i>")


def test_a_long_note_leaves_the_next_step_in_sight(pair: Pair, tenant: ConsoleTenant, sign_in: SignIn) -> None:
    page = sign_in(tenant.tenant_id)
    open_exception(page, pair, tenant.hold())
    page.get_by_label("Notes").fill("Called, and called again. " * 200 + "Then they answered.")
    page.get_by_role("button", name="Complete step: send the notification").click()
    noted = step(page, "Tell the forwarder")
    expect(noted.get_by_text("Then they answered.")).to_be_hidden()
    noted.get_by_text("Show all").click()
    expect(noted.get_by_text("Then they answered.")).to_be_visible()
    noted.get_by_text("Show less").click()
    expect(noted.get_by_text("Then they answered.")).to_be_hidden()


def test_the_id_is_copied(pair: Pair, tenant: ConsoleTenant, sign_in: SignIn) -> None:
    held = tenant.hold()
    page = sign_in(tenant.tenant_id)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_exception(page, pair, held)
    page.get_by_role("button", name="Copy ID").click()
    expect(page.get_by_role("status", name="Messages")).to_contain_text("ID copied.")
    assert page.evaluate("navigator.clipboard.readText()") == held


def test_the_queue_is_narrowed_by_its_address_and_walked_by_keyboard(pair: Pair, sign_in: SignIn) -> None:
    tenant = ConsoleTenant(pair)
    tenant.hold()
    tenant.hold(severity="high", entity="Narrow Seas")
    page = sign_in(tenant.tenant_id)
    page.get_by_label("Severity").select_option("high")
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url(re.compile(r"exceptions\?severity=high&sort=sla$"), wait_until="load")
    rows = page.get_by_role("row").filter(has_text="Customs Hold")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("Narrow Seas")
    page.keyboard.press("Escape")
    page.locator("body").click(position={"x": 5, "y": 300})
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Customs Hold")).to_be_visible()


def test_a_view_of_one_playbook_says_so_and_can_be_left(pair: Pair, sign_in: SignIn) -> None:
    tenant = ConsoleTenant(pair)
    held, other = tenant.hold(), tenant.hold(severity="critical")
    page = sign_in(tenant.tenant_id)
    page.get_by_role("link", name="Playbooks").click()
    page.get_by_role("link", name="Release the container").click()
    page.get_by_role("link", name="All").click()
    filtered = page.get_by_label("Playbook", exact=True)
    expect(filtered.locator("option:checked")).to_have_text("Release the container v1")
    expect(page.get_by_role("row").filter(has_text=other)).to_have_count(0)
    filtered.select_option("Any")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("row").filter(has_text=other)).to_have_count(1)
    page.get_by_role("link", name="critical").click()
    expect(page.get_by_role("link", name="critical")).to_have_attribute("aria-current", "true")
    expect(page.get_by_role("row").filter(has_text=held)).to_have_count(0)
    page.goto(f"{pair.executor.url}/console/exceptions?owner=none")
    page.get_by_role("link", name="Show all exceptions").click()
    expect(page.get_by_role("row").filter(has_text=held)).to_have_count(1)


def test_the_queue_comes_in_pages_with_a_way_back(pair: Pair, sign_in: SignIn) -> None:
    tenant = ConsoleTenant(pair)
    for _ in range(3):
        tenant.hold()
    page = sign_in(tenant.tenant_id)
    page.goto(f"{pair.executor.url}/console/exceptions?limit=2&severity=medium")
    expect(page.get_by_role("link", name="First page")).to_have_count(0)
    page.get_by_role("link", name="Next page").click()
    expect(page.get_by_text("1 shown")).to_be_visible()
    page.get_by_role("link", name="First page").click()
    expect(page.get_by_text("2 shown")).to_be_visible()
    expect(page.get_by_label("Severity", exact=True)).to_have_value("medium")


def test_empty_lists_say_that_they_are_empty(pair: Pair, sign_in: SignIn) -> None:
    page = sign_in("nobody-here")
    expect(page.get_by_text("No exceptions yet.")).to_be_visible()
    page.goto(f"{pair.executor.url}/console/exceptions?severity=low")
    expect(page.get_by_text("No exceptions match these filters.")).to_be_visible()
    page.goto(f"{pair.executor.url}/console/exceptions/none")
    expect(page.get_by_text("Exception 'none' does not exist.")).to_be_visible()


def test_playbooks_show_when_they_apply_and_how_they_do(
    pair: Pair, tenant: ConsoleTenant, sign_in: SignIn
) -> None:
    held = tenant.hold()
    for order in (1, 2, 3, 4):
        tenant.complete(held, order)
    page = sign_in(tenant.tenant_id)
    page.get_by_role("link", name="Playbooks").click()
    page.get_by_role("link", name="Release the container").click()
    expect(page.get_by_text("exception type is Customs Hold")).to_be_visible()
    expect(page.get_by_role("list", name="Completion", exact=True)).to_contain_text("Completed")
    expect(page.get_by_role("list", name="Time from start to completion")).to_contain_text("90th percentile")
    expect(page.get_by_role("list", name="SLA")).to_contain_text("of")
    expect(page.get_by_role("listitem").filter(has_text="File the entry").first).to_contain_text("file_entry")
    expect(page.get_by_role("link", name=held)).to_be_visible()


def test_where_steps_get_skipped_is_shown_once_one_was(pair: Pair, sign_in: SignIn) -> None:
    tenant = ConsoleTenant(pair)
    page = sign_in(tenant.tenant_id)
    page.get_by_role("link", name="Playbooks").click()
    page.get_by_role("link", name="Release the container").click()
    expect(page.get_by_text("This playbook has not been recommended yet.")).to_be_visible()
    held = tenant.hold()
    page.reload()
    expect(page.get_by_text("No step has been skipped.")).to_be_visible()
    skip = {"actor_type": "human", "actor_id": "desk", "reason": "They know."}
    tenant.api.ok("POST", f"/api/exceptions/{held}/playbook/steps/1/skip", skip)
    page.reload()
    expect(page.get_by_role("list", name="Skipped steps")).to_contain_text("1 of 1")


def test_many_playbooks_come_in_pages_and_are_found_by_name(pair: Pair, sign_in: SignIn) -> None:
    tenant = ConsoleTenant(pair)
    step = {"name": "Note", "action_type": "add_comment", "params": {"text": "Seen."}}
    for number in range(60):
        conditions = {"match": {"entity": f"Quay {number}"}, "priority": 500 - number}
        tenant.api.ok(
            "POST", "/api/playbooks", {"name": f"Berth {number}", "conditions": conditions, "steps": [step]}
        )
    page = sign_in(tenant.tenant_id)
    page.get_by_role("link", name="Playbooks").click()
    rows = page.get_by_role("table").get_by_role("row")
    expect(rows).to_have_count(1 + 50)
    expect(rows.nth(1)).to_contain_text("Berth 0")
    page.get_by_role("link", name="Next page").click()
    expect(rows.nth(1)).to_contain_text("Berth 50")
    expect(page.get_by_role("link", name="Next page")).to_have_count(0)
    page.get_by_role("searchbox", name="Name").fill("berth 5")
    page.get_by_role("button", name="Search").click()
    expect(rows).to_have_count(1 + 11)
    expect(page.get_by_text("11 active matching the search")).to_be_visible()
    page.get_by_role("searchbox", name="Name").fill("no such thing")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("No active playbook has a name that contains this text.")).to_be_visible()
    page.get_by_role("link", name="Clear").click()
    expect(rows).to_have_count(1 + 50)


def test_playbooks_are_listed_in_the_order_in_which_they_are_chosen(pair: Pair, sign_in: SignIn) -> None:
    tenant = ConsoleTenant(pair)
    for name, text in (("Ebb", "Seen."), ("Flow", "Seen."), ("Ebb", "Seen, and noted.")):
        step = {"name": "Note", "action_type": "add_comment", "params": {"text": text}}
        tenant.api.ok("POST", "/api/playbooks", {"name": name, "conditions": {"match": {}}, "steps": [step]})
    page = sign_in(tenant.tenant_id)
    page.get_by_role("link", name="Playbooks").click()
    rows = page.get_by_role("table").get_by_role("row")
    expect(rows).to_have_count(1 + 5)
    for position, name in enumerate(("Release at once", "Release the container", "Flow", "Ebb", "Ebb"), 1):
        expect(rows.nth(position)).to_contain_text(name)


def test_a_sign_in_link_works_once_and_signing_out_ends_the_session(
    pair: Pair, tenant: ConsoleTenant, sign_in: SignIn
) -> None:
    page = sign_in(tenant.tenant_id)
    link = sign_in_link(pair.settings, tenant=tenant.tenant_id, subject="kim", roles=["viewer"])
    page.goto(link)
    page.wait_for_url("**/console/exceptions")
    expect(page.get_by_text(f"kim · {tenant.tenant_id}")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto("about:blank")
    page.goto(link)
    expect(page.get_by_role("alert")).to_contain_text("This sign-in link has already been used")


def test_a_link_that_cannot_be_used_says_so_in_words(pair: Pair, tenant: ConsoleTenant, sign_in: SignIn) -> None:
    page = sign_in(tenant.tenant_id)
    late = mint_token(
        pair.settings,
        subject="kim",
        tenant_id=tenant.tenant_id,
        roles=["viewer"],
        lifetime_seconds=-61,
        jti="late",
        purpose=PURPOSE,
    )
    for token, words in ((late, "has expired"), ("half-a-li", "invalid or incomplete")):
        page.goto("about:blank")
        page.goto(f"{pair.executor.url}/console/sign-in#{token}")
        expect(page.get_by_role("alert")).to_contain_text(words)


def test_a_link_opened_where_one_was_sent_to_sign_in_leads_back(
    pair: Pair, tenant: ConsoleTenant, sign_in: SignIn
) -> None:
    held = tenant.hold()
    page = sign_in(tenant.tenant_id)
    page.context.clear_cookies()
    page.goto(f"{pair.executor.url}/console/exceptions/{held}")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto(sign_in_link(pair.settings, tenant=tenant.tenant_id, subject="kim", roles=["viewer"]))
    page.wait_for_url(f"**/console/exceptions/{held}")

    page.context.clear_cookies()
    page.goto(f"{pair.executor.url}/console/sign-in?next=https://elsewhere.example/")
    page.goto(sign_in_link(pair.settings, tenant=tenant.tenant_id, subject="kim", roles=["viewer"]))
    page.wait_for_url("**/console/exceptions")


def test_signing_out_with_a_page_of_an_earlier_session_is_no_false_comfort(
    pair: Pair, tenant: ConsoleTenant, sign_in: SignIn
) -> None:
    page = sign_in(tenant.tenant_id)
    other = page.context.new_page()
    other.goto(sign_in_link(pair.settings, tenant=tenant.tenant_id, subject="kim", roles=["viewer"]))
    other.wait_for_url("**/console/exceptions")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text(f"kim · {tenant.tenant_id}")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto(f"{pair.executor.url}/console/exceptions")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.parametrize("role", ["viewer", "author"])
def test_roles_other_than_operator_can_read_but_not_act(
    pair: Pair, tenant: ConsoleTenant, sign_in: SignIn, role: str
) -> None:
    held = tenant.hold()
    tenant.complete(held, 1)
    tenant.api.ok("PATCH", f"/api/exceptions/{held}", {"severity": "critical"})
    page = sign_in(tenant.tenant_id, subject="vera", roles=(role,))
    open_exception(page, pair, held)
    expect(page.get_by_role("list", name="Steps")).to_be_visible()
    expect(page.get_by_text("is now the best match")).to_be_visible()
    offered = page.get_by_role("main").get_by_role("button")
    assert offered.all_inner_texts() == ["", "All", "Playbook", "Actions", "Comments", "Record"]
    expect(page.get_by_role("link", name="Rule workbench")).to_have_count(int(role == "author"))


def test_the_queue_says_what_cannot_be_read(pair: Pair, sign_in: SignIn) -> None:
    tenant = ConsoleTenant(pair)
    shown, *corrupt = [tenant.hold() for _ in range(3)]
    with closing(sqlite3.connect(make_url(pair.settings.database_url).database or "")) as database, database:
        for each in corrupt:
            database.execute("UPDATE exception SET normalized_context = '{' WHERE exception_id = ?", [each])
    page = sign_in(tenant.tenant_id)
    notice = page.locator(".notice").filter(has_text="2 exceptions cannot be read.")
    expect(notice).to_be_visible()
    for each in corrupt:
        expect(notice).to_contain_text(each)
    expect(page.get_by_role("row").filter(has_text=shown)).to_be_visible()
    open_exception(page, pair, corrupt[0])
    expect(page.get_by_role("heading", level=1)).to_have_text("Stored data is corrupt")
    viewer = sign_in(tenant.tenant_id, roles=("viewer",))
    expect(viewer.get_by_text("2 exceptions cannot be read.")).to_be_visible()
    expect(viewer.get_by_text(corrupt[0])).to_have_count(0)


def test_what_was_retired_meanwhile_is_recalculated_rather_than_started(pair: Pair, sign_in: SignIn) -> None:
    tenant = ConsoleTenant(pair)
    better = tenant.api.ok("POST", "/api/playbooks", {**HOLD, "name": "Better", "conditions": ALWAYS})
    held = tenant.hold()
    page = sign_in(tenant.tenant_id)
    open_exception(page, pair, held)
    tenant.api.ok("POST", f"/api/playbooks/{better['playbook_id']}/retire")
    page.get_by_role("button", name="Complete step").click()
    expect(page.get_by_role("alert")).to_contain_text("Better v1 has been retired since it was recommended")
    expect(page.get_by_role("button", name="Skip", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Recalculate").click()
    expect(page.get_by_role("region", name="Recommended Playbook")).to_contain_text(
        "Release the container version 1"
    )
    page.get_by_role("button", name="Complete step").click()
    expect(step(page, "Tell the forwarder")).to_contain_text("Completed")
