"""The demo documents are valid, say what they mean, and show all that the product can do."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from tests.unit.demo.demo_data import TENANTS, Demo, demo, operators

from executor.actions.registry import actions
from executor.publishing.playbooks import check_playbook
from matcher.authoring.validate import check_files
from sentinai import packs
from sentinai.conditions.language import vocabulary
from sentinai.conditions.language.vocabulary import CONTEXT_PREFIX, FIELDS, SUFFIXES, TEXT
from sentinai.documents.schemas import check, schemas
from sentinai.exception_fields import SEVERITIES

INTENDED = {
    # Raw JSON-Logic that no index can answer; the benchmark of a believable catalogue wants some.
    ("04-csdr-penalty-containment.json", "not_indexed"),
    ("08-margin-dispute-reconciliation.json", "not_indexed"),
    ("10-nav-tolerance-breach.json", "not_indexed"),
    ("15-corporate-action-election.json", "not_indexed"),
    ("18-regulatory-report-rejected.json", "not_indexed"),
    ("09-claim-rejected-identity.json", "not_indexed"),
    ("10-remittance-imbalance.json", "not_indexed"),
    ("16-coordination-of-benefits.json", "not_indexed"),
    ("18-credential-lapse-network-impact.json", "not_indexed"),
    ("20-coding-edit-imaging.json", "not_indexed"),
    ("27-unreadable-intake.json", "not_indexed"),
    # Shows a playbook that the policy passes over.
    ("05-csdr-buy-in.json", "tool_not_approved"),
}


@pytest.fixture(params=TENANTS)
def tenant(request: pytest.FixtureRequest) -> Demo:
    return demo(request.param)


def test_every_document_is_valid_by_its_schema(tenant: Demo) -> None:
    assert check("domain-pack", tenant.packs.domain) == []
    assert check("policy-pack", tenant.packs.policy) == []
    for name, playbook in tenant.playbooks.items():
        assert (name, check("playbook-publish", playbook)) == (name, [])
    for exception in tenant.exceptions:
        assert (exception["exception_id"], check("exception-create", exception)) == (exception["exception_id"], [])


def test_the_packs_have_no_findings_and_belong_together(tenant: Demo) -> None:
    assert packs.check_domain_pack(tenant.packs.domain) == ([], [])
    assert packs.check_policy_pack(tenant.packs.policy) == ([], [])
    assert tenant.packs.policy["tenant_id"] == tenant.tenant["tenant_id"] == tenant.folder.name
    assert tenant.packs.policy["domain_name"] == tenant.packs.domain["domain_name"]
    known = set(packs.tools(tenant.packs.domain))
    assert set(tenant.packs.policy["approved_tools"]) < known
    assert set(tenant.packs.policy["blocked_actions"]) < known


def test_publishing_warns_of_nothing_but_what_is_meant() -> None:
    found: set[tuple[str, str]] = set()
    for tenant in map(demo, TENANTS):
        for name, playbook in tenant.playbooks.items():
            found |= {(name, finding.code) for finding in check_playbook(playbook, tenant.packs)}
    assert found == INTENDED


def test_playbooks_held_against_each_other_have_no_further_findings(tenant: Demo) -> None:
    paths = [tenant.folder / "playbooks" / name for name in tenant.playbooks]
    findings = check_files(
        paths, domain_pack=tenant.packs.domain, policy_pack=tenant.packs.policy, progress=lambda: None
    )
    assert {(found.path.name, found.finding.code) for found in findings} <= INTENDED


def test_there_is_enough_of_everything(tenant: Demo) -> None:
    assert len(tenant.packs.domain["exception_types"]) >= 8
    assert len(tenant.playbooks) >= 12
    assert len(tenant.entries) >= 40
    exceptions = tenant.exceptions
    types = Counter(each["exception_type"] for each in exceptions)
    assert set(types) == set(tenant.packs.domain["exception_types"])
    severities = Counter(each.get("severity") for each in exceptions)
    assert set(severities) == {*SEVERITIES, None}
    assert severities[None] >= 8
    deadlines = [entry["exception"].get("sla_deadline", "none")[0] for entry in tenant.entries]
    assert set(deadlines) == {"+", "-", "n"}
    amounts = [each["amount"] for each in exceptions if "amount" in each]
    assert max(amounts) > 1000 * min(amounts)
    assert sum("work" in entry for entry in tenant.entries) >= 20


def test_the_readme_counts_right(tenant: Demo) -> None:
    counted = (
        f"{len(tenant.packs.domain['exception_types'])} exception types, "
        f"{len(tenant.playbooks)} playbooks, {len(tenant.entries)} exceptions"
    )
    readme = (tenant.folder.parent / "README.md").read_text("utf-8")
    assert re.search(rf"`{tenant.folder.name}` \| {tenant.tenant['name']},.*\| {counted} \|", readme)


def test_names_and_ids_are_used_once(tenant: Demo) -> None:
    names = [playbook["name"] for playbook in tenant.playbooks.values()]
    ids = [exception["exception_id"] for exception in tenant.exceptions]
    assert len(set(names)) == len(names)
    assert len(set(ids)) == len(ids)
    numbers = [int(name[:2]) for name in tenant.playbooks]
    assert numbers == list(range(1, len(numbers) + 1))


def test_every_action_is_used_in_every_way_that_its_params_know() -> None:
    steps = [step for tenant in map(demo, TENANTS) for step in tenant.steps]
    assert {step["action_type"] for step in steps} == set(actions())
    used: dict[str, set[str]] = {action_type: set() for action_type in actions()}
    for step in steps:
        used[step["action_type"]] |= set(step["params"])
    known = {action_type: set(schemas()[f"actions/{action_type}"]["properties"]) for action_type in actions()}
    assert used == known
    channels = {step["params"]["channel"] for step in steps if step["action_type"] == "notify"}
    assert channels == set(schemas()["actions/notify"]["properties"]["channel"]["enum"])
    assert any(step.get("requires_approval") for step in steps)


def test_every_field_and_suffix_of_match_is_used() -> None:
    keys = [key for tenant in map(demo, TENANTS) for key in _match_keys(tenant)]
    fields = {_field(key) for key in keys}
    assert fields == {*FIELDS, CONTEXT_PREFIX, "exception_types", "sla_window"}
    suffixes = {key.removeprefix(_field(key)).lstrip("_") for key in keys if _field(key) in FIELDS}
    assert suffixes == {suffix for of_kind in SUFFIXES.values() for suffix in of_kind}
    text_suffixes = {
        key.removeprefix(_field(key)).lstrip("_") for key in keys if FIELDS.get(_field(key)) and _kind(key) == TEXT
    }
    assert text_suffixes == set(SUFFIXES[TEXT])


def test_conditions_use_wildcards_lists_and_raw_rules() -> None:
    conditions = [
        playbook["conditions"] for tenant in map(demo, TENANTS) for playbook in tenant.playbooks.values()
    ]
    types = [str(each["match"].get("exception_type")) for each in conditions]
    assert any(name.startswith("*") for name in types)
    assert any(name.endswith("*") for name in types)
    assert any(isinstance(value, list) for each in conditions for value in each["match"].values())
    used = {operator for each in conditions for operator in operators(each.get("logic"))}
    assert used >= {"all", "some", "reduce", "missing", "missing_some", "glob", "max", "substr", "or", "and", "!"}
    assert used <= set(vocabulary.OPERATORS)


def test_priorities_decide_between_playbooks_of_a_tenant(tenant: Demo) -> None:
    priorities = [playbook["conditions"]["priority"] for playbook in tenant.playbooks.values()]
    assert len(set(priorities)) == len(priorities)
    assert min(priorities) < 0 < max(priorities)


def test_playbooks_end_in_different_ways() -> None:
    ends = Counter(
        (playbook.get("on_completion") or {}).get("set_status")
        for tenant in map(demo, TENANTS)
        for playbook in tenant.playbooks.values()
    )
    assert set(ends) == {None, "pending_review", "resolved", "escalated"}
    assert {demo(name).packs.policy["resolve_on_completion"] for name in TENANTS} == {True, False}


def test_templates_use_every_root_and_format_specs() -> None:
    texts = [text for tenant in map(demo, TENANTS) for text in _texts([tenant.packs.domain, tenant.steps])]
    placeholders = [found for text in texts for found in re.findall(r"(?<!\{)\{([a-z_.0-9]+)(:[^}]*)?\}", text)]
    roots = {path.partition(".")[0] for path, _ in placeholders}
    assert roots >= {"exception", "domain_pack", "policy_pack", "sla", "step", "actor"}
    specs = {spec for _, spec in placeholders}
    assert specs >= {":,.2f", ":.0f", ":>16,.2f"}


def test_securities_firms_and_providers_have_numbers_that_check() -> None:
    """Invented, but of the right make: who knows the business sees it at once."""
    found = [pair for tenant in map(demo, TENANTS) for pair in _members([tenant.exceptions])]
    isins = [value for key, value in found if key == "isin"]
    isins += [item for key, value in found if key == "stale_prices" for item in value]
    npis = [value for key, value in found if key == "npi"]
    leis = [value[:20] for key, value in found if key == "uti"]
    assert min(len(isins), len(npis), len(leis)) >= 4
    assert [isin for isin in isins if not _luhn("".join(str(int(sign, 36)) for sign in isin))] == []
    assert [npi for npi in npis if len(npi) != 10 or not _luhn(f"80840{npi}")] == []
    assert [lei for lei in leis if int("".join(str(int(sign, 36)) for sign in lei)) % 97 != 1] == []


def test_providers_are_nobody() -> None:
    """Numbers that begin with 1 are given to providers, those with 2 to nobody so far."""
    assert {value[0] for key, value in _members([demo("healthcare").exceptions]) if key == "npi"} == {"2"}


def _match_keys(tenant: Demo) -> Iterator[str]:
    rules = [*tenant.packs.policy["tag_rules"], *tenant.packs.domain["severity_rules"]]
    conditions = [playbook["conditions"] for playbook in tenant.playbooks.values()]
    conditions += [rule["when"] for rule in rules if isinstance(rule["when"], dict) and "match" in rule["when"]]
    for each in conditions:
        yield from each["match"]


def _field(key: str) -> str:
    if key.startswith(CONTEXT_PREFIX):
        return CONTEXT_PREFIX
    if key in ("exception_types", "sla_window"):
        return key
    return max((name for name in FIELDS if key == name or key.startswith(f"{name}_")), key=len)


def _kind(key: str) -> str:
    return FIELDS[_field(key)].kind


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    if isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _members(item)


def _luhn(digits: str) -> bool:
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(sum(divmod(number, 10)) for number in doubled) % 10 == 0
