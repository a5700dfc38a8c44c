"""Every page in every main state, by axe-core: nothing serious, in both colour schemes, wide and narrow."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from tests.browser.conftest import SCHEMES
from tests.browser.console_page import HOLD, ConsoleTenant
from tests.support.pair import Pair

import sentinai.web

SignIn = Callable[..., Page]
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
SIZES = ({"width": 1280, "height": 900}, {"width": 360, "height": 740})
SERIOUS = ("serious", "critical")


def failures(page: Page) -> list[str]:
    """The serious findings of axe on the current page, in both colour schemes, wide and narrow."""
    found: list[str] = []
    page.wait_for_load_state()
    for size in SIZES:
        page.set_viewport_size(size)  # type: ignore[arg-type]
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            for violation in Axe().run(page, options=RULES).response["violations"]:
                if violation["impact"] in SERIOUS:
                    nodes = [node["html"][:120] for node in violation["nodes"][:3]]
                    found.append(f"{size['width']} {scheme} {page.url}: {violation['id']} {nodes}")
        if page.evaluate("document.documentElement.scrollWidth") > size["width"]:
            found.append(f"{page.url} is wider than {size['width']}")
    return found


@pytest.fixture(scope="module")
def tenant(pair: Pair) -> ConsoleTenant:
    return ConsoleTenant(pair)


def blocked(tenant: ConsoleTenant) -> str:
    held = tenant.hold(normalized_context={"port": "Gdynia"})
    for order in (1, 2):
        tenant.complete(held, order)
    return held


def completed(tenant: ConsoleTenant) -> str:
    held = tenant.hold()
    for order in range(1, len(HOLD["steps"]) + 1):
        tenant.complete(held, order)
    return held


def better(tenant: ConsoleTenant) -> str:
    held = tenant.hold()
    tenant.complete(held, 1)
    tenant.api.ok("PATCH", f"/api/exceptions/{held}", {"severity": "critical"})
    return held


def fitting_nothing(tenant: ConsoleTenant) -> str:
    return tenant.hold(exception_type="Lost Container", severity=None, entity=None, amount=None)


STATES: dict[str, tuple[Callable[[ConsoleTenant], str], str]] = {
    "fresh": (ConsoleTenant.hold, "Recommended, not started"),
    "blocked": (blocked, "No value for"),
    "completed": (completed, "Playbook completed"),
    "better match": (better, "is now the best match"),
    "nothing fits": (fitting_nothing, "Why no playbook"),
}


@pytest.mark.parametrize("state", STATES)
def test_an_exception_in_every_state(pair: Pair, tenant: ConsoleTenant, sign_in: SignIn, state: str) -> None:
    bring_about, text = STATES[state]
    page = sign_in(tenant.tenant_id, reduced_motion="reduce")
    page.goto(f"{pair.executor.url}/console/exceptions/{bring_about(tenant)}")
    expect(page.get_by_text(text).first).to_be_visible()
    for summary in page.locator("summary").all():
        summary.click()
    assert failures(page) == []


def test_dialogs_refusals_and_messages(pair: Pair, tenant: ConsoleTenant, sign_in: SignIn) -> None:
    page = sign_in(tenant.tenant_id, reduced_motion="reduce")
    page.goto(f"{pair.executor.url}/console/exceptions/{tenant.hold()}")
    page.get_by_role("button", name="Skip", exact=True).click()
    expect(page.get_by_role("dialog", name="Skip this step?")).to_be_visible()
    found = failures(page)
    page.keyboard.press("Escape")
    page.route("**/playbook/recalculate", lambda route: route.abort())
    page.get_by_role("button", name="Recalculate").click()
    expect(page.get_by_role("alert")).to_contain_text("The service cannot be reached")
    page.get_by_label("Comment", exact=True).fill("Seen.")
    page.get_by_role("button", name="Comment", exact=True).click()
    expect(page.get_by_role("status", name="Messages")).to_contain_text("Comment added.")
    assert found + failures(page) == []


PAGES = {
    "/exceptions": "Most urgent first",
    "/exceptions?owner=whoever": "No exceptions match these filters.",
    "/playbooks": "Release the container",
    "/exceptions/none": "Back to the exceptions",
    "/nowhere": "Back to the exceptions",
}


@pytest.mark.parametrize("path", PAGES)
def test_the_other_pages_of_the_console(pair: Pair, tenant: ConsoleTenant, sign_in: SignIn, path: str) -> None:
    tenant.hold()
    page = sign_in(tenant.tenant_id, reduced_motion="reduce")
    page.goto(f"{pair.executor.url}/console{path}")
    expect(page.locator("main")).to_contain_text(PAGES[path])
    found = failures(page)
    if path == "/playbooks":
        page.get_by_role("link", name="Release the container").click()
        expect(page.get_by_role("heading", name="When it applies")).to_be_visible()
        found += failures(page)
    assert found == []


def test_signing_in(pair: Pair, sign_in: SignIn) -> None:
    page = sign_in("nobody-yet")
    expect(page.get_by_text("No exceptions yet.")).to_be_visible()
    found = failures(page)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    found += failures(page)
    page.goto(f"{pair.matcher.url}/workbench")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert found + failures(page) == []


CONDITIONS = {
    '{"match": {"domain": "Freight", "severity_gte": "low"}, "priority": 20}': "Valid, and it matches.",
    '{"match": {"domain": "Freight", "amount_gt": 90000}}': "Valid, but no match",
    '{"match": {"domian": "Freight"}}': "Not valid",
}
HELD = '{"exception_id": "H-1", "domain": "Freight", "exception_type": "Customs Hold", "severity": "high"}'


def test_the_workbench(pair: Pair, tenant: ConsoleTenant, sign_in: SignIn) -> None:
    page = sign_in(tenant.tenant_id, reduced_motion="reduce")
    page.goto(f"{pair.matcher.url}/workbench")
    page.get_by_role("textbox", name="Exception").fill(HELD)
    found: list[str] = []
    for condition, text in CONDITIONS.items():
        page.get_by_role("textbox", name="Condition").fill(condition)
        verdict = page.get_by_role("status", name="Verdict")
        expect(verdict).to_contain_text(text, use_inner_text=True)
        found += failures(page)
    page.get_by_role("textbox", name="Condition").fill('{"match": {"')
    page.keyboard.press("Control+Space")
    expect(page.get_by_role("listbox", name="Suggestions")).to_be_visible()
    assert found + failures(page) == []


def test_selected_items_have_a_border_in_forced_colours(
    pair: Pair, tenant: ConsoleTenant, sign_in: SignIn
) -> None:
    page = sign_in(tenant.tenant_id, forced_colors="active")
    page.goto(f"{pair.executor.url}/console/exceptions/{tenant.hold()}")
    chosen = (
        page.get_by_role("button", name="All", pressed=True),
        page.get_by_role("link", name="Exceptions").and_(page.locator("[aria-current]")),
        page.get_by_role("list", name="Steps").locator("[aria-current]"),
    )
    for each in chosen:
        assert each.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"
    other = page.get_by_role("button", name="Record", pressed=False)
    assert other.evaluate("element => getComputedStyle(element).outlineStyle") == "none"


def luminance(colour: str) -> float:
    """How bright a colour is, from 0 to 1 (WCAG 2.2, relative luminance)."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, from 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def palette() -> Iterator[tuple[str, dict[str, str]]]:
    """The colours by name, once for each scheme."""
    sheet = (Path(sentinai.web.__file__).parent / "static" / "sentinai.css").read_text()
    pairs = re.findall(r"--([\w-]+): light-dark\((#\w+), (#\w+)\);", sheet)
    for index, scheme in enumerate(SCHEMES, 1):
        yield scheme, {row[0]: in_full(row[index]) for row in pairs}


