"""The audit trail: entries are stored with the act, chained within a second, listed and verified."""
