"""The people behind a number of a funnel or a cohort, for those who may list events."""
