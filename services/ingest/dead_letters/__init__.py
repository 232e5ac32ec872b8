"""Events that failed: what is kept of them, and the table that keeps it."""
