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
from matcher.matching.index.clause_index import Group, bits
from matcher.matching.model import Playbook
from sentinai.conditions import Conditions
from sentinai.conditions.evaluation.evaluate import Evaluator
from sentinai.conditions.explanation.explain import Teller
from sentinai.conditions.language.clause_shapes import Shape, shape_of

Answering = tuple[Group | None, ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Compiled playbooks, best ranked first.

    ``timed`` and ``lasting`` are the groups that time moves and those that it does not, those that leave the
    fewest first. ``answering`` has, for each position, which group answers for each of its clauses; None for a
    clause that no group does, which is in ``residuals``. ``marks`` are the SLA minutes at which a position may
    change, where no threshold in ``timed`` tells them.
    """

    playbooks: Sequence[Playbook]
    everyone: BitMap
    lasting: tuple[Group, ...]
    timed: tuple[Group, ...]
    answering: Sequence[Answering]
    residuals: Mapping[int, tuple[Evaluator, ...]]
    with_residuals: BitMap
    head_with_residuals: int
    marks: Mapping[int, sla_thresholds.Marks]
    with_marks: BitMap
    teller: Teller


@dataclass(slots=True)
class _Building:
    groups: dict[tuple[str, str, bool, int], Group] = field(default_factory=dict)
    answering: list[Answering] = field(default_factory=list)
    shared_answering: dict[Answering, Answering] = field(default_factory=dict)
    shapes: dict[int, Shape | None] = field(default_factory=dict)
    evaluators: dict[str, Evaluator] = field(default_factory=dict)
    residuals: dict[int, tuple[Evaluator, ...]] = field(default_factory=dict)
    marks: dict[int, sla_thresholds.Marks] = field(default_factory=dict)
    shared_marks: dict[sla_thresholds.Marks, sla_thresholds.Marks] = field(default_factory=dict)


def compile_catalogue(playbooks: Iterable[Playbook]) -> Catalogue:
    """Compile the active playbooks of a tenant; of each name only the newest version given counts."""
    ranked = sorted(_newest(playbooks), key=lambda playbook: playbook.rank_key)
    building = _Building()
    for position, playbook in enumerate(ranked):
        _enter(building, position, playbook.conditions)
    everyone = BitMap(range(len(ranked)))
    for group in building.groups.values():
        group.close(everyone)
    found = sorted(building.groups.values(), key=lambda group: group.leaves)
    return Catalogue(
        playbooks=ranked,
        everyone=everyone,
        lasting=tuple(group for group in found if not group.is_timed),
        timed=tuple(group for group in found if group.is_timed),
        answering=building.answering,
        residuals=building.residuals,
        with_residuals=BitMap(building.residuals),
        head_with_residuals=bits(building.residuals),
        marks=building.marks,
        with_marks=BitMap(building.marks),
        teller=Teller(),
    )


def _newest(playbooks: Iterable[Playbook]) -> Iterable[Playbook]:
    newest: dict[str, Playbook] = {}
    for playbook in playbooks:
        standing = newest.get(playbook.name)
        if standing is None or playbook.version > standing.version:
            newest[playbook.name] = playbook
    return newest.values()


def _enter(building: _Building, position: int, conditions: Conditions) -> None:
    answering: list[Group | None] = []
    residuals: list[Evaluator] = []
    marks: list[sla_thresholds.Marks] = []
    for clause in conditions.clauses:
        shape = _shape(building, clause.logic)
        group = _group(building, shape, answering) if shape else None
        answering.append(group)
        if shape is not None and group is not None:
            group.add(position, shape)
        elif clause.logic is not True:
            residuals.append(_evaluator(building, clause.logic))
        if shape is None or factory.moves_unseen(shape):
            marks.append(sla_thresholds.marks_of(clause.logic))
    # Many playbooks have the same kinds of clauses, and share the same few marks.
    kinds = tuple(answering)
    building.answering.append(building.shared_answering.setdefault(kinds, kinds))
    if residuals:
        building.residuals[position] = tuple(residuals)
    joined = sla_thresholds.joined(marks)
    if joined:
        building.marks[position] = building.shared_marks.setdefault(joined, joined)


def _shape(building: _Building, logic: Any) -> Shape | None:
    """The shape of a clause. Playbooks share many of their clauses: the same object, so its id will do."""
    try:
        return building.shapes[id(logic)]
    except KeyError:
        found = building.shapes[id(logic)] = shape_of(logic)
        return found


def _group(building: _Building, shape: Shape, taken: list[Group | None]) -> Group:
    """The group for a clause, of which none of the playbook's other clauses is in."""
    kind = (factory.family(shape), shape.path, shape.negated)
    slot = 0
    while True:
        group = building.groups.get((*kind, slot))
        if group is None:
            group = building.groups[(*kind, slot)] = factory.new_group(*kind)
        if group not in taken:
            return group
        slot += 1


def _evaluator(building: _Building, logic: Any) -> Evaluator:
    key = json.dumps(logic, sort_keys=True)
    evaluator = building.evaluators.get(key)
    if evaluator is None:
        evaluator = building.evaluators[key] = Evaluator(logic)
    return evaluator
