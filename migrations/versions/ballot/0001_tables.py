"""The tables of the ballot side."""

import sqlalchemy as sa
from alembic import op

from voting_server.plumbing.database import CLOCK_SQL, protect

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(CLOCK_SQL)
    op.create_table(
        "checkpoints",
        sa.Column("size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("block", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.Column("quorum_note", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_checkpoints")),
        sa.UniqueConstraint("block", name=op.f("uq_checkpoints_block")),
    )
    op.create_table(
        "cosignatures",
        sa.Column("size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("witness", sa.String(length=255), nullable=False),
        sa.Column("line", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("size", "witness", name=op.f("pk_cosignatures")),
    )
    op.create_table(
        "entries",
        sa.Column("index", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("leaf", sa.LargeBinary(length=32), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("block", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("index", name=op.f("pk_entries")),
        sa.UniqueConstraint("leaf", name=op.f("uq_entries_leaf")),
        info={"append_only": True},
    )
    op.create_table(
        "firsts",
        sa.Column("value", sa.LargeBinary(length=33), nullable=False),
        sa.PrimaryKeyConstraint("value", name=op.f("pk_firsts")),
    )
    op.create_table(
        "kept_sums",
        sa.Column("size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(length=64), nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_kept_sums")),
    )
    op.create_table(
        "people_with_roles",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("body", sa.String(length=120), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("key", sa.LargeBinary(length=32), nullable=True),
        sa.Column("invitation", sa.LargeBinary(length=32), nullable=True),
        sa.Column("invited_until_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people_with_roles")),
        sa.UniqueConstraint("invitation", name=op.f("uq_people_with_roles_invitation")),
        sa.UniqueConstraint("key", name=op.f("uq_people_with_roles_key")),
    )
    op.create_table(
        "proposals",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("type", sa.String(length=24), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("parts", sa.LargeBinary(), nullable=False),
        sa.Column("author", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("made_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("ended_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("note", sa.String(length=300), nullable=False),
        sa.Column("check", sa.String(length=24), nullable=False),
        sa.Column("leaf", sa.LargeBinary(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proposals")),
    )
    with op.batch_alter_table("proposals", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_proposals_state"), ["state"], unique=False)

    op.create_table(
        "queue",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("leaf", sa.LargeBinary(length=32), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("pseudonym", sa.LargeBinary(length=16), nullable=True),
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("ballot_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("entry_index", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("check_id", sa.String(length=32), nullable=True),
        sa.Column("received_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("deadline_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("role", sa.String(length=16), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queue")),
        sa.UniqueConstraint("ballot_hash", name=op.f("uq_queue_ballot_hash")),
        sa.UniqueConstraint("leaf", name=op.f("uq_queue_leaf")),
    )
    with op.batch_alter_table("queue", schema=None) as batch_op:
        batch_op.create_index(
            "ix_queue_roles",
            ["role", "pseudonym"],
            unique=False,
            postgresql_where=sa.text("role IS NOT NULL"),
            sqlite_where=sa.text("role IS NOT NULL"),
        )
        batch_op.create_index("ix_queue_state_id", ["state", "id"], unique=False)
        batch_op.create_index(
            "uq_queue_change",
            ["pseudonym"],
            unique=True,
            postgresql_where=sa.text("state = 'waiting' AND type = 'change'"),
            sqlite_where=sa.text("state = 'waiting' AND type = 'change'"),
        )
        batch_op.create_index(
            "uq_queue_pseudonym_number",
            ["pseudonym", "number"],
            unique=True,
            postgresql_where=sa.text("state <> 'refused'"),
            sqlite_where=sa.text("state <> 'refused'"),
        )
        batch_op.create_index(
            "uq_queue_strike",
            ["pseudonym"],
            unique=True,
            postgresql_where=sa.text("state <> 'refused' AND type = 'strike'"),
            sqlite_where=sa.text("state <> 'refused' AND type = 'strike'"),
        )
        batch_op.create_index(
            "uq_queue_waiting_pseudonym",
            ["pseudonym"],
            unique=True,
            postgresql_where=sa.text("state = 'waiting' AND type <> 'strike' AND type <> 'change'"),
            sqlite_where=sa.text("state = 'waiting' AND type <> 'strike' AND type <> 'change'"),
        )

    op.create_table(
        "role_sessions",
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("subject", sa.LargeBinary(length=64), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_role_sessions")),
    )
    with op.batch_alter_table("role_sessions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_role_sessions_expires_at_ms"), ["expires_at_ms"], unique=False)

    op.create_table(
        "role_tokens",
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_role_tokens")),
    )
    with op.batch_alter_table("role_tokens", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_role_tokens_expires_at_ms"), ["expires_at_ms"], unique=False)

    op.create_table(
        "role_trail",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("person", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("act", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=120), nullable=False),
        sa.Column("outcome", sa.String(length=40), nullable=False),
        sa.Column("previous", sa.LargeBinary(length=32), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_role_trail")),
        sa.UniqueConstraint("previous", name=op.f("uq_role_trail_previous")),
        info={"append_only": True},
    )
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("subject", sa.LargeBinary(length=64), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sessions")),
    )
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sessions_expires_at_ms"), ["expires_at_ms"], unique=False)

    op.create_table(
        "tokens",
        sa.Column("size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("authority", sa.String(length=255), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("block", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.PrimaryKeyConstraint("size", "authority", name=op.f("pk_tokens")),
    )
    op.create_table(
        "used_logins",
        sa.Column("token", sa.LargeBinary(length=16), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_used_logins")),
    )
    with op.batch_alter_table("used_logins", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_used_logins_expires_at_ms"), ["expires_at_ms"], unique=False)

    op.create_table(
        "proposal_signatures",
        sa.Column("proposal", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key_id", sa.LargeBinary(length=8), nullable=False),
        sa.Column("signature", sa.LargeBinary(length=64), nullable=False),
        sa.Column("person", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["proposal"], ["proposals.id"], name=op.f("fk_proposal_signatures_proposal")),
        sa.PrimaryKeyConstraint("proposal", "key_id", name=op.f("pk_proposal_signatures")),
        sa.UniqueConstraint("proposal", "person", name=op.f("uq_proposal_signatures_proposal")),
    )
    op.create_table(
        "role_passkeys",
        sa.Column("id", sa.LargeBinary(length=1023), nullable=False),
        sa.Column("person", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("counter", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["people_with_roles.id"], name=op.f("fk_role_passkeys_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_passkeys")),
    )
    with op.batch_alter_table("role_passkeys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_role_passkeys_person"), ["person"], unique=False)
    for table in ("entries", "role_trail"):
        for statement in protect(table, op.get_bind().dialect.name):
            op.execute(statement)


def downgrade() -> None:
    """Take it back."""
    with op.batch_alter_table("role_passkeys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_role_passkeys_person"))

    op.drop_table("role_passkeys")
    op.drop_table("proposal_signatures")
    with op.batch_alter_table("used_logins", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_used_logins_expires_at_ms"))

    op.drop_table("used_logins")
    op.drop_table("tokens")
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sessions_expires_at_ms"))

    op.drop_table("sessions")
    op.drop_table("role_trail")
    with op.batch_alter_table("role_tokens", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_role_tokens_expires_at_ms"))

    op.drop_table("role_tokens")
    with op.batch_alter_table("role_sessions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_role_sessions_expires_at_ms"))

    op.drop_table("role_sessions")
    with op.batch_alter_table("queue", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_queue_waiting_pseudonym",
            postgresql_where=sa.text("state = 'waiting' AND type <> 'strike' AND type <> 'change'"),
            sqlite_where=sa.text("state = 'waiting' AND type <> 'strike' AND type <> 'change'"),
        )
        batch_op.drop_index(
            "uq_queue_strike",
            postgresql_where=sa.text("state <> 'refused' AND type = 'strike'"),
            sqlite_where=sa.text("state <> 'refused' AND type = 'strike'"),
        )
        batch_op.drop_index(
            "uq_queue_pseudonym_number",
            postgresql_where=sa.text("state <> 'refused'"),
            sqlite_where=sa.text("state <> 'refused'"),
        )
        batch_op.drop_index(
            "uq_queue_change",
            postgresql_where=sa.text("state = 'waiting' AND type = 'change'"),
            sqlite_where=sa.text("state = 'waiting' AND type = 'change'"),
        )
        batch_op.drop_index("ix_queue_state_id")
        batch_op.drop_index(
            "ix_queue_roles", postgresql_where=sa.text("role IS NOT NULL"), sqlite_where=sa.text("role IS NOT NULL")
        )

    op.drop_table("queue")
    with op.batch_alter_table("proposals", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_proposals_state"))

    op.drop_table("proposals")
    op.drop_table("people_with_roles")
    op.drop_table("kept_sums")
    op.drop_table("firsts")
    op.drop_table("entries")
    op.drop_table("cosignatures")
    op.drop_table("checkpoints")
