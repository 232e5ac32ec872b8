"""The journal of jobs, for those who call."""
