"""Pages show user input as text, and run only their own scripts."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
import requests
from tests.support.casework import Casework, note, tell
from tests.support.threaded import Threaded, serving

from executor.app import create_app
from executor.web.console.links import sign_in_link

HOSTILE = "</script><script>x()</script><img src=x onerror=x()>\" onload='x()' {{7*7}}"
COOKIE = "sentinai_session"


class Page(HTMLParser):
    """What of a page could run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.inline: list[Any] = []
        self.elsewhere: list[Any] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if (tag == "script" and "src" not in given) or tag in ("iframe", "object", "embed"):
            self.inline.append((tag, attrs))
        self.inline += [(tag, name) for name in given if name.startswith("on") or name == "style"]
        for name in ("src", "href", "action", "formaction"):
            address = given.get(name) or ""
            if address.startswith(("http", "//", "javascript:", "data:")):
                self.elsewhere.append((tag, address))


def read(url: str, token: str = "") -> requests.Response:
    cookies = {COOKIE: token} if token else {}
    return requests.get(url, cookies=cookies, timeout=20, allow_redirects=False)


@pytest.fixture
def hostile(work: Casework) -> str:
    """An exception and a playbook whose every text is an attack, worked on."""
    work.publish(HOSTILE[:100], [note(HOSTILE[:100], text=HOSTILE.replace("{", "(").replace("}", ")")), tell()])
    exception_id = work.create_exception(
        entity=HOSTILE, source_system=HOSTILE, normalized_context={HOSTILE: HOSTILE}
    )
    work.complete(exception_id, 1, notes=HOSTILE)
    work.admin.ok("POST", f"/api/exceptions/{exception_id}/comments", {"text": HOSTILE})
    return exception_id


def test_what_users_wrote_is_text(work: Casework, pair: Threaded, hostile: str):
    token = pair.token(work.tenant_id)
    playbook_id = work.state(hostile)["playbook"]["playbook_id"]
    for path in (
        "exceptions",
        f"exceptions/{hostile}",
        "playbooks",
        f"playbooks/{playbook_id}",
        f"exceptions?exception_type={HOSTILE}",
        f"playbooks?name={HOSTILE}",
        f"none/{HOSTILE}",
    ):
        page = read(f"{pair.urls['executor']}/console/{path}", token)
        assert "text/html" in page.headers["Content-Type"], path
        found = Page(page.text)
        assert found.inline == [], path
        # The workbench is the other service's.
        assert all(address.startswith(pair.urls["matcher"]) for _, address in found.elsewhere), path
    shown = read(f"{pair.urls['executor']}/console/exceptions/{hostile}", token).text
    assert "&lt;script&gt;x()&lt;/script&gt;" in shown


PAGES = [
    ("executor", "/docs", False),
    ("matcher", "/docs", False),
    ("executor", "/console/sign-in", False),
    ("executor", "/console/exceptions", True),
    ("executor", "/console/exceptions/none", True),
    ("executor", "/console/playbooks", True),
    ("matcher", "/workbench", True),
    ("matcher", "/workbench", False),
]


@pytest.mark.parametrize(("service", "path", "signed_in"), PAGES)
def test_pages_run_only_their_own_scripts(
    work: Casework, pair: Threaded, service: str, path: str, signed_in: bool
):
    page = read(pair.urls[service] + path, pair.token(work.tenant_id) if signed_in else "")
    policy = dict(part.strip().split(" ", 1) for part in page.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == "'none'"
    # Swagger UI's style sheet has its icons as data: URLs; an image cannot run anything.
    assert policy.pop("img-src") == ("'self' data:" if path == "/docs" else "'self'")
    assert {source for sources in policy.values() for source in sources.split()} <= {"'none'", "'self'"}
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert Page(page.text).inline == []


def test_behind_tls_the_cookie_is_sent_over_tls_only(pair: Threaded, work: Casework):
    link = sign_in_link(pair.settings, tenant=work.tenant_id, subject="noor", roles=["operator"])
    with serving(create_app(replace(pair.settings, cookie_secure=True))) as url:
        answer = requests.post(f"{url}/console/session", json={"token": link.partition("#")[2]}, timeout=20)
    assert "Secure" in answer.headers["Set-Cookie"]
