"""Stored events as files: streamed, and resumed after a cut."""
