"""The language of conditions: its vocabulary, predicates, normal form and guard."""
