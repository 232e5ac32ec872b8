"""Pseudonyms for the members that older releases kept under people's own ids."""
