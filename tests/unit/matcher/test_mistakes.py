"""Mistakes that authors make: each is reported at its position, with the fix."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from matcher.authoring.json_errors import syntax_hint_for
from matcher.cli import main
from sentinai.documents import strict_json
from sentinai.problems import MalformedJson

NOT_JSON = [
    ("", "1:1", "The file is empty."),
    (" \n\t ", "1:1", "The file is empty."),
    ('{"match": {\n  "entity": "a",\n}}', "2:16", "Trailing comma before the closing }. Remove the comma."),
    ('{"match": {"entity_in": ["a", ]}}', "1:29", "Trailing comma before the closing ]. Remove the comma."),
    ('{"match": {"entity": "a"\n  "owner": "b"}}', "2:3", "Missing comma before this. Add a comma."),
    ('{"match": {} "logic": true}', "1:14", "Missing comma before this. Add a comma."),
    ('{"match": {"entity_in": [] "amount": 1}}', "1:28", "Missing comma before this. Add a comma."),
    ('{"match": {"amount": 010}}', "1:23", "Leading zero in a number."),
    ('{"match": {"entity" "a"}}', "1:21", "Expected a colon after the key."),
    ("{'match': {}}", "1:2", "JSON requires double quotes"),
    ('{"match": {"entity": \'a\'}}', "1:22", "JSON requires double quotes"),
    ("{match: {}}", "1:2", 'Write "match".'),
    ('{"match": {"entity": North}}', "1:22", 'Missing quotes around a word. Write "North".'),
    ('{"match": {"sla_breached": True}}', "1:28", "True is not valid JSON. Write true."),
    ('{"match": {"amount": None}}', "1:22", "Write null."),
    ('{"match": {} // all\n}', "1:14", "JSON does not allow comments."),
    ('# all\n{"match": {}}', "1:1", "JSON does not allow comments."),
    ('{"match": {}', "1:12", "Unexpected end of file. Close what is open"),
    ('{"match": {"entity": "a', "1:22", "Unterminated string."),
    ('{"match": {"entity": "a\nb"}}', "1:24", "Line break in a string."),
    ('{"match": {}}\n{"match": {}}', "2:1", "Unexpected text after the end of the document."),
    ('{"match": {"entity": "NaN",\n "amount": NaN}}', "2:12", "NaN is not valid JSON"),
    ('{"match": {"entity": "a",\n "owner": "b",\n "entity": "c"}}', "3:2", "Duplicate key 'entity'"),
    ('[{"a": 1, "a": 2}, oops', "1:11", "Duplicate key 'a'"),
    ('{"a": {"b": 1, "b": 2}, "a": 3}', "1:16", "Duplicate key 'b'"),
    ('{"match": {"entity": "1e999",\n "amount": 1e999}}', "2:12", "1e999 is beyond the range"),
    ("[" * 73 + "]" * 73, "1:1", "nested deeper than 72"),
    ('{"\t": {}}', "1:3", "Tab character in a string."),
    ('{"\\"\t": {}}', "1:5", "Tab character in a string."),
    ('{"match": {"entity": "a\tb"}}', "1:24", "Tab character in a string. Write \\t."),
    ('{"match": {"entity": "\\u12"}}', "1:24", "Invalid escape sequence"),
    ('{"match": {"amount": 1.5.2}}', "1:25", "Expected a comma or a closing bracket."),
    ('{"match": {,}}', "1:12", "Expected a key in double quotes."),
    ('\ufeff{"match": {}}', "1:1", "Save it as UTF-8 without one."),
    ('{"match": {"entity": "a\\q"}}', "1:24", "Invalid escape sequence in a string. Write \\\\ for a backslash."),
]
NOT_VALID = [
    ('{"match": {\n  "exeption_type": "X"}}', "2:3", "Did you mean 'exception_type'?"),
    ('{"match": {"Amount_GT": 5}}', "1:12", "Did you mean 'amount_gt'?"),
    ('{"match": {"tags": ["a"]}}', "1:12", "Did you mean 'policy_tags'?"),
    ('{"match": {"type": "A"}}', "1:12", "Did you mean 'exception_type'?"),
    ('{"match": {"amount_less_than": 5}}', "1:12", "amount_lt"),
    ('{"match": {"amount_gt": "1,000"}}', "1:25", 'Expected a number, got "1,000". Write 1000, without quotes.'),
    ('{"match": {"amount_gt": "much"}}', "1:25", 'Expected a number, got "much".'),
    ('{"match": {"sla_breached": "true"}}', "1:28", "Write true, without quotes."),
    ('{"match": {"entity": 12}}', "1:22", 'Expected a string, got 12. Write "12", in quotes.'),
    (
        '{"match": {"severity_in": ["high",\n "urgnt"]}}',
        "2:2",
        "not a severity. Severities: low, medium, high, critical.",
    ),
    ('{"match": {"entity_in": []}}', "1:25", "Add a value, or remove it."),
    ('{"match": {"entity_in": "a"}}', "1:25", 'Write ["a"].'),
    ('{"match": {}, "priority": "10"}', "1:27", "Write 10, without quotes."),
    ('{"logic": {"=": [1, 2]}}', "1:12", "Did you mean '=='?"),
    ('{"logic": {"AND": [true]}}', "1:12", "Did you mean 'and'?"),
    ('{"logic": {"not": [true]}}', "1:12", "Did you mean '!'?"),
    ('{"logic": {"glob.x": [1, 2]}}', "1:12", "Did you mean 'glob'?"),
    ('{"logic": {"method": ["x", "upper"]}}', "1:12", "Allowed: var missing"),
    ('{"logic": {">": [1, 2],\n "<": [1, 2]}}', "1:11", 'Join rules with {"and": [...]}.'),
    ('[{"match": {}}]', "1:1", "Conditions must be an object."),
]
UNINTENDED = [
    ('{"logic": {">": ["exception.amount", 5]}}', "1:11", 'To read its value, write {"var": "exception.amount"}.'),
    ('{"logic": {">": [{"var": "amount"}, 5]}}', "1:11", "Did you mean 'exception.amount'?"),
]


def validated(tmp_path: Path, text: str) -> tuple[int, str]:
    file = tmp_path / "rule.json"
    file.write_text(text, "utf-8")
    result = CliRunner(env={"COLUMNS": "300"}).invoke(main, ["validate", str(file)])
    return result.exit_code, result.output.replace(str(file), "rule.json")


@pytest.fixture
def reworded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replaces the texts of CPython's parser and of strict parsing."""

    class Reworded(json.JSONDecodeError):
        def __init__(self, msg: str, doc: str, pos: int) -> None:
            super().__init__("Reworded", doc, pos)

    said = MalformedJson.__init__
    monkeypatch.setattr("json.decoder.JSONDecodeError", Reworded)
    monkeypatch.setattr(MalformedJson, "__init__", lambda self, _, **fields: said(self, "Reworded.", **fields))


