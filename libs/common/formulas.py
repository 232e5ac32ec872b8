"""Texts of people in CSV, which spreadsheets would take for formulas (OWASP, CSV injection)."""

# Spreadsheets read the full-width forms of = + - @ as these.
FORMULA_STARTS = (*"=+-@\t\r\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def without_formula(text: str) -> str:
    """The text, with a `'` in front if a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
