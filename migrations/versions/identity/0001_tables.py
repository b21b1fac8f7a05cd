"""The tables of the identity side."""

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
        "acts",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("type", sa.String(length=24), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("previous", sa.LargeBinary(length=32), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_acts")),
        sa.UniqueConstraint("previous", name=op.f("uq_acts_previous")),
        info={"append_only": True},
    )
    op.create_table(
        "codes",
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("assurance", sa.String(length=16), nullable=False),
        sa.Column("issuer", sa.LargeBinary(length=8), nullable=False),
        sa.Column("issued", sa.LargeBinary(length=64), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_codes")),
    )
    with op.batch_alter_table("codes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_codes_number"), ["number"], unique=False)

    op.create_table(
        "enrolments",
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("browser", sa.LargeBinary(length=32), nullable=False),
        sa.Column("token", sa.LargeBinary(length=32), nullable=False),
        sa.Column("software", sa.Boolean(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolments")),
    )
    with op.batch_alter_table("enrolments", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_enrolments_expires_at_ms"), ["expires_at_ms"], unique=False)

    op.create_table(
        "founding_entries",
        sa.Column("index", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("index", name=op.f("pk_founding_entries")),
    )
    op.create_table(
        "identifications",
        sa.Column("state", sa.LargeBinary(length=32), nullable=False),
        sa.Column("browser", sa.LargeBinary(length=32), nullable=False),
        sa.Column("verifier", sa.String(length=64), nullable=False),
        sa.Column("random", sa.LargeBinary(length=16), nullable=False),
        sa.Column("enrolment", sa.LargeBinary(length=16), nullable=True),
        sa.Column("expires_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("state", name=op.f("pk_identifications")),
    )
    with op.batch_alter_table("identifications", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_identifications_expires_at_ms"), ["expires_at_ms"], unique=False)

    op.create_table(
        "key_rotations",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_key_rotations")),
        info={"append_only": True},
    )
    op.create_table(
        "people",
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("surname", sa.String(length=500), nullable=False),
        sa.Column("given", sa.String(length=500), nullable=False),
        sa.Column("patronymic", sa.String(length=500), nullable=False),
        sa.Column("born", sa.String(length=10), nullable=False),
        sa.Column("address", sa.String(length=500), nullable=False),
        sa.Column("unit", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("style", sa.Integer(), nullable=False),
        sa.Column("fault", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_people")),
    )
    with op.batch_alter_table("people", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_people_fault"), ["fault"], unique=False)

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
        "requests",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("once", sa.String(length=80), nullable=True),
        sa.Column("created_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("is_delivered", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requests")),
        sa.UniqueConstraint("once", name=op.f("uq_requests_once")),
    )
    with op.batch_alter_table("requests", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_requests_is_delivered"), ["is_delivered"], unique=False)
        batch_op.create_index(batch_op.f("ix_requests_number"), ["number"], unique=False)

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
        "roll_versions",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("use", sa.String(length=8), nullable=False),
        sa.Column("format", sa.String(length=8), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("places", sa.Text(), nullable=False),
        sa.Column("previous", sa.LargeBinary(length=32), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("signer", sa.LargeBinary(length=8), nullable=False),
        sa.Column("signature", sa.LargeBinary(length=64), nullable=False),
        sa.Column("imported_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_roll_versions")),
        sa.UniqueConstraint("hash", name=op.f("uq_roll_versions_hash")),
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
        "slots",
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("pseudonym", sa.LargeBinary(length=16), nullable=False),
        sa.Column("unit", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("style", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_slots")),
        sa.UniqueConstraint("pseudonym", name=op.f("uq_slots_pseudonym")),
        info={"append_only": True},
    )
    op.create_table(
        "notices",
        sa.Column("request", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sent_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["request"], ["requests.id"], name=op.f("fk_notices_request")),
        sa.PrimaryKeyConstraint("request", name=op.f("pk_notices")),
    )
    op.create_table(
        "request_signatures",
        sa.Column("request", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("author", sa.LargeBinary(length=8), nullable=False),
        sa.Column("signature", sa.LargeBinary(length=64), nullable=False),
        sa.ForeignKeyConstraint(["request"], ["requests.id"], name=op.f("fk_request_signatures_request")),
        sa.PrimaryKeyConstraint("request", "author", name=op.f("pk_request_signatures")),
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
    for table in ("acts", "key_rotations", "role_trail", "roll_versions", "slots"):
        for statement in protect(table, op.get_bind().dialect.name):
            op.execute(statement)


def downgrade() -> None:
    """Take it back."""
    with op.batch_alter_table("role_passkeys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_role_passkeys_person"))

    op.drop_table("role_passkeys")
    op.drop_table("request_signatures")
    op.drop_table("notices")
    op.drop_table("slots")
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sessions_expires_at_ms"))

    op.drop_table("sessions")
    op.drop_table("roll_versions")
    op.drop_table("role_trail")
    with op.batch_alter_table("role_tokens", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_role_tokens_expires_at_ms"))

    op.drop_table("role_tokens")
    with op.batch_alter_table("role_sessions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_role_sessions_expires_at_ms"))

    op.drop_table("role_sessions")
    with op.batch_alter_table("requests", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_requests_number"))
        batch_op.drop_index(batch_op.f("ix_requests_is_delivered"))

    op.drop_table("requests")
    op.drop_table("people_with_roles")
    with op.batch_alter_table("people", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_people_fault"))

    op.drop_table("people")
    op.drop_table("key_rotations")
    with op.batch_alter_table("identifications", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_identifications_expires_at_ms"))

    op.drop_table("identifications")
    op.drop_table("founding_entries")
    with op.batch_alter_table("enrolments", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_enrolments_expires_at_ms"))

    op.drop_table("enrolments")
    with op.batch_alter_table("codes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_codes_number"))

    op.drop_table("codes")
    op.drop_table("acts")
