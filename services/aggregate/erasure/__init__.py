"""Erasing a person from what aggregate holds: numbers of single people, members, and who is there now."""
