"""Cohort tables that jobs store."""
