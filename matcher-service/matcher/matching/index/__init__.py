"""The index over clauses: which playbooks may match, without evaluating each."""
