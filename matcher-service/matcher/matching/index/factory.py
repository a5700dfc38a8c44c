"""Selects the kind of index for a shape of clause."""

from __future__ import annotations

from matcher.matching.index.clause_index import ClauseIndex
from matcher.matching.index.threshold_index import ThresholdIndex
from matcher.matching.index.value_indexes import (
    GlobIndex,
    ListedIndex,
    LooseIndex,
    MemberIndex,
    StrictIndex,
    TextIndex,
    TruthIndex,
)
from sentinai.conditions.evaluation.sla_thresholds import MINUTES
from sentinai.conditions.language import clause_shapes
from sentinai.conditions.language.clause_shapes import Shape

_TEXT, _UPPER, _LOWER = "text", "upper", "lower"


def family(shape: Shape) -> str:
    """The kind of index for a shape."""
    if shape.kind == clause_shapes.COMPARE:
        return _UPPER if shape.operator in ("<", "<=") else _LOWER
    texts = all(isinstance(value, str) for value in shape.values)
    if texts and shape.values and shape.kind in (clause_shapes.STRICT, clause_shapes.LISTED):
        return _TEXT
    return shape.kind


def has_thresholds_of_its_own(shape: Shape) -> bool:
    """Whether a clause of this shape changes at SLA minutes that its index does not contain."""
    is_indexed = shape.path == MINUTES and shape.kind == clause_shapes.COMPARE
    return shape.path.startswith("sla") and not is_indexed


def new_index(of_family: str, path: str, negated: bool, reading: str | None) -> ClauseIndex:
    """An empty index."""
    if of_family in (_UPPER, _LOWER):
        return ThresholdIndex(path, negated, reading, upper=of_family == _UPPER)
    return _KINDS[of_family](path, negated, reading)


_KINDS: dict[str, type[ClauseIndex]] = {
    _TEXT: TextIndex,
    clause_shapes.STRICT: StrictIndex,
    clause_shapes.LISTED: ListedIndex,
    clause_shapes.LOOSE: LooseIndex,
    clause_shapes.MEMBER: MemberIndex,
    clause_shapes.GLOB: GlobIndex,
    clause_shapes.TRUE: TruthIndex,
}
