"""A policy, applied to a compiled catalogue: what it blocks, and its verdicts on what matches."""

from __future__ import annotations

from functools import lru_cache

from pyroaring import BitMap

from matcher.matching.compiled_catalogue import Catalogue
from sentinai.policy import Policy, PolicyStep, Rules, Verdict

_CACHED_VERDICTS = 4096


class AppliedPolicy:
    """``blocked`` has the positions that may not be selected, whatever the exception."""

    __slots__ = ("_cached_verdict", "approval_conditions", "blocked", "rules_in_force")

    def __init__(self, policy: Policy, catalogue: Catalogue) -> None:
        blocked = [
            positions
            for step, positions in catalogue.by_step.items()
            if any(True for _ in policy.reasons_to_block(step))
        ]
        self.blocked = BitMap.union(*blocked) if blocked else BitMap()
        self.rules_in_force = policy.rules_in_force
        self.approval_conditions = policy.approval_conditions
        self._cached_verdict = lru_cache(_CACHED_VERDICTS)(policy.verdict)

    def verdict(self, steps: tuple[PolicyStep, ...] | None, rules: Rules) -> Verdict | None:
        """The verdict on a playbook with these steps and rules in force; None if its steps are unknown."""
        return None if steps is None else self._cached_verdict(steps, rules)
