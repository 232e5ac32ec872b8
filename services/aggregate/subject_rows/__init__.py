"""The numbers about one person, for an export."""
