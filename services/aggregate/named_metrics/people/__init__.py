"""Metrics of single people."""
