"""Retention of all services: the limits, what is past them, and runs that end it."""
