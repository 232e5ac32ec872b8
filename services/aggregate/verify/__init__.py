"""Whether the rollups are what the stored events come to."""
