"""Texts of people in CSV, which spreadsheets would take for formulas (OWASP, CSV injection)."""

_STARTS = ("=", "+", "-", "@", "\t", "\r")


def without_formula(text: str) -> str:
    """The text, with a `'` in front if a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(_STARTS) else text
