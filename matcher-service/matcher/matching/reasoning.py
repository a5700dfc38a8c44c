"""The result of a match as one paragraph, for the log and for operators; deterministic."""

from __future__ import annotations

from collections.abc import Sequence

from matcher.matching.model import NearMiss, Playbook, Ranked

_MOST_REASONS = 6


def compose(ranked: Sequence[Ranked], near_misses: Sequence[NearMiss], candidates: int, matched: int) -> str:
    """Which playbook was selected and why, which it outranks and why; or why none matches."""
    if not ranked:
        return _nothing(near_misses, candidates)
    best = ranked[0]
    parts = [
        f"{_name(best.playbook)} is selected: {_because(best)}.",
        _outranked(ranked, matched),
        f"{matched:,} of {candidates:,} {_plural('playbook', candidates)} match{'es' if matched == 1 else ''}.",
    ]
    return " ".join(part for part in parts if part)


def _nothing(near_misses: Sequence[NearMiss], candidates: int) -> str:
    if not candidates:
        return "There are no active playbooks."
    parts = [f"None of {candidates:,} {_plural('playbook', candidates)} matches."]
    if near_misses:
        closest = "; ".join(f"{_name(miss.playbook)} fails only on: {miss.failed.text}" for miss in near_misses)
        parts.append(f"Closest: {closest}.")
    else:
        parts.append("Each fails more than one condition.")
    return " ".join(parts)


def _because(entry: Ranked) -> str:
    texts = [reason.text for reason in entry.reasons[:_MOST_REASONS]]
    more = len(entry.reasons) - len(texts)
    return "; ".join(texts) + (f"; and {more} more" if more else "")


def _outranked(ranked: Sequence[Ranked], matched: int) -> str:
    if len(ranked) < 2:
        return ""
    best, second = ranked[0].playbook, ranked[1].playbook
    others = f" and {matched - 2:,} more" if matched > 2 else ""
    return f"It outranks {_name(second)}{others} by {_advantage(best, second)}."


def _advantage(best: Playbook, second: Playbook) -> str:
    if best.conditions.priority != second.conditions.priority:
        return f"higher priority ({best.conditions.priority:,} over {second.conditions.priority:,})"
    if best.created_at != second.created_at:
        return "later publication"
    return "higher id"


def _name(playbook: Playbook) -> str:
    return f"{playbook.name} v{playbook.version}"


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"
