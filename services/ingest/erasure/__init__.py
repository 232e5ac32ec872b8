"""Erasing a person from dead letters, and keeping those that come later from bringing the person back."""
