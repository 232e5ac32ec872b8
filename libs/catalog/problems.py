"""What is wrong with a catalog, said so that a person can fix it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake: the file, the line (from 1), and what is wrong there."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


class CatalogError(Exception):
    """Catalogs that cannot be used. `problems` holds every mistake found, by file and line;
    `str()` is one `file:line: reason` line for each."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(slots=True)
class ProblemList:
    """Collects the problems of one file, so that all of them are reported at once."""

    file: str
    found: list[Problem] = field(default_factory=list)

    def add(self, line: int, reason: str) -> None:
        """Notes a mistake; the same mistake on the same line is noted once."""
        problem = Problem(self.file, line, reason)
        if problem not in self.found:
            self.found.append(problem)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean `x`?` when a known word is close to `word`, else nothing."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean `{close[0]}`?" if close else ""
