"""Pauses between attempts, and when the client gives up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinai.client import RetryPolicy

RETRY_POLICY = RetryPolicy(attempts=6, first_pause_seconds=0.2, longest_pause_seconds=1.5)
JITTER = st.floats(0, 1)


def test_pauses_double_up_to_the_longest():
    pauses = [RETRY_POLICY.pause(attempt, None, 1.0) for attempt in range(1, 6)]
    assert pauses == pytest.approx([0.2, 0.4, 0.8, 1.5, 1.5])


def test_jitter_scales_half_of_a_pause():
    assert RETRY_POLICY.pause(2, None, 0.0) == pytest.approx(0.2)
    assert RETRY_POLICY.pause(2, None, 0.5) == pytest.approx(0.3)


@pytest.mark.parametrize("attempt", [6, 7, 400])
def test_after_the_last_attempt_it_gives_up(attempt: int):
    assert RETRY_POLICY.pause(attempt, None, 0.5) is None
    assert RETRY_POLICY.pause(attempt, 0.1, 0.5) is None


@given(st.integers(1, 5), st.floats(0, 1.5), JITTER)
def test_a_retry_after_is_never_undercut(attempt: int, retry_after: float, jitter: float):
    pause = RETRY_POLICY.pause(attempt, retry_after, jitter)
    assert pause is not None
    assert retry_after < pause <= retry_after + 1.5


@given(st.integers(1, 5), st.floats(1.5, 1e9, exclude_min=True), JITTER)
def test_a_long_retry_after_ends_the_retries(attempt: int, retry_after: float, jitter: float):
    assert RETRY_POLICY.pause(attempt, retry_after, jitter) is None


@given(st.integers(1, 10**9), JITTER)
def test_no_pause_is_longer_than_the_longest(attempt: int, jitter: float):
    pause = RetryPolicy(attempts=10**10, longest_pause_seconds=3).pause(attempt, None, jitter)
    assert pause is not None
    assert 0 < pause <= 3
