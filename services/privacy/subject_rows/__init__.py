"""What privacy itself holds about one person, for an export."""
