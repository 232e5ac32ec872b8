"""The section `enrichment` of a catalog: which steps run for the app's events."""

import re

import pytest

from libs.catalog import ENRICHED_FIELDS, ENRICHMENT_STEPS, CatalogError
from tests.support.repository import REPOSITORY
from tests.support.small_catalog import small

ALL = set(ENRICHMENT_STEPS)
THERE_ARE = f"there are {', '.join(ENRICHMENT_STEPS)}"
BY_COUNTRY = """\
rollups:
  games: {events: [game.*], period: day, dimensions: [country], metrics: {games: count}}
"""


def _problem(more: str) -> str:
    with pytest.raises(CatalogError) as caught:
        small(more)
    return str(caught.value)


@pytest.mark.parametrize(
    ("section", "steps"),
    [
        ("", ALL),
        ("enrichment: []\n", set()),
        ("enrichment: [user_agent]\n", {"user_agent"}),
        ("enrichment: session\n", {"session"}),
        (f"enrichment: [{', '.join(reversed(ENRICHMENT_STEPS))}]\n", ALL),
    ],
)
def test_the_listed_steps_are_switched_on_and_all_of_them_without_a_list(
    section: str, steps: set[str]
) -> None:
    assert small(section).enrichment == steps


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        (
            "enrichment:\n  - country\n  - user_agnt\n",
            f"chess.yaml:21: enrichment: no step `user_agnt`, {THERE_ARE}; did you mean `user_agent`?",
        ),
        (
            "enrichment: [weather]\n",
            f"chess.yaml:19: enrichment: no step `weather`, {THERE_ARE}",
        ),
        ("enrichment: 5\n", "chess.yaml:19: enrichment: must be a list of texts"),
        ("enrichment: {country: true}\n", "chess.yaml:19: enrichment: must be a list of texts"),
        ("enrichment:\n", "chess.yaml:19: enrichment: must be a list of texts"),
    ],
)
def test_what_is_no_list_of_steps_is_a_mistake(section: str, problem: str) -> None:
    assert _problem(section) == problem


def test_a_rollup_needs_the_step_that_finds_what_it_reads() -> None:
    assert small("enrichment: [country]\n" + BY_COUNTRY).enrichment == {"country"}
    assert _problem("enrichment: [session]\n" + BY_COUNTRY) == (
        "chess.yaml:19: enrichment: rollup `games` reads `country`, which the step `country` finds"
    )
    distinct = BY_COUNTRY.replace("[country]", "[club_id]").replace("count}", "{distinct: os}}")
    assert "rollup `games` reads `os`, which the step `user_agent` finds" in _problem(
        "enrichment: [country]\n" + distinct
    )


def test_the_page_lists_the_steps_with_their_fields() -> None:
    page = (REPOSITORY / "docs" / "catalog.md").read_text()
    section = page.split("## enrichment")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \|$", section, re.MULTILINE)
    documented = {step: set(re.findall(r"`(\w+)`", fields)) for step, _, fields in rows}
    assert documented == {
        step: {field.name for field in ENRICHED_FIELDS if field.step == step}
        for step in ENRICHMENT_STEPS
    }
