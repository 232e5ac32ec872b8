"""What of a result is shown."""
