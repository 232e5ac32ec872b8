"""The stored events of one person."""
