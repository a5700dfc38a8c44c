"""Stored JSON is read back unchanged, by either parser."""

from __future__ import annotations

import json
from math import isinf
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from sentinai.documents import strict_json

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers(-(10**40), 10**40) | st.floats(allow_nan=False, allow_infinity=False)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
)
_NUMERALS = st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?", fullmatch=True)


def _told(value: Any) -> str:
    """A value with its types: ``1`` and ``1.0``, ``0.0`` and ``-0.0`` differ."""
    return repr(value)


@given(DOCUMENTS)
@example([2**63, 2**64, -(2**63) - 1, 10**30, 1e30])
def test_a_document_survives_storage(document: Any) -> None:
    assert _told(strict_json.loads_stored(strict_json.dumps_stored(document))) == _told(document)


@given(st.lists(_NUMERALS))
@example(["-0", "1e308", "18446744073709551616", "-9223372036854775809"])
def test_numbers_are_parsed_as_by_pythons_own_parser(numerals: list[str]) -> None:
    assume(not any(isinf(float(each)) for each in numerals))
    text = f"[{','.join(numerals)}]"
    assert _told(strict_json.loads_stored(text)) == _told(json.loads(text))
    assert _told(strict_json.loads_stored(text.encode())) == _told(json.loads(text))


@pytest.mark.parametrize(
    "text", ["1e400", "NaN", "-Infinity", '"\\ud800"', "{", "", "[" * 5000 + "]" * 5000, "[" * 1000 + "]" * 1000]
)
def test_what_is_never_stored_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        strict_json.loads_stored(text)


@given(DOCUMENTS)
def test_text_stored_by_an_older_version_is_parsed_the_same(document: Any) -> None:
    assert _told(strict_json.loads_stored(json.dumps(document))) == _told(document)
