"""Changes of consent numbered by app, for watchers."""

from alembic import op

revision = "0025_consent_changes"
down_revision = "0024_age_bands"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The number of an app's newest recording, and of the last one that watchers can no longer get. The row is
    # locked until a recording commits: a number is there when all lower ones are.
    op.execute(
        """
        CREATE TABLE privacy.consent_changes (
            app_id text NOT NULL,
            last_number bigint NOT NULL,
            forgotten_through bigint NOT NULL DEFAULT 0,
            CONSTRAINT pk_consent_changes PRIMARY KEY (app_id)
        )
        """
    )
    op.execute("GRANT SELECT, INSERT, UPDATE ON privacy.consent_changes TO weir_privacy")
    op.execute("ALTER TABLE privacy.consent_history ADD COLUMN change_number bigint")
    # What was recorded stays as it is; it only gets a number.
    op.execute("SET LOCAL weir.erasure = 'on'")
    op.execute(
        """
        UPDATE privacy.consent_history AS history
        SET change_number = numbered.number
        FROM (
            SELECT app_id, version, dense_rank() OVER (PARTITION BY app_id ORDER BY version) AS number
            FROM privacy.consent_history
        ) AS numbered
        WHERE history.app_id = numbered.app_id AND history.version = numbered.version
        """
    )
    op.execute("SET LOCAL weir.erasure = 'off'")
    op.execute(
        """
        INSERT INTO privacy.consent_changes (app_id, last_number)
        SELECT app_id, max(change_number) FROM privacy.consent_history GROUP BY app_id
        """
    )
    op.execute(
        """
        CREATE INDEX ix_consent_history_app_id_change_number
            ON privacy.consent_history (app_id, change_number)
        """
    )
