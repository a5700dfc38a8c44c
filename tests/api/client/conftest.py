"""The pair as its callers' programs see it."""

from tests.support.fixtures import pair, work

__all__ = ["pair", "work"]
