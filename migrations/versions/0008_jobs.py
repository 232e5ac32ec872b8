"""Jobs: which there are, the journal of their runs, and the rights to what the first ones delete."""

from alembic import op

revision = "0008_jobs"
down_revision = "0007_roles"
branch_labels = None
depends_on = None

# Those of the services that have jobs.
ROLES = "weir_ingest, weir_enrich, weir_aggregate"


def upgrade() -> None:
    op.execute("CREATE SCHEMA jobs")
    op.execute(
        """
        CREATE TABLE jobs.jobs (
            name text NOT NULL,
            service text NOT NULL,
            description text NOT NULL,
            schedule text NOT NULL,
            catch_up text NOT NULL,
            CONSTRAINT pk_jobs PRIMARY KEY (name)
        )
        """
    )
    # A running run is its own lease. Ids are UUIDv7: they sort by the time at which a run was made.
    op.execute(
        """
        CREATE TABLE jobs.runs (
            id uuid NOT NULL,
            job text NOT NULL,
            trigger text NOT NULL,
            due_at timestamptz NOT NULL,
            attempt integer NOT NULL DEFAULT 1,
            started_at timestamptz,
            finished_at timestamptz,
            outcome text NOT NULL,
            counts jsonb NOT NULL DEFAULT '{}',
            error_type text NOT NULL DEFAULT '',
            error_message text NOT NULL DEFAULT '',
            worker text NOT NULL DEFAULT '',
            lease_until timestamptz,
            CONSTRAINT pk_runs PRIMARY KEY (id),
            CONSTRAINT ck_runs_trigger CHECK (trigger IN ('schedule', 'manual')),
            CONSTRAINT ck_runs_outcome CHECK (outcome IN
                ('requested', 'running', 'succeeded', 'failed', 'abandoned', 'stopped')),
            CONSTRAINT ck_runs_lease CHECK (outcome <> 'running' OR lease_until IS NOT NULL)
        )
        """
    )
    for statement in (
        # One at a time of each job, whoever asked for it.
        "CREATE UNIQUE INDEX uq_runs_running ON jobs.runs (job) WHERE outcome = 'running'",
        # Each due time succeeds at most once, and each attempt at it is made by one replica.
        "CREATE UNIQUE INDEX uq_runs_due ON jobs.runs (job, due_at)"
        " WHERE trigger = 'schedule' AND outcome IN ('running', 'succeeded')",
        "CREATE UNIQUE INDEX uq_runs_attempt ON jobs.runs (job, due_at, attempt)"
        " WHERE trigger = 'schedule'",
        "CREATE INDEX ix_runs_requested ON jobs.runs (job, id) WHERE outcome = 'requested'",
        "CREATE INDEX ix_runs_succeeded ON jobs.runs (job, finished_at) WHERE outcome = 'succeeded'",
        "CREATE INDEX ix_runs_job ON jobs.runs (job, id)",
        f"GRANT USAGE ON SCHEMA jobs TO {ROLES}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON jobs.jobs TO {ROLES}",
        f"GRANT SELECT, INSERT, UPDATE ON jobs.runs TO {ROLES}",
        "GRANT DELETE ON enrich.batches TO weir_enrich",
        "GRANT DELETE ON aggregate.batches TO weir_aggregate",
    ):
        op.execute(statement)
