"""A tenant's playbooks, compiled: ranked and indexed, with the clauses that no index covers as residuals.

Positions are ranks: the playbook at position 0 is the best. A bitmap of positions, read in order, is a
ranking.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyroaring import BitMap

from matcher.matching.index import factory
from matcher.matching.index.clause_index import ClauseIndex, bits
from matcher.matching.model import Playbook
from sentinai.conditions import Conditions
from sentinai.conditions.evaluation import sla_thresholds
from sentinai.conditions.evaluation.evaluate import Evaluator
from sentinai.conditions.explanation.explain import ClauseExplainer
from sentinai.conditions.language.clause_shapes import Shape, shape_of
from sentinai.conditions.lint.other_playbooks import by_rank
from sentinai.policy import PolicyStep

ClauseIndexes = tuple[ClauseIndex | None, ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Compiled playbooks, best ranked first.

    ``time_dependent`` and ``time_independent`` are the indexes whose answers change with time and those whose do
    not, most selective first. ``clause_indexes`` has, for each position, the index of each of its clauses; None
    for a clause that no index covers, which is in ``residuals``. ``thresholds`` are the SLA minutes at which a
    position may change and which no index in ``time_dependent`` contains. ``by_step`` has the positions of the
    playbooks with a step of the same action and tool.
    """

    playbooks: Sequence[Playbook]
    everyone: BitMap
    time_independent: tuple[ClauseIndex, ...]
    time_dependent: tuple[ClauseIndex, ...]
    clause_indexes: Sequence[ClauseIndexes]
    residuals: Mapping[int, tuple[Evaluator, ...]]
    with_residuals: BitMap
    top_ranked_with_residuals: int
    thresholds: Mapping[int, sla_thresholds.Thresholds]
    with_thresholds: BitMap
    by_step: Mapping[PolicyStep, BitMap]
    explainer: ClauseExplainer


@dataclass(slots=True)
class _Building:
    by_kind: dict[tuple[str, str, bool, str | None, int], ClauseIndex] = field(default_factory=dict)
    clause_indexes: list[ClauseIndexes] = field(default_factory=list)
    shared_indexes: dict[ClauseIndexes, ClauseIndexes] = field(default_factory=dict)
    shapes: dict[int, Shape | None] = field(default_factory=dict)
    evaluators: dict[str, Evaluator] = field(default_factory=dict)
    residuals: dict[int, tuple[Evaluator, ...]] = field(default_factory=dict)
    thresholds: dict[int, sla_thresholds.Thresholds] = field(default_factory=dict)
    shared_thresholds: dict[sla_thresholds.Thresholds, sla_thresholds.Thresholds] = field(default_factory=dict)
    by_step: dict[tuple[str, str | None], list[int]] = field(default_factory=dict)


def compile_catalogue(playbooks: Iterable[Playbook]) -> Catalogue:
    """Compile the active playbooks of a tenant; of each name, only the newest given version."""
    ranked = by_rank(playbooks)
    building = _Building()
    for position, playbook in enumerate(ranked):
        _add_clauses(building, position, playbook.conditions)
        for use in {(step.action_type, step.tool_id) for step in playbook.steps or ()}:
            building.by_step.setdefault(use, []).append(position)
    everyone = BitMap(range(len(ranked)))
    for clause_index in building.by_kind.values():
        clause_index.close(everyone)
    found = sorted(building.by_kind.values(), key=lambda clause_index: clause_index.selectivity)
    return Catalogue(
        playbooks=ranked,
        everyone=everyone,
        time_independent=tuple(clause_index for clause_index in found if not clause_index.is_time_dependent),
        time_dependent=tuple(clause_index for clause_index in found if clause_index.is_time_dependent),
        clause_indexes=building.clause_indexes,
        residuals=building.residuals,
        with_residuals=BitMap(building.residuals),
        top_ranked_with_residuals=bits(building.residuals),
        thresholds=building.thresholds,
        with_thresholds=BitMap(building.thresholds),
        by_step={PolicyStep(0, "", *use, False): BitMap(found) for use, found in building.by_step.items()},
        explainer=ClauseExplainer(),
    )


def _add_clauses(building: _Building, position: int, conditions: Conditions) -> None:
    clause_indexes: list[ClauseIndex | None] = []
    residuals: list[Evaluator] = []
    thresholds: list[sla_thresholds.Thresholds] = []
    for clause in conditions.clauses:
        shape = _shape(building, clause.logic)
        clause_index = _index_for(building, shape, clause_indexes) if shape else None
        clause_indexes.append(clause_index)
        if shape is not None and clause_index is not None:
            clause_index.add(position, shape)
        elif clause.logic is not True:
            residuals.append(_evaluator(building, clause.logic))
        if shape is None or factory.has_thresholds_of_its_own(shape):
            thresholds.append(sla_thresholds.thresholds_of(clause.logic))
    # Many playbooks have the same kinds of clauses and the same thresholds: they share these objects.
    kinds = tuple(clause_indexes)
    building.clause_indexes.append(building.shared_indexes.setdefault(kinds, kinds))
    if residuals:
        building.residuals[position] = tuple(residuals)
    joined = sla_thresholds.joined(thresholds)
    if joined:
        building.thresholds[position] = building.shared_thresholds.setdefault(joined, joined)


def _shape(building: _Building, logic: Any) -> Shape | None:
    """The shape of a clause, cached by its id: playbooks share clause objects."""
    try:
        return building.shapes[id(logic)]
    except KeyError:
        found = building.shapes[id(logic)] = shape_of(logic)
        return found


def _index_for(building: _Building, shape: Shape, taken: list[ClauseIndex | None]) -> ClauseIndex:
    """The first index for this kind of clause that has none of the playbook's other clauses."""
    kind = (factory.family(shape), shape.path, shape.negated, shape.reading)
    slot = 0
    while True:
        clause_index = building.by_kind.get((*kind, slot))
        if clause_index is None:
            clause_index = building.by_kind[(*kind, slot)] = factory.new_index(*kind)
        if clause_index not in taken:
            return clause_index
        slot += 1


def _evaluator(building: _Building, logic: Any) -> Evaluator:
    key = json.dumps(logic, sort_keys=True)
    evaluator = building.evaluators.get(key)
    if evaluator is None:
        evaluator = building.evaluators[key] = Evaluator(logic)
    return evaluator
