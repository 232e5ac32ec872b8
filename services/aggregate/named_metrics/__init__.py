"""Metrics of the catalogs: numbers worked out from rollups, and numbers of single people."""
