"""The dead letters about one person, for an export."""
