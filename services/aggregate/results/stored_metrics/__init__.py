"""The metrics that jobs store."""
