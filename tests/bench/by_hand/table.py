"""The hand-written service's only table: a primary key and two indexes."""

TABLE = """
    CREATE TABLE events (
        event_id uuid PRIMARY KEY,
        app_id text NOT NULL,
        name text NOT NULL,
        occurred_at timestamptz NOT NULL,
        received_at timestamptz NOT NULL DEFAULT now(),
        producer text NOT NULL,
        environment text NOT NULL,
        subject_id text,
        session_id text,
        entity_type text,
        entity_id text,
        context jsonb NOT NULL,
        properties jsonb NOT NULL
    );
    CREATE INDEX ON events (app_id, name, occurred_at);
    CREATE INDEX ON events (app_id, subject_id, occurred_at);
"""
STORED = "SELECT count(*) FROM events"
