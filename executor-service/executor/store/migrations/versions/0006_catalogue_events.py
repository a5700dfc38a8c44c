"""The log of changes to packs and playbooks. What was published before has no events; the log starts empty."""

import sqlalchemy as sa
from alembic import op

from sentinai.database.tables import JsonObject, UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLE = "catalogue_event"
TENANT_SET = "current_setting('sentinai.tenant_id', true)"


def upgrade() -> None:
    op.add_column("tenant", sa.Column("event_seq", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("tenant", sa.Column("event_hash", sa.String(64), nullable=False, server_default="0" * 64))
    op.create_table(
        TABLE,
        sa.Column("tenant_id", sa.String(128), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.String(36), nullable=False),
        sa.Column("event_type", sa.String(64), nullable=False),
        sa.Column("actor_type", sa.String(16), nullable=False),
        sa.Column("actor_id", sa.String(128), nullable=False),
        sa.Column("payload", JsonObject(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("prev_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.tenant_id"], name=op.f("fk_catalogue_event_tenant")),
        sa.PrimaryKeyConstraint("tenant_id", "seq", name=op.f("pk_catalogue_event")),
        sa.UniqueConstraint("event_id", name=op.f("uq_catalogue_event_event_id")),
    )
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {TABLE}_refuse_{change.lower()} BEFORE {change} ON {TABLE} "
                f"BEGIN SELECT RAISE(ABORT, '{TABLE} is append-only'); END"
            )
        return
    op.execute(
        f"CREATE TRIGGER {TABLE}_refuse_change BEFORE UPDATE OR DELETE ON {TABLE} "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        f"CREATE TRIGGER {TABLE}_refuse_truncate BEFORE TRUNCATE ON {TABLE} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute(f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {TABLE} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY one_tenant ON {TABLE} USING (tenant_id = {TENANT_SET})")


def downgrade() -> None:
    op.drop_table(TABLE)
    op.drop_column("tenant", "event_hash")
    op.drop_column("tenant", "event_seq")
