"""Privacy: what people have agreed to, and every choice they ever made."""

from alembic import op

revision = "0004_privacy"
down_revision = "0003_aggregate"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA privacy")
    op.execute("CREATE SEQUENCE privacy.consent_version AS bigint")
    op.execute(
        """
        CREATE TABLE privacy.consents (
            app_id text NOT NULL,
            subject_id text NOT NULL,
            purpose text NOT NULL,
            granted boolean NOT NULL,
            version bigint NOT NULL,
            recorded_at timestamptz NOT NULL,
            CONSTRAINT pk_consents PRIMARY KEY (app_id, subject_id, purpose)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE privacy.consent_history (
            app_id text NOT NULL,
            subject_id text NOT NULL,
            version bigint NOT NULL,
            purpose text NOT NULL,
            granted boolean NOT NULL,
            actor text NOT NULL,
            method text NOT NULL,
            notice_version text NOT NULL,
            recorded_at timestamptz NOT NULL,
            CONSTRAINT pk_consent_history PRIMARY KEY (app_id, subject_id, version, purpose)
        )
        """
    )
    # Append-only for everybody, the owner as well. The one door is for erasure, which has to be
    # asked for by name in each transaction: SET LOCAL weir.erasure = 'on'.
    op.execute(
        """
        CREATE FUNCTION privacy.refuse_history_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF current_setting('weir.erasure', true) IS DISTINCT FROM 'on' THEN
                RAISE EXCEPTION 'privacy.consent_history is append-only'
                    USING ERRCODE = 'insufficient_privilege',
                          HINT = 'Erasure uses SET LOCAL weir.erasure = ''on''.';
            END IF;
            RETURN NULL;
        END
        $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER append_only
            BEFORE UPDATE OR DELETE OR TRUNCATE ON privacy.consent_history
            FOR EACH STATEMENT EXECUTE FUNCTION privacy.refuse_history_change()
        """
    )