def in_full(colour: str) -> str:
    """A colour with two digits for each channel."""
    return colour if len(colour) == 7 else "#" + "".join(digit * 2 for digit in colour[1:])


GROUNDS = ("paper", "surface", "raised")
TONES = ("critical", "high", "medium", "low", "good", "accent")
TEXTS = [
    *((ink, ground) for ink in ("ink", "ink-2", *TONES) for ground in GROUNDS),
    *((tone, f"{tone}-soft") for tone in TONES),
    *((ink, f"{tone}-soft") for ink in ("ink", "ink-2") for tone in TONES),
    ("accent-ink", "accent"),
]


def test_every_text_can_be_read_on_every_ground() -> None:
    poor = [
        f"{scheme}: {ink} on {ground} {contrast(colours[ink], colours[ground]):.2f}"
        for scheme, colours in palette()
        for ink, ground in TEXTS
        if contrast(colours[ink], colours[ground]) < 4.5
    ]
    assert poor == []


def test_the_edges_of_fields_and_buttons_can_be_seen() -> None:
    for _, colours in palette():
        for edge, ground in (("line-strong", "surface"), ("line-strong", "raised"), ("accent", "paper")):
            assert contrast(colours[edge], colours[ground]) >= 3


def test_severities_differ_by_more_than_their_hue() -> None:
    icons = (Path(sentinai.web.__file__).parent / "templates" / "icons.html").read_text()
    shapes = {
        name: re.search(rf'id="icon-{name}"[^>]*>(.*?)</symbol>', icons).group(1)  # type: ignore[union-attr]
        for name in ("critical", "high", "medium", "low")
    }
    assert all(shapes[one] != shapes[other] for one, other in combinations(shapes, 2))
