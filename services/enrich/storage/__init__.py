"""Writing events to Postgres, each exactly once."""
