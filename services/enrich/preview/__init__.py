"""Shows what enrichment would find out about one event."""
