"""Stored events, listed page by page; those behind a number too."""
