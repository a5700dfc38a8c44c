"""A tenant's playbooks, compiled: ranked, indexed, and what the index cannot answer set apart.

Positions are ranks: the playbook at position 0 is the best. A bitmap of positions, read in order, is a
ranking.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyroaring import BitMap

from matcher.matching import sla_thresholds
from matcher.matching.index import factory
from matcher.matching.index.clause_index import ClauseIndex, bits
from matcher.matching.model import Playbook
from sentinai.conditions import Conditions
from sentinai.conditions.evaluation.evaluate import Evaluator
from sentinai.conditions.explanation.explain import ClauseExplainer
from sentinai.conditions.language.clause_shapes import Shape, shape_of
from sentinai.conditions.lint.other_playbooks import by_rank

Answering = tuple[ClauseIndex | None, ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Compiled playbooks, best ranked first.

    ``time_dependent`` and ``time_independent`` are the indexes whose answers change with time and those whose do
    not, most selective first. ``clause_indexes`` has, for each position, the index of each of its clauses; None
    for a clause that no index covers, which is in ``residuals``. ``thresholds`` are the SLA minutes at which a
    position may change and of which no index in ``time_dependent`` knows.
    """

    playbooks: Sequence[Playbook]
    everyone: BitMap
    time_independent: tuple[ClauseIndex, ...]
    time_dependent: tuple[ClauseIndex, ...]
    clause_indexes: Sequence[Answering]
    residuals: Mapping[int, tuple[Evaluator, ...]]
    with_residuals: BitMap
    head_with_residuals: int
    thresholds: Mapping[int, sla_thresholds.Thresholds]
    with_thresholds: BitMap
    explainer: ClauseExplainer


@dataclass(slots=True)
class _Building:
    groups: dict[tuple[str, str, bool, int], ClauseIndex] = field(default_factory=dict)
    clause_indexes: list[Answering] = field(default_factory=list)
    shared_answering: dict[Answering, Answering] = field(default_factory=dict)
    shapes: dict[int, Shape | None] = field(default_factory=dict)
    evaluators: dict[str, Evaluator] = field(default_factory=dict)
    residuals: dict[int, tuple[Evaluator, ...]] = field(default_factory=dict)
    thresholds: dict[int, sla_thresholds.Thresholds] = field(default_factory=dict)
    shared_marks: dict[sla_thresholds.Thresholds, sla_thresholds.Thresholds] = field(default_factory=dict)


def compile_catalogue(playbooks: Iterable[Playbook]) -> Catalogue:
    """Compile the active playbooks of a tenant; of each name only the newest version given counts."""
    ranked = by_rank(playbooks)
    building = _Building()
    for position, playbook in enumerate(ranked):
        _enter(building, position, playbook.conditions)
    everyone = BitMap(range(len(ranked)))
    for group in building.groups.values():
        group.close(everyone)
    found = sorted(building.groups.values(), key=lambda group: group.selectivity)
    return Catalogue(
        playbooks=ranked,
        everyone=everyone,
        time_independent=tuple(group for group in found if not group.is_time_dependent),
        time_dependent=tuple(group for group in found if group.is_time_dependent),
        clause_indexes=building.clause_indexes,
        residuals=building.residuals,
        with_residuals=BitMap(building.residuals),
        head_with_residuals=bits(building.residuals),
        thresholds=building.thresholds,
        with_thresholds=BitMap(building.thresholds),
        explainer=ClauseExplainer(),
    )


def _enter(building: _Building, position: int, conditions: Conditions) -> None:
    clause_indexes: list[ClauseIndex | None] = []
    residuals: list[Evaluator] = []
    thresholds: list[sla_thresholds.Thresholds] = []
    for clause in conditions.clauses:
        shape = _shape(building, clause.logic)
        group = _group(building, shape, clause_indexes) if shape else None
        clause_indexes.append(group)
        if shape is not None and group is not None:
            group.add(position, shape)
        elif clause.logic is not True:
            residuals.append(_evaluator(building, clause.logic))
        if shape is None or factory.has_thresholds_of_its_own(shape):
            thresholds.append(sla_thresholds.thresholds_of(clause.logic))
    # Many playbooks have the same kinds of clauses, and share the same few marks.
    kinds = tuple(clause_indexes)
    building.clause_indexes.append(building.shared_answering.setdefault(kinds, kinds))
    if residuals:
        building.residuals[position] = tuple(residuals)
    joined = sla_thresholds.joined(thresholds)
    if joined:
        building.thresholds[position] = building.shared_marks.setdefault(joined, joined)


def _shape(building: _Building, logic: Any) -> Shape | None:
    """The shape of a clause. Playbooks share many of their clauses: the same object, so its id will do."""
    try:
        return building.shapes[id(logic)]
    except KeyError:
        found = building.shapes[id(logic)] = shape_of(logic)
        return found


def _group(building: _Building, shape: Shape, taken: list[ClauseIndex | None]) -> ClauseIndex:
    """The group for a clause, of which none of the playbook's other clauses is in."""
    kind = (factory.family(shape), shape.path, shape.negated)
    slot = 0
    while True:
        group = building.groups.get((*kind, slot))
        if group is None:
            group = building.groups[(*kind, slot)] = factory.new_index(*kind)
        if group not in taken:
            return group
        slot += 1


def _evaluator(building: _Building, logic: Any) -> Evaluator:
    key = json.dumps(logic, sort_keys=True)
    evaluator = building.evaluators.get(key)
    if evaluator is None:
        evaluator = building.evaluators[key] = Evaluator(logic)
    return evaluator
