"""Exports of everything held about one person: a ZIP with JSON Lines, CSV, a manifest and an index."""
