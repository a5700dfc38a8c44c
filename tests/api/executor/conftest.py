"""The pair as its callers see it, on SQLite and on PostgreSQL; each test has a tenant and a domain of its own."""

from tests.support.fixtures import pair, work

__all__ = ["pair", "work"]
