"""Erasing a person from enrich's stores, and keeping what comes later from bringing the person back."""
