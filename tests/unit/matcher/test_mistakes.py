"""The mistakes that authors make, each told at its place with the mend."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from matcher.cli import main

NO_JSON = [
    ("", "1:1", "The file is empty."),
    (" \n\t ", "1:1", "The file is empty."),
    ('{"match": {\n  "entity": "a",\n}}', "2:16", "A comma stands before the closing }. Take the comma out."),
    ('{"match": {"entity_in": ["a", ]}}', "1:29", "A comma stands before the closing ]. Take the comma out."),
    ('{"match": {"entity": "a"\n  "owner": "b"}}', "2:3", "Put a comma there."),
    ('{"match": {"entity" "a"}}', "1:21", "After a key stands a colon."),
    ("{'match': {}}", "1:2", "JSON takes double ones"),
    ('{"match": {"entity": \'a\'}}', "1:22", "JSON takes double ones"),
    ("{match: {}}", "1:2", 'Write "match".'),
    ('{"match": {"entity": North}}', "1:22", 'A word stands without quotes. Write "North".'),
    ('{"match": {"sla_breached": True}}', "1:28", "True is not JSON. Write true."),
    ('{"match": {"amount": None}}', "1:22", "Write null."),
    ('{"match": {} // all\n}', "1:14", "JSON has no comments."),
    ('# all\n{"match": {}}', "1:1", "JSON has no comments."),
    ('{"match": {}', "1:12", "The file ends in the middle."),
    ('{"match": {"entity": "a', "1:22", "A text is not closed."),
    ('{"match": {"entity": "a\nb"}}', "1:24", "A text goes on in the next line."),
    ('{"match": {}}\n{"match": {}}', "2:1", "The document ended before this."),
    ('{"match": {"entity": "NaN",\n "amount": NaN}}', "2:12", "NaN is not JSON"),
    ('{"match": {"entity": "a",\n "owner": "b",\n "entity": "c"}}', "3:2", "'entity' stands twice"),
    ('\ufeff{"match": {}}', "1:1", "Save it as UTF-8 without one."),
    ('{"match": {"entity": "a\\q"}}', "1:24", "It is no JSON: Invalid \\escape"),
]
NOT_VALID = [
    ('{"match": {\n  "exeption_type": "X"}}', "2:3", "Nearest known: exception_type"),
    ('{"match": {"Amount_GT": 5}}', "1:12", "Nearest known: amount_gt."),
    ('{"match": {"tags": ["a"]}}', "1:12", "Nearest known: policy_tags."),
    ('{"match": {"type": "A"}}', "1:12", "Nearest known: exception_type."),
    ('{"match": {"amount_less_than": 5}}', "1:12", "amount_lt"),
    ('{"match": {"amount_gt": "1,000"}}', "1:25", 'Expected a number, got "1,000". Write 1000, without quotes.'),
    ('{"match": {"amount_gt": "much"}}', "1:25", 'Expected a number, got "much".'),
    ('{"match": {"sla_breached": "true"}}', "1:28", "Write true, without quotes."),
    ('{"match": {"entity": 12}}', "1:22", 'Expected a text, got 12. Write "12", in quotes.'),
    ('{"match": {"severity_in": ["high",\n "urgnt"]}}', "2:2", "no severity. Known: low, medium, high, critical."),
    ('{"match": {"entity_in": []}}', "1:25", "List a value, or take it out."),
    ('{"match": {"entity_in": "a"}}', "1:25", 'Write ["a"].'),
    ('{"match": {}, "priority": "10"}', "1:27", "Write 10, without quotes."),
    ('{"logic": {"=": [1, 2]}}', "1:12", "Did you mean '=='?"),
    ('{"logic": {"AND": [true]}}', "1:12", "Did you mean 'and'?"),
    ('{"logic": {"not": [true]}}', "1:12", "Did you mean '!'?"),
    ('{"logic": {"glob.x": [1, 2]}}', "1:12", "Did you mean 'glob'?"),
    ('{"logic": {"method": ["x", "upper"]}}', "1:12", "Allowed: var missing"),
    ('{"logic": {">": [1, 2],\n "<": [1, 2]}}', "1:11", 'Join rules with {"and": [...]}.'),
    ('[{"match": {}}]', "1:1", "Conditions are an object."),
]
DOUBTFUL = [
    ('{"logic": {">": ["exception.amount", 5]}}', "1:11", '{"var": "exception.amount"} reads the value.'),
    ('{"logic": {">": [{"var": "amount"}, 5]}}', "1:11", "Did you mean 'exception.amount'?"),
]


def told(tmp_path: Path, text: str) -> tuple[int, str]:
    file = tmp_path / "rule.json"
    file.write_text(text, "utf-8")
    result = CliRunner(env={"COLUMNS": "300"}).invoke(main, ["validate", str(file)])
    return result.exit_code, result.output.replace(str(file), "rule.json")


@pytest.mark.parametrize(("text", "place", "words"), NO_JSON)
def test_a_file_that_is_no_json_is_told_at_the_slip_with_the_mend(tmp_path, text, place, words):
    status, output = told(tmp_path, text)
    assert (status, output.splitlines()[0].startswith(f"rule.json:{place}: error unusable_file: ")) == (1, True), (
        output
    )
    assert words in output


@pytest.mark.parametrize(("text", "place", "words"), NOT_VALID)
def test_a_mistake_in_conditions_is_told_at_its_place_with_the_mend(tmp_path, text, place, words):
    status, output = told(tmp_path, text)
    assert (status, output.splitlines()[0].startswith(f"rule.json:{place}: error ")) == (1, True), output
    assert words in output


@pytest.mark.parametrize(("text", "place", "words"), DOUBTFUL)
def test_what_may_not_be_meant_is_a_warning_at_its_place(tmp_path, text, place, words):
    status, output = told(tmp_path, text)
    assert (status, output.splitlines()[0].startswith(f"rule.json:{place}: warning ")) == (0, True), output
    assert words in output


def test_findings_stand_in_the_order_of_the_files(tmp_path):
    for name, text in {"a.json": '{"match": {"x": 1}}', "b.json": "{", "c.json": '{"match": {"y": 1}}'}.items():
        (tmp_path / name).write_text(text)
    output = CliRunner(env={"COLUMNS": "300"}).invoke(main, ["validate", str(tmp_path)]).output
    assert [Path(line.split(":")[0]).name for line in output.splitlines()[:3]] == ["a.json", "b.json", "c.json"]
