"""The privileges of the roles in ``deploy/postgres/roles.sql``: each has no more than it needs.

Row-level security applies only to roles that neither own the tables nor bypass it, and the log is append-only
only for roles that cannot drop its triggers. Therefore each service has a role of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, text

from executor.store import backlog

_READ, _ADD, _CHANGE = "SELECT", "SELECT, INSERT", "SELECT, INSERT, UPDATE"

PRIVILEGES: Mapping[str, Mapping[str, str]] = {
    "sentinai_executor": {
        "alembic_version": _READ,
        "domain_pack": _ADD,
        "policy_pack": _ADD,
        "tenant": _CHANGE,
        "playbook": "SELECT, INSERT, UPDATE (status)",
        "playbook_step": _ADD,
        "exception": _CHANGE,
        "exception_event": _ADD,
        "catalogue_event": _ADD,
        "outbox": "SELECT, INSERT, UPDATE, DELETE",
        "used_token": "SELECT, INSERT, DELETE",
        "ALL SEQUENCES IN SCHEMA public": "USAGE",
        **{f"FUNCTION {name}(timestamptz)": "EXECUTE" for name in backlog.FUNCTIONS},
        "FUNCTION tenants_behind()": "EXECUTE",
    },
    "sentinai_matcher": {
        "domain_pack": _READ,
        "policy_pack": _READ,
        "tenant": _READ,
        "playbook": _READ,
        "playbook_step": _READ,
    },
}
"""By role and table, all that the role may do."""

_ROLES = text("SELECT rolname FROM pg_roles WHERE rolname = ANY (:roles)")


def grant(connection: Connection) -> None:
    """Grant the roles that exist exactly their privileges. Does nothing on SQLite, which has no roles."""
    if connection.dialect.name != "postgresql":
        return
    for role in connection.scalars(_ROLES, {"roles": list(PRIVILEGES)}).all():
        connection.execute(text(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}"))
        for target, privileges in PRIVILEGES[role].items():
            connection.execute(text(f"GRANT {privileges} ON {target} TO {role}"))
