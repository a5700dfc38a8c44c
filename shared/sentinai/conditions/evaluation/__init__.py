"""Evaluating conditions: the context that a rule sees, and json-logic-qubit with bounded cost."""
