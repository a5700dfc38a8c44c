"""The recommendation beside an exception: stored as JSON and read back, also as 0.7.0 stored it."""

from __future__ import annotations

from typing import Any

import pytest

from executor.domain.recommendation import Recommendation

ENTRY = {"playbook_id": 4, "name": "Re-book", "version": 2, "priority": 7, "rank": 1, "reasons": []}


@pytest.mark.parametrize(
    "recommendation",
    [
        Recommendation(),
        Recommendation(deferred=True),
        Recommendation(
            current=ENTRY,
            choice={**ENTRY, "reasoning": "Best of 3."},
            ranked=[ENTRY],
            reasoning="Best of 3.",
            passed_over=[{name: ENTRY[name] for name in ENTRY if name != "rank"}],
        ),
    ],
)
def test_what_is_stored_is_read_back(recommendation: Recommendation) -> None:
    assert Recommendation.from_json(recommendation.to_json()) == recommendation


@pytest.mark.parametrize("stored", [{"standing": ENTRY}, {"standing": ENTRY, "of_a_later_version": 1}])
def test_what_0_7_0_stored_still_says_why_the_playbook_was_chosen(stored: dict[str, Any]) -> None:
    assert Recommendation.from_json(stored).current == ENTRY
