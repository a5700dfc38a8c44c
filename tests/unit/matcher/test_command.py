from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from matcher.cli import main
from sentinai import published
from sentinai.clock import parse_time
from sentinai.conditions.lint.other_playbooks import Origin

STEPS = [{"name": "Note", "action_type": "add_comment", "params": {"text": "seen"}}]
AS_OF = "2026-08-03T05:00:00Z"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def invoke(*arguments: str) -> Result:
        result = CliRunner().invoke(main, arguments)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return invoke


def write(path: str, value: Any) -> None:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(value if isinstance(value, str) else json.dumps(value, indent=2), "utf-8")


def playbook(name: str, conditions: Any) -> dict[str, Any]:
    return {"name": name, "conditions": conditions, "steps": STEPS}


@pytest.fixture
def catalogue(run):
    """Two playbooks about sluices."""
    write("playbooks/01-any.json", playbook("Any sluice", {"match": {"exception_type": "Sluice *"}}))
    urgent = {"match": {"exception_type": "Sluice *", "sla_minutes_remaining_lt": 30}, "priority": 4}
    write("playbooks/02-urgent.json", playbook("Urgent sluice", urgent))


def test_errors_and_warnings_have_a_line_and_column(run):
    write("c.json", '{\n  "match": {"entty": "Lock 3",\n    "severity": "dire"},\n  "logic": {"log": 1}\n}\n')
    result = run("validate", "c.json")
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert lines[0].startswith("c.json:2:13: error unknown_predicate: Unknown predicate 'entty'")
    assert "entity" in lines[0]
    assert lines[1].startswith("c.json:3:17: error unknown_severity")
    assert lines[2].startswith("c.json:4:13: error operator_not_allowed")
    assert lines[-1] == "1 file: 3 errors, 0 warnings"


def test_warnings_alone_do_not_fail(run):
    write("c.json", {"match": {"exception_type": "Sluce Jam"}})
    write("pack.json", {"exception_types": ["Sluice Jam"]})
    result = run("validate", "c.json", "--domain-pack", "pack.json")
    assert result.exit_code == 0
    assert "c.json:3:23: warning unknown_exception_type" in result.output
    assert "Sluice Jam" in result.output


def test_playbooks_given_together_are_compared(run, catalogue):
    write("playbooks/03-again.json", playbook("Again", {"match": {"exception_type": "Sluice *"}}))
    result = run("validate", "playbooks")
    assert result.exit_code == 0
    assert "01-any.json" in result.output
    assert "Again" in result.output
    assert "3 files: 0 errors" in result.output


def test_a_whole_playbook_is_validated_by_its_schema_too(run):
    write("p.json", {"name": "P", "conditions": {"match": {"amount": "1"}}, "stepps": []})
    result = run("validate", "p.json", "--format", "json")
    assert result.exit_code == 1
    found = {(entry["pointer"], entry["code"]) for entry in json.loads(result.output)}
    assert found == {
        ("/stepps", "unknown_field"),
        ("/steps", "required"),
        ("/conditions/match/amount", "wrong_type"),
    }


def test_a_step_with_a_tool_that_the_pack_does_not_define_is_a_warning(run):
    steps = [{"name": "Call", "action_type": "call_tool", "params": {"tool_id": "open_gate", "payload": {}}}]
    document = {"name": "P", "conditions": {"match": {"entity": "Lock 3"}}, "steps": steps}
    write("p.json", document)
    write("pack.json", {"tools": {"close_gate": {}}})
    result = run("validate", "p.json", "--domain-pack", "pack.json")
    line = 1 + json.dumps(document, indent=2).splitlines().index('        "tool_id": "open_gate",')
    assert f"p.json:{line}:20: warning unknown_tool" in result.output


def test_github_annotations_are_escaped(run):
    write("a,b.json", {"logic": {"100%": 1}})
    result = run("validate", "a,b.json", "--format", "github")
    assert result.output.startswith("::error file=a%2Cb.json,line=3,col=5,title=operator_not_allowed::")
    assert "100%25" in result.output
    assert result.output.count("\n") == 1


