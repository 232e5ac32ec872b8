"""Numbers that are no longer kept."""
