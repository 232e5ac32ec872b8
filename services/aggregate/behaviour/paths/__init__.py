"""What people did next, or before."""