def test_a_file_that_is_not_json_is_an_error_at_its_position(run):
    write("c.json", '{"match": {\n  "entity" 5}}')
    result = run("validate", "c.json")
    assert result.exit_code == 1
    assert "c.json:2:12: error unusable_file" in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("validate",),
        ("validate", "absent.json"),
        ("validate", "c.json", "--format", "xml"),
        ("evaluate", "--conditions", "c.json"),
        ("evaluate", "--conditions", "c.json", "--exception", "c.json", "--as-of", "noon"),
        ("evaluate", "--conditions", "c.json", "--exception", "c.json"),
        ("test", "c.json", "--playbooks", "."),
    ],
)
def test_a_command_that_cannot_run_exits_with_2(run, arguments):
    write("c.json", {"match": {}})
    assert run(*arguments).exit_code == 2


def test_evaluate_prints_each_clause_with_the_actual_value(run):
    write("c.json", {"match": {"sla_minutes_remaining_lte": 20, "entity": "Lock 3"}})
    write("e.json", {"exception_id": "E", "entity": "Lock 3", "sla_deadline": "+PT21M"})
    result = run("evaluate", "--conditions", "c.json", "--exception", "e.json", "--as-of", AS_OF)
    assert result.exit_code == 1
    assert "✗ SLA minutes remaining is at most 20 (actual: 21)" in result.output
    assert "✓ entity is Lock 3 (actual: Lock 3)" in result.output
    write("e.json", {"exception_id": "E", "entity": "Lock 3", "sla_deadline": "2026-08-03T05:20:00Z"})
    assert run("evaluate", "--conditions", "c.json", "--exception", "e.json", "--as-of", AS_OF).exit_code == 0


def test_evaluate_accepts_a_playbook_and_packs_and_prints_what_the_api_answers(run, catalogue):
    write("e.json", {"exception_id": "E", "exception_type": "SLUICE JAM"})
    write("policy.json", {"tags": ["spring"]})
    arguments = ("--conditions", "playbooks/01-any.json", "--exception", "e.json", "--policy-pack", "policy.json")
    result = run("evaluate", *arguments, "--format", "json")
    found = json.loads(result.output)
    assert (result.exit_code, found["matches"], found["error"]) == (0, True, None)
    assert found["context"]["policy"]["tags"] == ["spring"]


def cases(*entries: dict[str, Any]) -> None:
    write("cases.json", list(entries))


JAM = {"exception_type": "Sluice Jam"}


def test_cases_pass_if_the_expected_playbook_is_chosen(run, catalogue):
    cases(
        {"exception": JAM, "playbook": "Any sluice"},
        {"exception": {**JAM, "sla_deadline": "+PT29M"}, "as_of": AS_OF, "playbook": "Urgent sluice"},
        {"exception": {**JAM, "sla_deadline": "+P1DT2H"}, "as_of": AS_OF, "playbook": "Any sluice"},
        {"exception": {**JAM, "sla_deadline": "-PT5M"}, "playbook": "Urgent sluice"},
        {"exception": {"exception_type": "Weir"}, "playbook": None},
    )
    result = run("test", "cases.json", "--playbooks", "playbooks")
    assert (result.exit_code, result.output) == (0, "5 of 5 cases passed\n")


def test_a_failed_case_prints_expected_chosen_and_why(run, catalogue):
    late = {**JAM, "sla_deadline": "+PT40M"}
    cases({"name": "late jam", "exception": late, "as_of": AS_OF, "playbook": "Urgent sluice"})
    result = run("test", "cases.json", "--playbooks", "playbooks")
    assert result.exit_code == 1
    for words in (
        "late jam",
        "expected  Urgent sluice",
        "chosen    Any sluice",
        "Urgent sluice does not match: SLA minutes remaining is less than 30 (actual: 40)",
        "Any sluice matches: exception type matches Sluice *",
        "0 of 1 case passed",
    ):
        assert words in result.output


