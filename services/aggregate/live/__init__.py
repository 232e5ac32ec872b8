"""What changes right now, and who watches it."""
