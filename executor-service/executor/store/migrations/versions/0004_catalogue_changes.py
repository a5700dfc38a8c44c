"""Exceptions remember the catalogue that their recommendation is from, so that the worker finds those behind.

Null for those without a recommendation, which the worker asks for anyway.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

INDEX = "ix_exception_behind"
WAITING = sa.text("status <> 'resolved' AND recalculation_failures = 0")
FUNCTION = "tenants_behind"
QUERY = (
    "SELECT tenant.tenant_id FROM tenant WHERE EXISTS (SELECT 1 FROM exception WHERE "
    "exception.tenant_id = tenant.tenant_id AND status <> 'resolved' AND recalculation_failures = 0 "
    "AND exception.catalogue_revision < tenant.catalogue_revision)"
)


def upgrade() -> None:
    op.add_column("exception", sa.Column("catalogue_revision", sa.BigInteger(), nullable=True, server_default="0"))
    op.create_index(
        INDEX,
        "exception",
        ["tenant_id", "catalogue_revision"],
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    )
    if op.get_bind().dialect.name == "postgresql":
        # Like the functions of 0002: it tells tenants, never rows.
        op.execute(
            f"CREATE FUNCTION {FUNCTION}() RETURNS SETOF varchar LANGUAGE plpgsql SECURITY DEFINER "
            "SET search_path FROM CURRENT AS $$ BEGIN "
            "PERFORM set_config('sentinai.backlog', 'on', true); "
            f"RETURN QUERY {QUERY}; "
            "PERFORM set_config('sentinai.backlog', '', true); "
            "END $$"
        )
        op.execute(f"REVOKE ALL ON FUNCTION {FUNCTION}() FROM PUBLIC")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP FUNCTION {FUNCTION}()")
    op.drop_index(INDEX, "exception")
    op.drop_column("exception", "catalogue_revision")
