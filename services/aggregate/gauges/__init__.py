"""Who is there now."""
