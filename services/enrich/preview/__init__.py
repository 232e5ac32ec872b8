"""Shows what enrichment would find for one event."""
