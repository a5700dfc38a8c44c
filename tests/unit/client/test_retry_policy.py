"""How long a caller pauses, and when it gives up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinai.client import RetryPolicy

RETRY_POLICY = RetryPolicy(attempts=6, first_pause_seconds=0.2, longest_pause_seconds=1.5)
CHANCES = st.floats(0, 1)


def test_pauses_double_up_to_the_longest():
    pauses = [RETRY_POLICY.pause(attempt, None, 1.0) for attempt in range(1, 6)]
    assert pauses == pytest.approx([0.2, 0.4, 0.8, 1.5, 1.5])


def test_half_of_a_pause_is_left_to_chance():
    assert RETRY_POLICY.pause(2, None, 0.0) == pytest.approx(0.2)
    assert RETRY_POLICY.pause(2, None, 0.5) == pytest.approx(0.3)


@pytest.mark.parametrize("attempt", [6, 7, 400])
def test_after_the_last_try_it_gives_up_whatever_was_asked(attempt: int):
    assert RETRY_POLICY.pause(attempt, None, 0.5) is None
    assert RETRY_POLICY.pause(attempt, 0.1, 0.5) is None


@given(st.integers(1, 5), st.floats(0, 1.5), CHANCES)
def test_a_service_is_never_asked_again_sooner_than_it_wants(attempt: int, asked: float, chance: float):
    pause = RETRY_POLICY.pause(attempt, asked, chance)
    assert pause is not None
    assert asked < pause <= asked + 1.5


@given(st.integers(1, 5), st.floats(1.5, 1e9, exclude_min=True), CHANCES)
def test_a_service_that_wants_too_long_is_not_waited_for(attempt: int, asked: float, chance: float):
    assert RETRY_POLICY.pause(attempt, asked, chance) is None


@given(st.integers(1, 10**9), CHANCES)
def test_however_many_tries_no_pause_is_longer_than_the_longest(attempt: int, chance: float):
    pause = RetryPolicy(attempts=10**10, longest_pause_seconds=3).pause(attempt, None, chance)
    assert pause is not None
    assert 0 < pause <= 3
