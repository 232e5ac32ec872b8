"""Live numbers for callers who may see aggregates only."""
