"""What the worker needs: backoff of recalculations, the window of deliveries, and finding due work by index."""

import sqlalchemy as sa
from alembic import op

from sentinai.database.tables import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Each index has exactly the rows that its query counts or finds the tenants of.
INDEXES = (
    ("ix_exception_due_tenants", "exception", ["valid_until", "tenant_id"], "valid_until IS NOT NULL"),
    ("ix_outbox_pending_tenants", "outbox", ["next_attempt_at", "tenant_id", "created_at"], "status = 'pending'"),
    ("ix_outbox_delivered_tenants", "outbox", ["delivered_at", "tenant_id"], "status = 'delivered'"),
    ("ix_outbox_failed", "outbox", ["tenant_id", "created_at", "outbox_id"], "status = 'failed'"),
)
LIST_INDEX = "ix_outbox_created"

FUNCTIONS = {
    "tenants_with_due_recalculations": (
        "varchar",
        "SELECT DISTINCT tenant_id FROM exception WHERE valid_until <= $1",
    ),
    "tenants_with_due_deliveries": (
        "varchar",
        "SELECT DISTINCT tenant_id FROM outbox WHERE status = 'pending' AND next_attempt_at <= $1",
    ),
    "tenants_with_old_deliveries": (
        "varchar",
        "SELECT DISTINCT tenant_id FROM outbox WHERE status = 'delivered' AND delivered_at <= $1",
    ),
    "count_due_recalculations": (
        "bigint",
        "SELECT count(*) FROM exception WHERE valid_until <= $1",
    ),
    "count_pending_deliveries": (
        "bigint",
        "SELECT count(*) FROM outbox WHERE status = 'pending' AND created_at <= $1",
    ),
    "count_failed_deliveries": (
        "bigint",
        "SELECT count(*) FROM outbox WHERE status = 'failed' AND created_at <= $1",
    ),
}


def upgrade() -> None:
    op.add_column(
        "exception", sa.Column("recalculation_failures", sa.Integer(), nullable=False, server_default="0")
    )
    op.add_column("outbox", sa.Column("requeued_at", UtcDateTime(), nullable=True))
    op.add_column("outbox", sa.Column("last_attempt_at", UtcDateTime(), nullable=True))
    op.add_column("outbox", sa.Column("last_status", sa.Integer(), nullable=True))
    for name, table, columns, where in INDEXES:
        op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
    op.create_index(LIST_INDEX, "outbox", ["tenant_id", "created_at", "outbox_id"])
    if op.get_bind().dialect.name == "postgresql":
        _let_functions_look_across_tenants()


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for name in FUNCTIONS:
            op.execute(f"DROP FUNCTION {name}(timestamptz)")
        for table in ("exception", "outbox"):
            op.execute(f"DROP POLICY worker_backlog ON {table}")
    op.drop_index(LIST_INDEX, "outbox")
    for name, table, *_ in INDEXES:
        op.drop_index(name, table)
    for column in ("requeued_at", "last_attempt_at", "last_status"):
        op.drop_column("outbox", column)
    op.drop_column("exception", "recalculation_failures")


def _let_functions_look_across_tenants() -> None:
    """Functions that tell tenants and numbers, never rows, to a role that sees one tenant at a time.

    They run as the owner of the tables, to whom alone the policy applies, and only within them.
    """
    for table in ("exception", "outbox"):
        op.execute(
            f"CREATE POLICY worker_backlog ON {table} FOR SELECT TO CURRENT_USER "
            "USING (current_setting('sentinai.backlog', true) = 'on')"
        )
    for name, (result, query) in FUNCTIONS.items():
        op.execute(
            f"CREATE FUNCTION {name}(timestamptz) RETURNS SETOF {result} LANGUAGE plpgsql SECURITY DEFINER "
            "SET search_path FROM CURRENT AS $$ BEGIN "
            "PERFORM set_config('sentinai.backlog', 'on', true); "
            f"RETURN QUERY {query}; "
            "PERFORM set_config('sentinai.backlog', '', true); "
            "END $$"
        )
        op.execute(f"REVOKE ALL ON FUNCTION {name}(timestamptz) FROM PUBLIC")