def test_an_expected_playbook_that_ranks_lower_or_does_not_exist_is_explained(run, catalogue):
    urgent = {**JAM, "sla_deadline": "+PT1M"}
    cases({"exception": urgent, "playbook": "Any sluice"}, {"exception": JAM, "playbook": "Any sluise"})
    output = run("test", "cases.json", "--playbooks", "playbooks").output
    assert "Any sluice matches too, but ranks lower: its priority is 0." in output
    assert "Unknown playbook 'Any sluise'. Did you mean 'Any sluice'?" in output


def test_playbooks_that_no_case_chose_are_listed_and_can_fail_the_test(run, catalogue):
    cases({"exception": JAM, "playbook": "Any sluice"})
    result = run("test", "cases.json", "--playbooks", "playbooks")
    assert result.exit_code == 0
    assert "Playbooks that no case chose:\n  Urgent sluice\n" in result.output
    assert run("test", "cases.json", "--playbooks", "playbooks", "--every-playbook").exit_code == 1


def test_cases_in_yaml_refer_to_exceptions_in_the_format_of_the_demo_data(run, catalogue):
    write("exceptions.json", [{"exception": {"exception_id": "S-9", **JAM, "sla_deadline": "+PT9M"}, "work": []}])
    write("cases.yaml", f"- exception: S-9\n  as_of: {AS_OF}\n  playbook: Urgent sluice\n")
    arguments = ("test", "cases.yaml", "--playbooks", "playbooks")
    found = json.loads(run(*arguments, "--exceptions", "exceptions.json", "--format", "json").output)
    assert found["passed"] is True
    assert found["cases"][0]["as_of"] == AS_OF
    assert found["never_chosen"] == ["Any sluice"]
    without = run(*arguments)
    assert without.exit_code == 2
    assert "Unknown exception 'S-9'" in without.stderr


def test_packs_affect_the_result_of_a_case(run):
    write("playbooks/a.json", playbook("Spring", {"match": {"policy_tags": "spring"}}))
    write("policy.json", {"tag_rules": [{"tag": "spring", "when": {"match": {"amount_gte": 5}}}]})
    cases({"exception": {"amount": 5}, "playbook": "Spring"}, {"exception": {"amount": 4}, "playbook": None})
    assert run("test", "cases.json", "--playbooks", "playbooks", "--policy-pack", "policy.json").exit_code == 0
    assert run("test", "cases.json", "--playbooks", "playbooks").exit_code == 1


def test_a_pack_with_an_invalid_rule_is_refused_at_its_position(run):
    write("playbooks/a.json", playbook("Spring", {"match": {"policy_tags": "spring"}}))
    rule = '{"tag": "spring", "when": {"match": {"amount_gte": "5"}}}'
    write("policy.json", json.loads(f'{{"tag_rules": [{rule}]}}'))
    cases({"exception": {"amount": 5}, "playbook": "Spring"})
    refused = run("test", "cases.json", "--playbooks", "playbooks", "--policy-pack", "policy.json")
    assert refused.exit_code == 2
    assert "without quotes" in refused.stderr


def test_an_empty_folder_is_an_error(run, catalogue):
    Path("empty").mkdir()
    refused = run("validate", "playbooks", "empty")
    assert refused.exit_code == 2
    assert "empty:1:1: error unusable_file: The folder contains no *.json files." in refused.stderr
    cases({"exception": {"severity": "low"}, "playbook": None})
    assert run("test", "cases.json", "--playbooks", "empty").exit_code == 2


def test_a_dash_means_the_standard_input(run):
    done = CliRunner().invoke(main, ["validate", "-"], input='{"match": {"entty": "Lock 3"}}')
    assert done.exit_code == 1
    assert done.output.startswith("-:1:12: error unknown_predicate: Unknown predicate 'entty'")


