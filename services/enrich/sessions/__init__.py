"""Sessions across batches: when each began, kept in Redis."""
