"""The examples of docs/behaviour.md: the events of its tables, its commands, and what they print."""

import asyncio
import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.commands.query import app
from tests.integration.aggregate.conftest import Stores
from tests.support.aggregate_batches import entry, event
from tests.support.repository import REPOSITORY
from tests.support.stored_events import row, store

PAGE = (REPOSITORY / "docs" / "behaviour.md").read_text()
EVENTS = ["person", "event", "when", "properties"]
Table = list[list[str]]


@dataclass(frozen=True)
class Example:
    section: str
    events: Table
    command: Sequence[str]
    printed: Table


@pytest.fixture
def products() -> tuple[str, ...]:
    return ("social_live",)


def tables_and_commands(section: str) -> Iterator[Table | list[str]]:
    """In the order of the page; a command without `weir query`."""
    for block in re.findall(
        r"(?:^\|[^\n]*\n)+|^```sh\n.*?^```$", section, re.MULTILINE | re.DOTALL
    ):
        if block.startswith("|"):
            rows = [line.strip("|").split(" | ") for line in block.splitlines()]
            yield [[cell.strip() for cell in cells] for cells in (rows[0], *rows[2:])]
        else:
            line = block.removeprefix("```sh\n").removesuffix("```").strip()
            yield shlex.split(line.removeprefix("weir query "))


def each_of(people: str) -> list[str]:
    """`p3..p5` are three people."""
    match = re.fullmatch(r"p(\d+)\.\.p(\d+)", people)
    return (
        [f"p{number}" for number in range(int(match[1]), int(match[2]) + 1)] if match else [people]
    )


def examples() -> Iterator[Example]:
    for section in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]:
        title = section.partition("\n")[0]
        events: Table = []
        command: list[str] = []
        for found in tables_and_commands(section):
            if isinstance(found[0], str):
                command = [word for word in found if isinstance(word, str)]
            elif found[0] == EVENTS:
                events = [[one, *cells] for people, *cells in found[1:] for one in each_of(people)]
            elif command:
                yield Example(title, events, command, [list(cells) for cells in found])
                command = []


EXAMPLES = list(examples())


def printed(output: str) -> Table:
    """The cells of a table in the terminal. Whether they are provisional depends on when it is asked."""
    lines = [line for line in output.splitlines() if line[:1] in ("│", "┃")]
    return [
        [cell.strip().removeprefix("*") for cell in re.split("[│┃]", line)[1:-1]] for line in lines
    ]


async def count(stores: Stores, events: Table) -> None:
    """Has them counted too, so that it is known who was active when."""
    stores.send(
        entry(
            *(
                event(name, when.replace(" ", "T"), player=person, event_id=f"{person} {when}")
                for person, name, when, _ in events
            ),
            app_id="social_live",
        )
    )
    await stores.until_drained()


def test_each_section_with_a_command_has_an_example() -> None:
    assert {example.section for example in EXAMPLES} == {"Funnels", "Cohorts", "Paths", "Segments"}


@pytest.mark.parametrize("section", sorted({example.section for example in EXAMPLES}))
async def test_the_examples_are_what_the_commands_print(
    section: str, stores: Stores, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    stored: Table = []
    for example in EXAMPLES:
        if example.section != section:
            continue
        if example.events != stored:
            store(
                stores.database_url,
                [
                    row(
                        name,
                        when.replace(" ", "T"),
                        app_id="social_live",
                        subject_id=person,
                        properties=json.loads(properties or "{}"),
                    )
                    for person, name, when, properties in example.events
                ],
            )
            await count(stores, example.events)
            stored = example.events
        found = await asyncio.to_thread(CliRunner().invoke, app, list(example.command))
        assert found.exit_code == 0, found.stderr
        assert printed(found.stdout) == example.printed, found.stdout
