"""What each part of the product says about the playbook of an exception, and whether all say the same."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests
from tests.support.casework import Casework
from tests.support.threaded import Threaded

from executor.import_export import folder
from executor.import_export.export import export
from executor.web.console.links import sign_in_link
from matcher.authoring.expectations import Case, run
from matcher.authoring.files import json_files, read_document
from matcher.authoring.validate import playbook_files
from sentinai.exception_fields import RULE_FIELDS

_PANEL = re.compile(r'<h2 id="panel-title".*?</header>', re.DOTALL)
_NAMED = re.compile(r"<strong[^>]*>(.*?)</strong>\s*<span[^>]*>version (\d+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Faces:
    """The matcher, the console and the executor's API, as one person of a tenant sees them."""

    pair: Threaded
    work: Casework
    browser: requests.Session

    @classmethod
    def of(cls, pair: Threaded, work: Casework) -> Faces:
        """The faces for one tenant, with a person signed in to the console."""
        link = sign_in_link(pair.settings, tenant=work.tenant_id, subject="kim", roles=["viewer"])
        browser = requests.Session()
        answer = browser.post(
            f"{pair.urls['executor']}/console/session", json={"token": link.rpartition("#")[2]}, timeout=30
        )
        assert answer.ok, answer.text
        return cls(pair, work, browser)

    def agree(self, exception_id: str) -> None:
        """Assert that all name one playbook for an exception, by the same reasons, and as its log says."""
        exception = self.work.admin.ok("GET", f"/api/exceptions/{exception_id}")
        state = self.work.state(exception_id)
        assigned = state["playbook"] and state["playbook"]["playbook_id"]
        assert exception["current_playbook_id"] == assigned
        assert self._in_the_log(exception_id) == assigned
        assert self._in_the_list(exception_id) == assigned
        page = self._page(exception_id)
        assert _named_on(page) == (state["playbook"] and (state["playbook"]["name"], state["playbook"]["version"]))
        if exception["status"] != "resolved":
            self._agrees_with_the_matcher(exception, state, page)

    def agree_in_files(self, exception_ids: Iterable[str]) -> None:
        """Assert that the tenant's catalogue, exported to files, answers alike in ``matcher test``."""
        found = [self.work.admin.ok("GET", f"/api/exceptions/{each}") for each in exception_ids]
        expected = {each["exception_id"]: self._matched(each)["selected"] for each in found}
        bundle = export(self.pair.services.database, self.work.tenant_id)
        with TemporaryDirectory() as name:
            path = Path(name)
            folder.write(path, folder.files_of(bundle))
            files = json_files([path / "playbooks"]) if bundle.playbooks else []
            playbooks = [each.playbook for each in playbook_files(map(read_document, files))]
        cases = [Case(each["exception_id"], _known(each), self.pair.clock(), None) for each in found]
        domain_pack = bundle.domain_packs.get(self.work.domain, {})
        report = run(
            cases, playbooks, domain_pack=domain_pack, policy_pack=bundle.policy_pack, progress=lambda: None
        )
        chosen = {result.case.name: result.chosen for result in report.results}
        assert chosen == {each: selected and selected["name"] for each, selected in expected.items()}

    def _agrees_with_the_matcher(self, exception: dict[str, Any], state: dict[str, Any], page: str) -> None:
        answer = self._matched(exception)
        selected = answer["selected"]
        if state["started"]:
            in_progress = state["current_step"] is not None
            is_better = bool(selected) and selected["playbook_id"] != state["playbook"]["playbook_id"]
            assert bool(state["better_match"]) == (in_progress and is_better)
            if state["better_match"]:
                told = _timeless(state["better_match"]["reasoning"])
                assert state["better_match"] == {**selected, "reasoning": state["better_match"]["reasoning"]}
                assert told == _timeless(answer["reasoning"])
                assert f"{selected['name']} v{selected['version']}" in page
            return
        assert (state["playbook"] or {}).get("playbook_id") == (selected or {}).get("playbook_id")
        assert _timeless(state["reasoning"]) == _timeless(answer["reasoning"])
        chosen = next((each for each in answer["ranked"] if selected and _same(each, selected)), None)
        assert _clauses(state["reasons"]) == _clauses(chosen["reasons"] if chosen else [])
        assert _present(state["policy"]) == (chosen["policy"] if chosen else None)
        others = [each for each in answer["ranked"] if each is not chosen]
        assert [_without_reasons(each) for each in state["alternatives"]] == [
            _without_reasons(each) for each in others
        ]
        assert state["reasoning"] in html.unescape(page)

    def _matched(self, exception: dict[str, Any]) -> dict[str, Any]:
        """The matcher's answer, which is the same alone, in a batch and as a choice."""
        matcher = self.pair.client(self.work.tenant_id, service="matcher")
        known = _known(exception)
        answer: dict[str, Any] = matcher.ok("POST", "/api/match", {"exception": known, "limit": 10})
        batch = {"exceptions": [known], "limit": 10}
        (full,) = matcher.ok("POST", "/api/match/batch", batch)["results"]
        (choice,) = matcher.ok("POST", "/api/match/batch", {**batch, "detail": "choice"})["results"]
        assert {name: full[name] for name in full if name in answer} == {
            name: answer[name] for name in answer if name in full
        }
        assert choice["selected"] == answer["selected"]
        assert choice["valid_until"] == answer["valid_until"]
        selected = answer["selected"]
        for each in answer["ranked"]:
            assert (each["policy"] or {}).get("verdict") != "blocked" or not selected or not _same(each, selected)
        if selected:
            assert answer["reasoning"].startswith(f"{selected['name']} v{selected['version']} is selected: ")
        return answer

    def _in_the_log(self, exception_id: str) -> int | None:
        changes = self.work.events(exception_id, "PlaybookRecalculated")
        return changes[-1]["payload"]["playbook_id"] if changes else None

    def _in_the_list(self, exception_id: str) -> int | None:
        cursor: str | None = ""
        while cursor is not None:
            query = {"limit": 100, **({"cursor": cursor} if cursor else {})}
            listed = self.work.admin.ok("GET", "/api/exceptions", params=query)
            for each in listed["items"]:
                if each["exception_id"] == exception_id:
                    return each["current_playbook_id"]  # type: ignore[no-any-return]
            cursor = listed["next_cursor"]
        raise AssertionError(f"{exception_id} is not in the list")

    def _page(self, exception_id: str) -> str:
        answer = self.browser.get(f"{self.pair.urls['executor']}/console/exceptions/{exception_id}", timeout=30)
        assert answer.ok, answer.text
        return answer.text


def _timeless(reasoning: str) -> str:
    """A reasoning without the values that it was given for: the minutes that were left have passed since."""
    return re.sub(r" \(actual: [^)]*\)", "", reasoning)


def _clauses(reasons: list[dict[str, Any]]) -> list[Any]:
    return [(each["condition"], each["satisfied"]) for each in reasons]


def _without_reasons(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != "reasons"}


def _known(exception: dict[str, Any]) -> dict[str, Any]:
    """What rules read of an exception."""
    return {name: exception[name] for name in RULE_FIELDS if exception[name] is not None}


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return bool(one["playbook_id"] == other["playbook_id"])


def _present(policy: dict[str, Any] | None) -> dict[str, Any] | None:
    """A verdict without the rules that held earlier in the run, of which only the executor knows."""
    if policy is None:
        return None
    reasons = [each for each in policy["reasons"] if "held_at" not in each]
    return {**policy, "verdict": policy["verdict"] if reasons else "aligned", "reasons": reasons}


def _named_on(page: str) -> tuple[str, int] | None:
    panel = _PANEL.search(page)
    assert panel is not None
    named = _NAMED.search(panel[0])
    return (html.unescape(named[1]), int(named[2])) if named else None
