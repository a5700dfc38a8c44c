"""The pair as an attacker meets it, on SQLite and on PostgreSQL."""

from tests.support.fixtures import pair, work

__all__ = ["pair", "work"]
