"""What is stored about one person, for an export."""
