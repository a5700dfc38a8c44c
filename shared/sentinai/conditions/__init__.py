"""The condition language: when a playbook applies.

A conditions document becomes one JSON-Logic rule (``language.document``), which is checked against an allow-list
and limits (``language.guard``), evaluated by json-logic-qubit (``evaluation``), explained in words
(``explanation``) and checked for what its author may not have intended (``lint``).
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
