"""Which numbers are withheld from callers who may see aggregates only: those about a few people, and those
that lead to one by a difference (ADR 53)."""
