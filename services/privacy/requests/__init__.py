"""Requests about one person: erasure, export, and what else people may ask for."""
