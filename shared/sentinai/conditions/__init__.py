"""The condition language: when a playbook applies.

A conditions document becomes one JSON-Logic rule (``document``), which is held against an allow-list and
limits (``guard``), evaluated by json-logic-qubit (``evaluate``), told in words (``clauses``) and checked for
what its author may not have meant (``lint``).
"""

from sentinai.conditions.evaluation.errors import EvaluationError
from sentinai.conditions.evaluation.pack_rules import holds_for
from sentinai.conditions.language.document import Clause, Conditions, domain_named, normalise, parse
from sentinai.conditions.language.guard import check_logic

__all__ = [
    "Clause",
    "Conditions",
    "EvaluationError",
    "check_logic",
    "domain_named",
    "holds_for",
    "normalise",
    "parse",
]
