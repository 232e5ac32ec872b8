"""Fails on words that Weir no longer uses: `python -m tests.lint.retired_words [PATH ...]`.

The list, with the term to use instead, is the last table of docs/glossary.md. Each pattern is a regular
expression that ignores case; text is every file in git but generated ones, lock files, released history.
"""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

GLOSSARY = Path("docs/glossary.md")
_ROW = re.compile(r"^\| `(?P<pattern>(?:[^`])+)` \| (?P<instead>.+) \|$", re.MULTILINE)
# History is not rewritten; the rest is generated, a licence, or the list itself.
_EXEMPT = re.compile(
    r"protos/gen/|migrations/versions/|.*\.lock$|LICENSE$|NOTICE$|CHANGELOG\.md$|docs/glossary\.md$"
    r"|tests/unit/lint/"
)


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
    """One line for each retired word in a file: place, word, the term to use."""
    for number, line in enumerate(text.splitlines(), 1):
        for word in words:
            if match := word.pattern.search(line):
                yield f"{name}:{number}: `{match[0]}`: {word.instead}"


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