def test_an_unknown_attribute_of_an_exception_is_not_ignored(run, catalogue):
    write("c.json", {"match": {"severity": "high"}})
    write("e.json", {"exception_id": "S-1", "severty": "high"})
    refused = run("evaluate", "--conditions", "c.json", "--exception", "e.json")
    assert refused.exit_code == 2
    assert "Unknown field 'severty'. Did you mean 'severity'?" in refused.stderr
    cases({"exception": {"severty": "high"}, "playbook": None})
    refused = run("test", "cases.json", "--playbooks", "playbooks")
    assert (refused.exit_code, "'severity'" in refused.stderr) == (2, True)
    # What the executor answers may be tried as it is.
    write("e.json", {"exception_id": "S-1", "severity": "high", "current_step": 2, "row_version": 1})
    assert run("evaluate", "--conditions", "c.json", "--exception", "e.json").exit_code == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- exception: {severity: low}\n  exception: {severity: high}\n  playbook: null\n", ":2:3: "),
        ("- exception: {sla_deadline: +P999999D}\n  as_of: 9999-01-01T00:00:00Z\n  playbook: null\n", "date-time"),
    ],
    ids=["a key twice", "beyond all years"],
)
def test_invalid_cases_are_refused(run, catalogue, text, expected):
    write("cases.yaml", text)
    refused = run("test", "cases.yaml", "--playbooks", "playbooks")
    assert refused.exit_code == 2
    assert expected in refused.stderr


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("c.yaml", "match: {}\n", "This is a YAML file"),
        ("c.json", '{"match": {"entity": "a\tb"}}', "Tab character in a string"),
    ],
)
def test_a_file_that_is_not_json_is_named_for_what_it_is(run, file, text, expected):
    write(file, text)
    refused = run("validate", file)
    assert (refused.exit_code, expected in refused.output) == (1, True)


def test_a_benchmark_without_exceptions_is_refused(run, catalogue):
    write("exceptions.json", [])
    refused = run("bench", "--playbooks", "playbooks", "--exceptions", "exceptions.json")
    assert (refused.exit_code, "contains no exceptions" in refused.stderr) == (2, True)


def test_bench_prints_how_much_it_measured(run, catalogue):
    write("exceptions.json", [{"exception_id": "S-1", **JAM}, {"exception_id": "S-2"}])
    result = run("bench", "--playbooks", "playbooks", "--exceptions", "exceptions.json", "--rounds", "3")
    assert result.exit_code == 0
    assert "2 playbooks, compiled in" in result.output
    assert "6 matches: median" in result.output


@pytest.mark.parametrize("command", [(), ("validate",), ("evaluate",), ("test",), ("bench",)])
def test_help_contains_examples(run, command):
    output = run(*command, "--help").output
    assert "\\b" not in output
    assert "Example" in output or not command


def case(**members: Any) -> dict[str, Any]:
    return {"exception": {"exception_type": "Sluice Jam"}, "playbook": None, "as_of": AS_OF, **members}


def report_of(run: Any, *arguments: str) -> Any:
    result = run("test", "cases.json", "--playbooks", "playbooks", "--format", "json", *arguments)
    return json.loads(result.output)


def test_policy_applies_as_in_production(run):
    write("playbooks/1.json", playbook("Note", {"match": {}}))
    call = {"name": "Look", "action_type": "call_tool", "params": {"tool_id": "gauge"}}
    write("playbooks/2.json", {**playbook("Gauge", {"match": {}, "priority": 2}), "steps": [call]})
    write("cases.json", [case()])
    write("domain.json", {"tools": {"gauge": {"endpoint": "http://127.0.0.1:9/"}}})
    chosen = {}
    for approved in ([], ["gauge"]):
        write("policy.json", {"approved_tools": approved})
        report = report_of(run, "--policy-pack", "policy.json", "--domain-pack", "domain.json")
        chosen[len(approved)] = report["cases"][0]["chosen"]
    assert chosen == {0: "Note", 1: "Gauge"}
    assert report_of(run)["cases"][0]["chosen"] == "Gauge"


@pytest.mark.parametrize(
    "command", [["validate", "playbooks"], ["test", "cases.json", "--playbooks", "playbooks"]]
)
def test_two_files_of_one_name_are_an_error_that_names_both(run, command):
    write("playbooks/1.json", playbook("Note", {"match": {}}))
    write("playbooks/2.json", playbook("Note", {"match": {"severity": "low"}}))
    write("cases.json", [case()])
    result = run(*command)
    assert result.exit_code == (1 if command[0] == "validate" else 2)
    assert "playbooks/2.json:2:11: error duplicate_name: 1.json has the same name, 'Note'." in result.output