@pytest.mark.parametrize(("text", "place", "words"), NOT_JSON)
def test_a_file_that_is_not_json_is_reported_at_the_mistake_with_the_fix(tmp_path, text, place, words):
    status, output = validated(tmp_path, text)
    assert (status, output.splitlines()[0].startswith(f"rule.json:{place}: error unusable_file: ")) == (1, True), (
        output
    )
    assert words in output


@pytest.mark.usefixtures("reworded")
@pytest.mark.parametrize(("text", "place", "words"), NOT_JSON)
def test_positions_and_hints_do_not_depend_on_any_wording(tmp_path, text, place, words):
    output = validated(tmp_path, text)[1]
    assert output.startswith(f"rule.json:{place}: error unusable_file: "), output
    assert words in output or "Reworded." in output
    # Refusals that are not about syntax are printed as strict parsing words them.
    assert ("Reworded." in output) == any(word in words for word in ("NaN", "Duplicate", "1e999", "nested")), (
        output
    )


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=4),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=8,
    ),
    st.data(),
)
def test_every_damaged_document_has_a_mistake_within_it(document, data):
    text = json.dumps(
        document, indent=data.draw(st.sampled_from([None, 1])), ensure_ascii=data.draw(st.booleans())
    )
    at = data.draw(st.integers(0, len(text)))
    damaged = text[:at] + data.draw(st.text(max_size=2)) + text[at + data.draw(st.integers(0, 2)) :]
    try:
        strict_json.loads(damaged.encode("utf-8", "replace"))
    except MalformedJson as problem:
        assert 0 <= syntax_hint_for(damaged, problem).offset <= len(damaged)


@pytest.mark.parametrize(("text", "place", "words"), NOT_VALID)
def test_a_mistake_in_conditions_is_reported_at_its_position_with_the_fix(tmp_path, text, place, words):
    status, output = validated(tmp_path, text)
    assert (status, output.splitlines()[0].startswith(f"rule.json:{place}: error ")) == (1, True), output
    assert words in output


@pytest.mark.parametrize(("text", "place", "words"), UNINTENDED)
def test_what_may_not_be_intended_is_a_warning_at_its_position(tmp_path, text, place, words):
    status, output = validated(tmp_path, text)
    assert (status, output.splitlines()[0].startswith(f"rule.json:{place}: warning ")) == (0, True), output
    assert words in output


def test_findings_are_in_the_order_of_the_files(tmp_path):
    for name, text in {"a.json": '{"match": {"x": 1}}', "b.json": "{", "c.json": '{"match": {"y": 1}}'}.items():
        (tmp_path / name).write_text(text)
    output = CliRunner(env={"COLUMNS": "300"}).invoke(main, ["validate", str(tmp_path)]).output
    assert [Path(line.split(":")[0]).name for line in output.splitlines()[:3]] == ["a.json", "b.json", "c.json"]
