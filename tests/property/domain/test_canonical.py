"""Canonical JSON written natively is canonical JSON as the RFC's own library writes it, byte for byte."""

from __future__ import annotations

from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from executor.domain.hash_chain import canonical

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
)


@given(DOCUMENTS)
@example({"\uffff": 1, "\U0001f600": 2})
@example(["\x00\x1f\x7f\u2028\\/\"'", {"b": 1, "a": [2**53 - 1, -(2**53) + 1]}])
@example({"n": [1.0, -0.0, 1e21, 1e-7, 5e-324, 123456789012345680000.0]})
def test_it_is_what_the_library_of_the_rfc_writes(document: Any) -> None:
    assert canonical(document) == rfc8785.dumps(document)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_what_is_no_json_is_refused_as_the_library_does(value: Any) -> None:
    with pytest.raises(rfc8785.CanonicalizationError):
        canonical({"a": [value]})