def test_the_same_name_in_another_folder_is_another_catalogue(run):
    for folder in ("a", "b"):
        write(f"{folder}/1.json", playbook("Note", {"match": {}}))
    assert run("validate", "a", "b").exit_code == 0


def test_a_case_that_a_tie_decides_says_so(run):
    write("playbooks/1.json", playbook("First", {"match": {}, "priority": 3}))
    write("playbooks/2.json", playbook("Second", {"match": {"exception_type": "Sluice *"}, "priority": 3}))
    write(
        "cases.json", [case(name="a jam", playbook="Second"), case(exception={"entity": "Weir"}, playbook="First")]
    )
    jam, other = (each["tie"] for each in report_of(run)["cases"])
    assert (jam["name"], jam["priority"], jam["decided_by"]) == ("First", 3, "playbook_id")
    assert other is None
    result = run("test", "cases.json", "--playbooks", "playbooks")
    assert "  a jam: Second and First match, both with priority 3; Second is chosen because" in result.output
    assert result.exit_code == 0


def test_what_an_export_says_of_other_conditions_does_not_count(run):
    for number, name in enumerate(("First", "Second")):
        write(f"playbooks/{number}.json", playbook(name, {"match": {}}))
    write("cases.json", [case()])
    dated = {"created_at": AS_OF, "playbook_id": 9, "conditions": "0"}
    write("published.json", {"Second": dated})
    assert report_of(run)["cases"][0]["chosen"] == "Second"
    write("published.json", {"First": published.entry({"match": {}}, Origin(parse_time(AS_OF), 1))})
    assert report_of(run)["cases"][0]["chosen"] == "Second"
    write("published.json", {"Second": published.entry({"match": {}}, Origin(parse_time(AS_OF), 1))})
    assert report_of(run)["cases"][0]["chosen"] == "First"
    write("published.json", {"Second": 1})
    assert "published.json:2:13: error wrong_type" in run("validate", "playbooks").output


def test_a_tie_is_a_warning_with_an_exception_that_proves_it(run):
    write("playbooks/1.json", playbook("Large", {"match": {"amount_gte": 100}, "priority": 3}))
    write("playbooks/2.json", playbook("Weir", {"match": {"entity": "Weir *", "severity": "low"}, "priority": 3}))
    write("playbooks/3.json", playbook("Lock", {"match": {"entity": "Lock"}, "priority": 3}))
    write("playbooks/4.json", playbook("Small", {"match": {"amount_lt": 50}, "priority": 4}))
    found = json.loads(run("validate", "playbooks", "--format", "json").output)
    assert [(each["file"], each["code"], each["playbook"]) for each in found] == [
        ("playbooks/2.json", "tie", "Large"),
        ("playbooks/3.json", "tie", "Large"),
    ]
    write(
        "cases.json",
        [{**each["witness"], "playbook": name} for each, name in zip(found, ("Weir", "Lock"), strict=True)],
    )
    assert [each["tie"]["name"] for each in report_of(run)["cases"]] == ["Large", "Large"]


def test_where_another_is_chosen_anyway_there_is_no_tie(run):
    write("playbooks/1.json", playbook("Large", {"match": {"amount_gte": 100}, "priority": 3}))
    write("playbooks/2.json", playbook("Lock", {"match": {"entity": "Lock"}, "priority": 3}))
    write("playbooks/3.json", playbook("Large Lock", {"match": {"entity": "Lock", "amount_gt": 1}, "priority": 9}))
    assert json.loads(run("validate", "playbooks", "--format", "json").output) == []
    blocked = [{"name": "Look", "action_type": "call_tool", "params": {"tool_id": "gauge"}}]
    third = playbook("Large Lock", {"match": {"entity": "Lock", "amount_gt": 1}, "priority": 3})
    write("playbooks/3.json", {**third, "steps": blocked})
    write("policy.json", {})
    (found,) = json.loads(run("validate", "playbooks", "--policy-pack", "policy.json", "--format", "json").output)
    assert (found["file"], found["playbook"]) == ("playbooks/2.json", "Large")
