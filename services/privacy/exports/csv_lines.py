"""JSON objects as lines of CSV (RFC 4180). Pure."""

import csv
import json
from collections.abc import Iterable, Iterator
from io import StringIO

from libs.common.formulas import without_formula

# Numbers as they are written: a float would round them, and an int has a limit of digits.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)
_SPACE = " \t\n\r"


def members_of(line: str) -> dict[str, str | None]:
    """The members of a JSON object as cells: texts as they are; objects, lists and numbers as their JSON,
    with every digit; None for null. Raises ValueError for what is no object.

    A text that a spreadsheet would take for a formula begins with a `'`.
    """
    found: dict[str, str | None] = {}
    at = _past(line, 0, "{")
    while line[at] != "}":
        if line[at] != '"':
            raise ValueError(f"no JSON object: there is no name at {at}")
        name, at = _DECODER.raw_decode(line, at)
        begin = _past(line, at, ":")
        value, at = _DECODER.raw_decode(line, begin)
        if value is None:
            found[name] = None
        elif line[begin] == '"':
            found[name] = without_formula(value)
        else:
            found[name] = line[begin:at]
        at = _skip(line, at)
        if line[at] == ",":
            at = _skip(line, at + 1)
    return found


def csv_lines(rows: Iterable[str], names: Iterable[str]) -> Iterator[str]:
    """A header and a line for each JSON object; the columns are `names`, and a member that an object lacks is
    empty."""
    columns = list(names)
    output = StringIO()
    # With CRLF, a lone CR or LF in a text is quoted as well.
    writer = csv.writer(output, lineterminator="\r\n")
    writer.writerow(map(without_formula, columns))
    yield _taken(output)
    for row in rows:
        members = members_of(row)
        writer.writerow([members.get(name) for name in columns])
        yield _taken(output)


def _taken(output: StringIO) -> str:
    text = output.getvalue()
    output.seek(0)
    output.truncate()
    return text


def _past(line: str, at: int, mark: str) -> int:
    at = _skip(line, at)
    if line[at] != mark:
        raise ValueError(f"no JSON object: there is no {mark} at {at}")
    return _skip(line, at + 1)


def _skip(line: str, at: int) -> int:
    while line[at] in _SPACE:
        at += 1
    return at
