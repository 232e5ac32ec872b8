"""What people did over time: cohorts, funnels."""
