"""Fails on words that Weir no longer uses: `python -m tests.lint.retired_words [PATH ...]`.

The list, with the term to use instead, is the last table of docs/glossary.md. Each pattern is a regular
expression that ignores case; text is every file in git but generated ones, lock files, released history.
"""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

GLOSSARY = Path("docs/glossary.md")
_ROW = re.compile(r"^\| `(?P<pattern>(?:[^`])+)` \| (?P<instead>.+) \|$", re.MULTILINE)
# History is not rewritten; the rest is generated, a licence, or the list itself.
_EXEMPT = re.compile(
    r"protos/gen/|migrations/versions/|.*\.lock$|LICENSE$|NOTICE$|CHANGELOG\.md$|docs/glossary\.md$"
    r"|tests/unit/lint/"
)
# What begins a line of prose beside its words: indentation, a comment, a quote, an item of a list.
_MARGIN = re.compile(r"\s*(?:#+\s|//\s|--\s|>\s|\*\s)?\s*")


class Word(NamedTuple):
    """A pattern that may not occur, and the term to use instead."""

    pattern: re.Pattern[str]
    instead: str


def retired_words(glossary: str) -> list[Word]:
    """The table below the glossary's last heading. `\\|` in a pattern is a table's way to write `|`."""
    table = glossary.rpartition("\n## ")[2]
    return [
        Word(re.compile(match["pattern"].replace(r"\|", "|"), re.IGNORECASE), match["instead"])
        for match in _ROW.finditer(table)
    ]


def problems(name: str, text: str, words: Sequence[Word]) -> Iterator[str]:
    """One line for each retired word in a file: place, word, the term to use.

    Text may be wrapped between two words of a pattern: then its place is the first of the two lines.
    """
    lines = [*text.splitlines(), ""]
    for number, (line, following) in enumerate(pairwise(lines), 1):
        joined = f"{line.rstrip()} {_MARGIN.sub('', following, count=1)}"
        for word in words:
            match = word.pattern.search(line) or _wrapped(word.pattern, joined, len(line.rstrip()))
            if match:
                yield f"{name}:{number}: `{match[0]}`: {word.instead}"


def _wrapped(pattern: re.Pattern[str], joined: str, end: int) -> re.Match[str] | None:
    """The first match that begins before `end` and goes on beyond it."""
    return next(
        (match for match in pattern.finditer(joined) if match.start() < end < match.end()), None
    )


def main(paths: Sequence[str]) -> int:
    """Checks the files in git below `paths`, by default all; returns the exit code."""
    words = retired_words(GLOSSARY.read_text())
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *paths], check=True, capture_output=True, text=True
    )
    found = []
    for name in filter(None, listed.stdout.split("\0")):
        file = Path(name)
        # A file that is deleted and not committed yet is still listed.
        if _EXEMPT.match(name) or not file.is_file():
            continue
        try:
            text = file.read_text()
        except UnicodeDecodeError:
            continue
        found += [*problems(name, name, words), *problems(name, text, words)]
    print(*found, sep="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
