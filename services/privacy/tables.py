"""Privacy's tables, as the migrations leave them."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Sequence, Table, Text

from libs.stores.postgres import service_metadata

metadata = service_metadata("privacy")

# A version is drawn for each attempt to record, and never given back: of two versions of one
# subject, the higher one was drawn later.
consent_version = Sequence("consent_version", metadata=metadata, data_type=BigInteger)

# What is in force: the latest choice of each person and purpose.
consents = Table(
    "consents",
    metadata,
    Column("app_id", Text, primary_key=True),
    Column("subject_id", Text, primary_key=True),
    Column("purpose", Text, primary_key=True),
    Column("granted", Boolean, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    # `granted`, `denied`, `withdrawn` or `objected`; none if an older release recorded it.
    Column("status", Text),
    # When a grant ends by its own recording.
    Column("expires_at", DateTime(timezone=True)),
)

# Every choice ever recorded. A trigger refuses changes, unless a transaction says
# `SET LOCAL weir.erasure = 'on'`.
consent_history = Table(
    "consent_history",
    metadata,
    Column("app_id", Text, primary_key=True),
    Column("subject_id", Text, primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("purpose", Text, primary_key=True),
    Column("granted", Boolean, nullable=False),
    Column("actor", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("notice_version", Text, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("status", Text),
    Column("expires_at", DateTime(timezone=True)),
    Column("source", Text, nullable=False, server_default=""),
    Column("actor_role", Text, nullable=False, server_default=""),
)
