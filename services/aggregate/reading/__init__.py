"""Answers from stored cells."""
