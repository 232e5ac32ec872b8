"""Roles: what each service may do in Postgres, and who may read the events.

Roles belong to the server and not to the database: another Weir on the same server may have made them.
The partitions of `enrich.events` belong to `weir_enrich`; `suite.migrate` sees to that after each upgrade,
because a release from before this revision goes on making some while it runs.
"""

from alembic import op

revision = "0007_roles"
down_revision = "0006_device_details"
branch_labels = None
depends_on = None

ROLES = ("weir_ingest", "weir_enrich", "weir_aggregate", "weir_privacy", "weir_read")
# For an administrator, if the migrating user may not create roles.
BY_HAND = " ".join(f"CREATE ROLE {role};" for role in ROLES) + " GRANT weir_enrich TO %I;"
CREATE_ROLE = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
        CREATE ROLE {role} NOLOGIN;
    END IF;
EXCEPTION
    -- The migration of another database of this server made it meanwhile.
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format(
            '%I may not create the role {role}: let an administrator run {by_hand} Then migrate again.',
            current_user, current_user);
END
$$
"""
# To give tables to a role, one must be a member of it; and a member may change them as before.
JOIN_ENRICH = """
DO $$
BEGIN
    IF NOT pg_has_role(current_user, 'weir_enrich', 'USAGE') THEN
        GRANT weir_enrich TO CURRENT_USER;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format(
            '%I is not a member of the role weir_enrich: let an administrator run '
            'GRANT weir_enrich TO %I; Then migrate again.', current_user, current_user);
END
$$
"""
GRANTS = (
    "GRANT USAGE ON SCHEMA ingest TO weir_ingest",
    "GRANT SELECT, INSERT ON ingest.dead_letters TO weir_ingest",
    # CREATE, because enrich makes partitions while it runs. It does not own `enrich.events` itself: it
    # can neither change its columns nor drop it.
    "GRANT USAGE, CREATE ON SCHEMA enrich TO weir_enrich",
    "GRANT SELECT, INSERT ON enrich.events TO weir_enrich",
    "GRANT SELECT, INSERT, UPDATE ON enrich.batches TO weir_enrich",
    "GRANT USAGE ON SCHEMA aggregate TO weir_aggregate",
    "GRANT SELECT, INSERT ON aggregate.batches, aggregate.cells, aggregate.members TO weir_aggregate",
    "GRANT SELECT, INSERT, UPDATE ON aggregate.measures TO weir_aggregate",
    "GRANT USAGE ON SCHEMA privacy TO weir_privacy",
    "GRANT SELECT, INSERT, UPDATE ON privacy.consents TO weir_privacy",
    "GRANT SELECT, INSERT ON privacy.consent_history TO weir_privacy",
    "GRANT USAGE ON SEQUENCE privacy.consent_version TO weir_privacy",
    # Through the table that `libs/events` publishes, not through single partitions.
    "GRANT USAGE ON SCHEMA enrich TO weir_read",
    "GRANT SELECT ON enrich.events TO weir_read",
)


def upgrade() -> None:
    for role in ROLES:
        op.execute(CREATE_ROLE.format(role=role, by_hand=BY_HAND))
    op.execute(JOIN_ENRICH)
    for grant in GRANTS:
        op.execute(grant)
