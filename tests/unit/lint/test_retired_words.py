"""The list of retired words in docs/glossary.md is read, and names the place and the term to use."""

from tests.lint.retired_words import GLOSSARY, problems, retired_words
from tests.support.repository import REPOSITORY

WORDS = retired_words((REPOSITORY / GLOSSARY).read_text())


def test_a_retired_word_is_named_with_its_place_and_the_term_to_use() -> None:
    [problem] = problems("a.py", "fine\nmetrics.POISONED.inc()\n", WORDS)
    assert problem.startswith("a.py:2: `POISON`: *dead letter* for an event")


def test_alternatives_in_a_table_are_alternatives_in_the_pattern() -> None:
    text = "WatchMetrics\nQueryMetrics\nNone where a value is missing\nthe place where events go\n"
    places = [problem.split(":")[1] for problem in problems("a", text, WORDS)]
    assert places == ["1", "2", "3"]


def test_a_wrapped_phrase_is_found_in_the_first_of_its_lines() -> None:
    text = "A wrong event is\nrefused with the reason.\n\n    # None\n    # where it is missing\n"
    found = [problem.split("`: ")[0] for problem in problems("a", text, WORDS)]
    assert found == ["a:1: `event is refused", "a:4: `None where"]
    # One problem for each place, though a line is read with the one before and the one after.
    assert len(list(problems("a", "fine\nnobody\nfine\n", WORDS))) == 1


def test_only_the_last_table_counts() -> None:
    glossary = "| `app` | x |\n\n## Words\n\n| retired | instead |\n|---|---|\n| `b\\|c` | d |\n"
    [word] = retired_words(glossary)
    assert (word.pattern.pattern, word.instead) == ("b|c", "d")
