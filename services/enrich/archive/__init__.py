"""Events of apps that want an archive go to Parquet files before they are removed (ADR 52)."""
