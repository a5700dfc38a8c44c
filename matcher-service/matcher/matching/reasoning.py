"""The result of a match as one paragraph, for the log and for operators; deterministic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from matcher.matching.model import NearMiss, PassedOver, Playbook, Ranked
from sentinai.counting import counted

_MOST_REASONS = 6
_MOST_PASSED_OVER = 3


def compose(
    selected: Ranked | None,
    passed_over: Sequence[PassedOver],
    ranked: Sequence[Ranked],
    near_misses: Sequence[NearMiss],
    *,
    candidates: int,
    matched: int,
) -> str:
    """Which playbook was selected and why, which policy passes over and which it outranks; or why none is."""
    if not matched:
        return _nothing(near_misses, candidates)
    match = f"{matched:,} of {counted(candidates, 'playbook')} match{'es' if matched == 1 else ''}"
    if selected is None:
        none = f"None is selected: {match}, and policy blocks {_all(matched)}."
        return " ".join([none, *_blocked(passed_over, matched)])
    parts = [
        f"{_name(selected.playbook)} is selected: {_because(selected)}.",
        *_blocked(passed_over, selected.rank - 1),
        _outranked(selected, ranked, matched),
        f"{match}.",
    ]
    return " ".join(part for part in parts if part)


def _nothing(near_misses: Sequence[NearMiss], candidates: int) -> str:
    if not candidates:
        return "There are no active playbooks."
    if candidates == 1:
        parts = ["The only playbook does not match."]
    else:
        parts = [f"None of {candidates:,} playbooks matches."]
    if near_misses:
        closest = "; ".join(f"{_name(miss.playbook)} fails only on: {miss.failed.text}" for miss in near_misses)
        parts.append(f"Closest: {closest}.")
    else:
        parts.append("It fails several conditions." if candidates == 1 else "Each fails several conditions.")
    return " ".join(parts)


def _because(entry: Ranked) -> str:
    texts = [reason.text for reason in entry.reasons[:_MOST_REASONS]]
    more = len(entry.reasons) - len(texts)
    return "; ".join(texts) + (f"; and {more} more" if more else "")


def _blocked(passed_over: Sequence[PassedOver], count: int) -> Iterator[str]:
    """A sentence for each of the best playbooks that policy passes over, and the number of the others."""
    for entry in passed_over[:_MOST_PASSED_OVER]:
        reasons = "; ".join(reason.text for reason in entry.reasons)
        yield f"{_name(entry.playbook)} is passed over by policy: {reasons}."
    more = count - _MOST_PASSED_OVER
    if more > 0:
        yield f"So {'is' if more == 1 else 'are'} {more:,} more."


def _outranked(selected: Ranked, ranked: Sequence[Ranked], matched: int) -> str:
    following = next((entry for entry in ranked if entry.rank == selected.rank + 1), None)
    if following is None:
        return ""
    others = matched - following.rank
    more = f" and {others:,} more" if others else ""
    return f"It outranks {_name(following.playbook)}{more} by {_advantage(selected.playbook, following.playbook)}."


def _advantage(best: Playbook, second: Playbook) -> str:
    if best.conditions.priority != second.conditions.priority:
        return f"higher priority ({best.conditions.priority:,} over {second.conditions.priority:,})"
    if best.origin.created_at != second.origin.created_at:
        return "newer conditions"
    return "higher id"


def _all(count: int) -> str:
    return {1: "it", 2: "both"}.get(count, "all of them")


def _name(playbook: Playbook) -> str:
    return f"{playbook.name} v{playbook.version}"
