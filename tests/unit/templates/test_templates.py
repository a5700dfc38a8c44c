"""Templates: what they render, what they refuse, and that they evaluate nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinai.problems import InvalidDocument, TemplateUnresolved
from sentinai.templates import render

VALUES = {
    "exception": {
        "entity": "Baltic Lines",
        "amount": 1234567.891,
        "count": 10**25,
        "note": None,
        "normalized_context": {"lines": [{"sku": "A-1"}, {"sku": "B-2"}], "flag": True},
    },
    "sla": {"minutes_remaining": 12.6, "breached": False},
    "place": "Gdynia",
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("", ""),
        ("plain", "plain"),
        ("{exception.entity} at {place}", "Baltic Lines at Gdynia"),
        ("{{not {place}}}", "{not Gdynia}"),
        ("{exception.amount:,.2f}", "1,234,567.89"),
        ("{exception.amount:.0f}", "1234568"),
        ("{exception.count:,d}", "10,000,000,000,000,000,000,000,000"),
        ("{sla.minutes_remaining:.0f} min", "13 min"),
        ("[{place:>10}|{place:<10}|{place:*^10}]", "[    Gdynia|Gdynia    |**Gdynia**]"),
        ("{exception.note}.", "."),
        ("{exception.nothing}", "[missing: exception.nothing]"),
        ("{exception.entity.upper}", "[missing: exception.entity.upper]"),
        ("{exception.normalized_context.lines.1.sku}", "B-2"),
        ("{exception.normalized_context.lines.7.sku}", "[missing: exception.normalized_context.lines.7.sku]"),
        ("{exception.normalized_context.flag}", "true"),
        ("{exception.normalized_context.lines}", '[{"sku": "A-1"}, {"sku": "B-2"}]'),
    ],
)
def test_a_text_is_rendered(template: str, text: str) -> None:
    assert render.render_text(template, VALUES) == text


@pytest.mark.parametrize(
    "template",
    [
        "{",
        "}",
        "{}",
        "{exception.}",
        "{a b}",
        "{a()}",
        "{a[0]}",
        "{a!r}",
        "{a:>65}",
        "{a:.13f}",
        "{a:{b}}",
        "{a:x}",
        "{1a}",
    ],
)
def test_an_invalid_placeholder_is_an_error(template: str) -> None:
    assert [found.code for found in render.check(template, names=("a",))] == ["template_syntax"]


def test_an_unknown_root_is_an_error_that_lists_the_known_ones() -> None:
    (found,) = render.check("{exeption.entity} {place}", names=("place",))
    assert found.code == "unknown_placeholder"
    assert "exception" in str(found.hint)


def test_attributes_of_python_objects_cannot_be_read() -> None:
    for path in ("exception.__class__", "place.__len__", "exception.keys", "sla.minutes_remaining.real"):
        assert render.render_text(f"{{{path}}}", VALUES) == f"[missing: {path}]"


def test_a_string_that_is_one_placeholder_takes_the_type_of_its_value() -> None:
    document = {
        "amount": "{exception.amount}",
        "lines": ["{exception.normalized_context.lines}"],
        "{place}": 5,
        "text": "{exception.amount:.1f} EUR",
        "null": "{exception.note}",
        "n": None,
    }
    assert render.render_payload(document, VALUES) == {
        "amount": 1234567.891,
        "lines": [[{"sku": "A-1"}, {"sku": "B-2"}]],
        "{place}": 5,
        "text": "1234567.9 EUR",
        "null": None,
        "n": None,
    }


def test_a_payload_with_missing_values_is_refused_and_names_them_all() -> None:
    with pytest.raises(TemplateUnresolved) as refused:
        render.render_payload({"a": "{exception.x}", "b": ["{exception.y.z} "]}, VALUES)
    assert "exception.x" in refused.value.detail
    assert "exception.y.z" in refused.value.detail


def test_a_text_that_is_too_long_is_truncated() -> None:
    values = {"exception": {"note": "x" * 1_000_000}}
    text = render.render_text("{exception.note}" * 100, values)
    assert text.startswith("xxx")
    assert text.endswith("[truncated]")
    assert len(text) < render.MAX_TEXT + 20
    just = render.render_text("{exception.note}", {"exception": {"note": "y" * render.MAX_TEXT}})
    assert just == "y" * render.MAX_TEXT


@pytest.mark.parametrize("template", ["{a}", "x{a}", "{a:>9}"])
def test_a_payload_that_is_too_long_is_refused(template: str) -> None:
    values = {"a": ["x" * 1000] * 50}
    assert render.render_payload([template], values)
    with pytest.raises(InvalidDocument):
        render.render_payload([[template] * 40], values)
    assert f"{render.MAX_PAYLOAD:,}" in render.preview_payload({"k": [template] * 40}, values)


def test_placeholders_are_found_in_strings_but_not_in_keys() -> None:
    document = {"{key}": ["{a.b} {{c}}", {"x": "{d:>4}"}], "n": 5, "broken": "{", "none": None}
    assert [each.path for each in render.placeholders_in(document)] == ["a.b", "d"]


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=3), inner, max_size=2)),
    max_leaves=5,
)
SPECS = st.sampled_from(["", ":,.2f", ":>20", ":.1%", ":d", ":s", ":_<30,.0f", ":^9.3", ":_.2f", ":_%", ":07.1f"])
TEMPLATES = st.lists(
    st.one_of(st.sampled_from(["{{", "}}", "text "]), SPECS.map(lambda spec: "{exception.a" + spec + "}")),
    max_size=4,
).map("".join)


@given(TEMPLATES, JSON)
def test_rendering_a_valid_template_never_raises(template: str, value: Any) -> None:
    if render.check(template):
        return
    text = render.render_text(template, {"exception": {"a": value}})
    assert isinstance(text, str)


@given(st.text(max_size=30), st.text(alphabet="{}:exception.a", max_size=30))
def test_any_text_is_a_template_or_has_a_finding(free: str, dense: str) -> None:
    for text in (free, dense):
        if not render.check(text, names=("a", "e")):
            render.render_text(text, VALUES)
