"""What one pattern says of another is so for every text that is tried."""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from sentinai.conditions.evaluation.glob import glob
from sentinai.conditions.lint.glob_patterns import excludes, within

PATTERNS = st.text("aB*?", max_size=5)
TEXTS = ["".join(letters) for length in range(5) for letters in product("ab", repeat=length)]


@given(PATTERNS, PATTERNS)
@settings(max_examples=500)
def test_what_fits_the_narrower_fits_the_wider_and_what_is_excluded_fits_not_both(own: str, other: str) -> None:
    fitting = [text for text in TEXTS if glob(text, own)]
    if within(own, other):
        assert all(glob(text, other) for text in fitting)
    if excludes(own, other):
        assert not any(glob(text, other) for text in fitting)
