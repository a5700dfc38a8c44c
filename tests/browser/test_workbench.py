"""The rule workbench as an author uses it: by role and label, before real services."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.browser.conftest import SCHEMES
from tests.support.pair import Pair

from executor.web.console.links import sign_in_link

SignIn = Callable[..., Page]
DOMAIN = {
    "domain_name": "Rail",
    "exception_types": {
        "Signal Failure": {
            "context": {
                "line": {"type": "string", "description": "The line: ring, north or harbour."},
                "trains_held": {"type": "number", "description": "Trains that wait."},
                "staffed": {"type": "boolean"},
            }
        },
        "Late Departure": {},
    },
}
POLICY = {
    "domain_name": "Rail",
    "tags": ["regulated"],
    "tag_rules": [{"tag": "busy_line", "when": {"match": {"context.line": "ring"}}}],
}
RING = {
    "match": {"domain": "Rail", "exception_type": "Signal Failure", "context.line": "ring"},
    "priority": 40,
}
CROWDED = {
    "match": {"domain": "Rail", "exception_type": "Signal Failure", "context.trains_held_gte": 12},
    "priority": 70,
}
HELD = {
    "exception_id": "R-1",
    "domain": "Rail",
    "exception_type": "Signal Failure",
    "severity": "medium",
    "sla_deadline": "2026-05-04T09:30:00Z",
    "normalized_context": {"line": "ring", "trains_held": 7},
}


@pytest.fixture(scope="module")
def tenant(pair: Pair) -> str:
    """A tenant with packs and two playbooks."""
    tenant_id = f"rail-{uuid4().hex[:8]}"
    api = pair.client(tenant_id, "admin")
    api.ok("PUT", "/api/domain-packs/Rail", DOMAIN)
    api.ok("PUT", "/api/policy-pack", POLICY)
    steps = [{"name": "Note it", "action_type": "add_comment", "params": {"text": "Seen."}}]
    for name, conditions in (("Ring closed", RING), ("Crowd control", CROWDED)):
        api.ok("POST", "/api/playbooks", {"name": name, "conditions": conditions, "steps": steps})
    return tenant_id


@pytest.fixture
def workbench(pair: Pair, tenant: str, sign_in: SignIn) -> Callable[..., Page]:
    """Opens the workbench as an author."""

    def open_workbench(**options: Any) -> Page:
        page = sign_in(options.pop("tenant", tenant), **options)
        page.goto(f"{pair.matcher.url}/workbench")
        expect(verdict(page)).not_to_contain_text("Loading", use_inner_text=True)
        return page

    return open_workbench


def condition(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Condition")


def exception(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Exception")


def verdict(page: Page) -> Locator:
    return page.get_by_role("status", name="Verdict")


def clause(page: Page, text: str) -> Locator:
    return page.get_by_role("list", name="Clauses").get_by_role("listitem").filter(has_text=text)


def ranking(page: Page) -> Locator:
    return page.get_by_role("list", name="Ranking").get_by_role("listitem")


def hold(page: Page, conditions: Any, held: Any = HELD) -> None:
    exception(page).fill(json.dumps(held))
    condition(page).fill(conditions if isinstance(conditions, str) else json.dumps(conditions, indent=2))


def says(page: Page, text: str) -> None:
    expect(verdict(page)).to_contain_text(text, use_inner_text=True)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_matching_conditions_are_explained_clause_by_clause(workbench: Callable[..., Page], scheme: str) -> None:
    page = workbench(scheme=scheme)
    hold(page, {"match": {"severity_gte": "medium", "policy_tags_any": ["busy_line"]}, "priority": 55})

    says(page, "Valid, and it matches.")
    expect(clause(page, "severity is at least medium")).to_contain_text("Holds")
    expect(clause(page, "severity is at least medium")).to_contain_text("Actual: medium")
    expect(clause(page, "policy tags")).to_contain_text("busy_line")
    expect(
        page.get_by_text("Applies when severity is at least medium and policy tags include busy_line.")
    ).to_be_visible()
    page.get_by_text("Normalised rule").click()
    expect(page.get_by_label("Normalised rule")).to_contain_text('"and"')

    choice = page.get_by_role("region", name="Which playbook would win")
    expect(choice).to_contain_text("this draft would win over Ring closed: priority 55 against 40.")
    expect(ranking(page).nth(0)).to_contain_text("This draft")
    near = page.get_by_role("list", name="Near misses")
    expect(near).to_contain_text("Crowd control v1")
    expect(near).to_contain_text("Actual: 7")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(int(part) for part in background[4:-1].split(",")) > 384) == (scheme == "light")


def test_a_draft_of_lower_priority_ranks_below_the_selected_playbook(workbench: Callable[..., Page]) -> None:
    page = workbench()
    hold(page, {"match": {"domain": "Rail"}, "priority": 39})
    choice = page.get_by_role("region", name="Which playbook would win")
    expect(choice).to_contain_text("this draft would rank below Ring closed: priority 39 against 40.")
    expect(ranking(page).nth(0)).to_contain_text("Ring closed v1")
    ranking(page).nth(0).get_by_text("Why it matches").click()
    expect(ranking(page).nth(0)).to_contain_text("context.line is ring")
    condition(page).fill('{"match": {"domain": "Rail"}, "priority": 40}')
    expect(choice).to_contain_text("with equal priorities, the newer one wins")


def test_a_playbook_that_policy_blocks_does_not_win(pair: Pair, workbench: Callable[..., Page]) -> None:
    tenant_id = f"rail-{uuid4().hex[:8]}"
    api = pair.client(tenant_id, "admin")
    api.ok("PUT", "/api/policy-pack", {**POLICY, "blocked_actions": ["assign_owner"]})
    note = {"name": "Note it", "action_type": "add_comment", "params": {"text": "Seen."}}
    assign = {"name": "Hand over", "action_type": "assign_owner", "params": {"queue": "night-crew"}}
    for name, priority, step in (("Hand over", 60, assign), ("Note it", 50, note)):
        conditions = {"match": {"domain": "Rail"}, "priority": priority}
        api.ok("POST", "/api/playbooks", {"name": name, "conditions": conditions, "steps": [step]})
    page = workbench(tenant=tenant_id)
    choice = page.get_by_role("region", name="Which playbook would win")
    hold(page, {"match": {"domain": "Ferry"}})
    expect(choice).to_contain_text("Without this draft, Note it wins.")
    expect(ranking(page).nth(0)).to_contain_text("Blocked by policy: step 1 (Hand over): the action assign_owner")
    expect(ranking(page).nth(1).get_by_text("Blocked by policy")).to_be_hidden()
    condition(page).fill('{"match": {"domain": "Rail"}, "priority": 55}')
    expect(choice).to_contain_text("this draft would win over Note it: priority 55 against 50.")


def test_an_error_is_shown_in_place_with_a_hint_until_fixed(workbench: Callable[..., Page]) -> None:
    page = workbench()
    hold(page, '{\n  "match": {\n    "domain": "Rail",\n    "severty": "high"\n  }\n}')
    says(page, "Not valid: one error.")
    problem = page.get_by_role("list", name="Problems in the condition").get_by_role("listitem")
    expect(problem).to_have_count(1)
    expect(problem).to_contain_text("Unknown predicate 'severty'.")
    expect(problem).to_contain_text("Did you mean 'severity'?")
    expect(condition(page)).to_have_attribute("aria-invalid", "true")

    problem.get_by_role("button", name="Line 4").click()
    expect(condition(page)).to_be_focused()
    assert page.evaluate("getSelection().toString()") == '"severty"'
    page.keyboard.type('"severity"')
    says(page, "Valid, but no match:")
    expect(problem).to_have_count(0)
    expect(condition(page)).to_have_attribute("aria-invalid", "false")


NO_JSON = [
    ('{"match": {}\n "priority": 3}', 1, "A comma or } is missing after this."),
    ('{"match": {"domain": "Rail",}}', 1, "Nothing follows this comma: remove it."),
    ('{\n"match": {"amount_gt": 01}}', 2, "01 is not a value."),
    ('{\n\n"match": {"domain": "Rail}}', 3, "This string is not closed"),
    ('{"match": {"domain": "Rail"}, "match": {}}', 1, "This key is used twice."),
    ('{"match": {"domain": \'Rail\'}}', 1, 'Put text in double quotes: "Rail".'),
    ('{"match": {},\n"priority', 2, "This string is not closed"),
    ('{"match": {}', 1, "A comma or } is missing after this."),
    ('{"match": {}}\n}', 2, "Unexpected text after the end of the document."),
    ("[" * 200, 1, "This is nested too deeply."),
]


def test_invalid_json_is_reported_with_its_position(workbench: Callable[..., Page]) -> None:
    page = workbench()
    for text, line, message in NO_JSON:
        condition(page).fill(text)
        problem = page.get_by_role("list", name="Problems in the condition").get_by_role("listitem")
        expect(problem).to_contain_text(message)
        expect(problem.get_by_role("button", name=f"Line {line}")).to_be_visible()
        condition(page).fill("")
        expect(problem).to_have_count(0)


def test_no_match_shows_what_fails_and_who_wins_instead(workbench: Callable[..., Page]) -> None:
    page = workbench()
    hold(page, {"match": {"domain": "Rail", "context.trains_held_gt": 20, "amount_lt": 5}})
    says(page, "Valid, but no match: 2 of 3 clauses do not hold")
    expect(clause(page, "context.trains_held is more than 20")).to_contain_text("Fails")
    expect(clause(page, "context.trains_held is more than 20")).to_contain_text("Actual: 7")
    expect(clause(page, "domain is Rail")).to_contain_text("Holds")
    expect(page.get_by_text("Without this draft, Ring closed wins.")).to_be_visible()
    expect(ranking(page)).to_have_count(1)


def test_a_rule_that_cannot_be_evaluated_says_why(workbench: Callable[..., Page]) -> None:
    page = workbench()
    hold(page, {"logic": {"<": [{"var": "exception.domain"}, 5]}})
    says(page, "Valid, but evaluation fails:")
    expect(page.get_by_role("list", name="Warnings")).to_contain_text("Line")


def test_a_condition_is_written_by_completion_and_keyboard_alone(workbench: Callable[..., Page]) -> None:
    page = workbench()
    options = page.get_by_role("listbox", name="Suggestions")
    condition(page).fill("")
    condition(page).focus()
    page.keyboard.press("Control+Space")
    expect(options.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    page.keyboard.type('"sev')
    expect(options.get_by_role("option").first).to_contain_text("severity")
    page.keyboard.press("ArrowDown")
    chosen = options.get_by_role("option", selected=True)
    expect(chosen).to_contain_text("severity_in")
    expect(condition(page)).to_have_attribute("aria-activedescendant", str(chosen.get_attribute("id")))
    page.keyboard.press("Enter")
    expect(options.get_by_role("option")).to_have_text(["low", "medium", "high", "critical"])
    page.keyboard.type("me")
    page.keyboard.press("Tab")
    expect(condition(page)).to_have_value('{"match": {"severity_in": ["medium"]}}')
    expect(options).to_be_hidden()
    exception(page).fill(json.dumps(HELD))
    says(page, "Valid, and it matches.")

    condition(page).focus()
    page.keyboard.press("Control+Space")
    page.keyboard.press("Escape")
    expect(options).to_be_hidden()
    page.keyboard.press("Tab")
    expect(condition(page)).not_to_be_focused()


COMPLETED = [
    ('{"match": {"exception_type": "', ["Late Departure", "Signal Failure"]),
    ('{"match": {"policy_tags_none": ["', ["busy_line", "regulated"]),
    ('{"match": {"context.line": ', ["ring"]),
    ('{"match": {"context.staffed": ', ["false", "true"]),
    ('{"match": {"domain": "Rail", "domain_n', ["domain_not", "domain_not_in"]),
    ('{"match": {"sla_window": {"minutes_remaining_lte', ["minutes_remaining_lte"]),
    ('{"logic": {"==": [{"var": "exception.status"}, "esc', ["escalated"]),
    ('{"logic": {"missing": ["trains', ["exception.normalized_context.trains_held"]),
    ('{"logic": {"glo', ["glob"]),
    ('{"match": {}, "', ["logic", "priority"]),
]


def test_completion_knows_packs_playbooks_and_the_language(workbench: Callable[..., Page]) -> None:
    page = workbench()
    for typed, expected in COMPLETED:
        condition(page).fill(typed)
        page.keyboard.press("Control+Space")
        options = page.get_by_role("listbox", name="Suggestions").get_by_role("option")
        expect(options).to_have_count(len(expected))
        assert sorted(option.split("\n")[0] for option in options.all_inner_texts()) == expected


def test_samples_are_made_of_the_domain_pack(workbench: Callable[..., Page]) -> None:
    page = workbench()
    page.get_by_label("Sample", exact=True).select_option("Signal Failure: high, due in 45 min")
    sample = json.loads(exception(page).input_value())
    assert sample["exception_type"] == "Signal Failure"
    assert sample["normalized_context"] == {"line": "ring", "trains_held": 12, "staffed": True}
    condition(page).fill("")
    says(page, "No condition yet.")
    expect(ranking(page).first).to_contain_text("Crowd control v1")


def test_exceptions_have_completion_and_their_errors_are_shown(workbench: Callable[..., Page]) -> None:
    page = workbench()
    hold(page, RING, {"exception_id": "R-2", "severity": "high", "sevrity": 1})
    says(page, "the exception contains errors")
    problems = page.get_by_role("list", name="Problems in the exception")
    expect(problems).to_contain_text("Unknown field 'sevrity'.")
    exception(page).fill('{"exception_id": "R-2", "normalized_context": {"trai')
    page.keyboard.press("Control+Space")
    page.keyboard.press("Enter")
    page.keyboard.type("3}}")
    expect(exception(page)).to_have_value('{"exception_id": "R-2", "normalized_context": {"trains_held": 3}}')
    says(page, "Valid, but no match")


def test_time_is_what_the_author_says(workbench: Callable[..., Page]) -> None:
    page = workbench()
    hold(page, {"match": {"sla_minutes_remaining_lte": 30, "sla_breached": False}})
    says(page, "Valid, but no match: 1 of 2")
    page.get_by_label("As of (UTC)").fill("2026-05-04T09:10")
    says(page, "Valid, and it matches.")
    expect(clause(page, "SLA minutes remaining is at most 30")).to_contain_text("Actual: 20")


def test_a_published_playbook_is_revised_in_place_of_itself(workbench: Callable[..., Page]) -> None:
    page = workbench()
    exception(page).fill(json.dumps(HELD))
    page.get_by_label("Start from").select_option("Ring closed v1")
    expect(page.get_by_text("The next version of Ring closed v1")).to_be_visible()
    assert json.loads(condition(page).input_value()) == RING
    says(page, "Valid, and it matches.")
    expect(ranking(page)).to_have_text(["This draftpriority 40"])
    page.get_by_role("button", name="Make it a new playbook").click()
    expect(ranking(page)).to_have_count(2)
    expect(page.get_by_role("list", name="Warnings")).to_contain_text("Ring closed v1 has the same conditions.")


def test_format_keeps_every_number_as_it_was_typed(workbench: Callable[..., Page]) -> None:
    page = workbench()
    condition(page).fill('{"match":{"amount_gt":1.50e3,"entity":"a, {b"},"priority":7}')
    page.get_by_role("button", name="Format").first.click()
    expected = '{\n  "match": {\n    "amount_gt": 1.50e3,\n    "entity": "a, {b"\n  },\n  "priority": 7\n}'
    expect(condition(page)).to_have_value(expected)
    page.keyboard.press("Control+z")
    expect(condition(page)).to_have_value('{"match":{"amount_gt":1.50e3,"entity":"a, {b"},"priority":7}')


def test_a_long_text_is_formatted_at_once_and_back(workbench: Callable[..., Page]) -> None:
    page = workbench()
    rules = [{"===": [{"var": "exception.entity"}, f"Depot {number} {'long ' * 14}"]} for number in range(150)]
    text = json.dumps({"match": {"domain": "Rail"}, "logic": {"or": rules}})
    condition(page).fill(text)
    started = time.monotonic()
    page.get_by_role("button", name="Format").first.click()
    assert time.monotonic() - started < 5
    assert condition(page).input_value().count("\n") > 600
    page.keyboard.press("Control+z")
    expect(condition(page)).to_have_value(text)


def test_an_unavailable_matcher_loses_nothing_and_is_retried(workbench: Callable[..., Page]) -> None:
    page = workbench()
    page.route("**/api/**", lambda route: route.abort())
    hold(page, RING)
    says(page, "The matcher is unavailable.")
    page.unroute("**/api/**")
    page.get_by_role("button", name="Try again").click()
    says(page, "Valid, and it matches.")


def test_a_session_that_is_over_keeps_the_draft(workbench: Callable[..., Page], pair: Pair, tenant: str) -> None:
    page = workbench()
    cookies = page.context.cookies()
    page.context.clear_cookies()
    hold(page, RING)
    says(page, "Your session has expired.")
    expect(verdict(page).get_by_role("link", name="Sign in to the console")).to_be_visible()
    assert json.loads(condition(page).input_value()) == RING
    other = page.context.new_page()
    other.goto(sign_in_link(pair.settings, tenant=tenant, subject="alex", roles=["author"]))
    other.wait_for_url("**/console/exceptions")
    other.close()
    expect(verdict(page)).to_contain_text("Valid, and it matches.", use_inner_text=True, timeout=15_000)

    page.context.clear_cookies()
    page.reload()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    link = page.get_by_role("link", name="Sign in to the console")
    expect(link).to_have_attribute("href", f"{pair.executor.url}/console/sign-in")
    page.context.add_cookies(cookies)  # type: ignore[arg-type]
    page.reload()
    says(page, "Valid, and it matches.")
    assert json.loads(condition(page).input_value()) == RING


def test_a_person_who_is_not_an_author_sees_why_access_is_denied(pair: Pair, tenant: str, sign_in: SignIn) -> None:
    page = sign_in(tenant, roles=("operator",))
    page.goto(f"{pair.matcher.url}/workbench")
    expect(page.get_by_role("heading", name="The workbench is for authors")).to_be_visible()
    answer = page.request.get(f"{pair.matcher.url}/workbench/material")
    assert (answer.status, answer.json()["code"]) == (403, "forbidden")


def test_it_fits_a_narrow_screen(workbench: Callable[..., Page]) -> None:
    page = workbench(viewport={"width": 360, "height": 740})
    hold(page, {"match": {"domain": "Rail", "entity": "x" * 200}, "priority": 1})
    says(page, "Valid, but no match")
    condition(page).fill('{"match": {"context.')
    page.keyboard.press("Control+Space")
    expect(page.get_by_role("listbox", name="Suggestions")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_another_tenants_playbook_is_not_there(pair: Pair, tenant: str, sign_in: SignIn) -> None:
    own = pair.client(tenant, "admin").ok("GET", "/api/playbooks")["items"][0]["playbook_id"]
    page = sign_in("elsewhere")
    assert page.request.get(f"{pair.matcher.url}/workbench/playbooks/{own}").status == 404
