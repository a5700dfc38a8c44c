"""The answer as one paragraph, for a log line or for someone who has to decide. The same for the same answer."""

from __future__ import annotations

from collections.abc import Sequence

from matcher.matching.model import NearMiss, Playbook, Ranked

_MOST_REASONS = 6


def compose(ranked: Sequence[Ranked], near_misses: Sequence[NearMiss], candidates: int, matched: int) -> str:
    """What was chosen and why, what it beat and why; or why nothing was."""
    if not ranked:
        return _nothing(near_misses, candidates)
    best = ranked[0]
    parts = [
        f"{_name(best.playbook)} is chosen: {_because(best)}.",
        _beaten(ranked, matched),
        f"{candidates:,} {_plural('playbook', candidates)} considered, {matched:,} matching.",
    ]
    return " ".join(part for part in parts if part)


def _nothing(near_misses: Sequence[NearMiss], candidates: int) -> str:
    if not candidates:
        return "There is no active playbook to choose from."
    parts = [f"None of {candidates:,} {_plural('playbook', candidates)} matches."]
    if near_misses:
        lacking = "; ".join(f"{_name(miss.playbook)} fails only where {miss.failed.text}" for miss in near_misses)
        parts.append(f"Nearest: {lacking}.")
    else:
        parts.append("Every one of them fails in more than one condition.")
    return " ".join(parts)


def _because(entry: Ranked) -> str:
    texts = [reason.text for reason in entry.reasons[:_MOST_REASONS]]
    more = len(entry.reasons) - len(texts)
    return "; ".join(texts) + (f"; and {more} more" if more else "")


def _beaten(ranked: Sequence[Ranked], matched: int) -> str:
    if matched == 1 or len(ranked) < 2:
        return "No other playbook matches." if matched == 1 else ""
    best, second = ranked[0].playbook, ranked[1].playbook
    others = f" and {matched - 2:,} more" if matched > 2 else ""
    return f"It comes before {_name(second)}{others} by {_advantage(best, second)}."


def _advantage(best: Playbook, second: Playbook) -> str:
    if best.conditions.priority != second.conditions.priority:
        return f"priority ({best.conditions.priority:,} over {second.conditions.priority:,})"
    if best.created_at != second.created_at:
        return "being published later"
    return "the higher id, all else being equal"


def _name(playbook: Playbook) -> str:
    return f"{playbook.name} v{playbook.version}"


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"
