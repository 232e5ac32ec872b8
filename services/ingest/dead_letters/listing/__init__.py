"""Lists dead letters, and counts them by reason."""
