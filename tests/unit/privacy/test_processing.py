"""What is said of an app's processing: by hand of a small catalog, and against the shipped files."""

import re

import pytest
import yaml

from libs.catalog import Catalog, compile_catalog, load_catalogs
from services.privacy.transparency.markdown import markdown
from services.privacy.transparency.processing import describe
from tests.support.repository import REPOSITORY

CATALOG = """
app_id: club
title: Club
purposes:
  telemetry: {description: To see what is used, default: granted, when_denied: anonymize}
  offers: {default: denied, when_denied: drop, expires: 390d}
  safety: {default: granted, when_denied: anonymize, ground: legitimate_interest}
categories:
  play:
    description: Games | and more
    pii: anonymized
    purpose: telemetry
    producers: [server]
    retention: {raw: 90d, aggregate: 5y}
    anonymize_after: 30d
  accounts:
    pii: logged
    context: []
    personal_data: flag
    legal_ground: The contract
    producers: [api]
    retention: {raw: keep, aggregate: keep}
events:
  played:
    category: play
    description: A game is over
    properties:
      score: {type: number, description: What was reached}
      rival: {type: string, x-subject: true}
  offered: {category: play, purpose: offers}
  paid: {category: accounts, properties: {card: {type: string, x-pii: true}}}
location: {purpose: safety}
collection: {session_id: hashed, context: [platform], properties: declared, personal_data: redact}
"""
PAGE = """\
# What Club does with personal data

## telemetry

To see what is used.

- Legal ground: Consent (GDPR, art. 6(1)(a))
- Without an answer: granted
- Without consent: Events are kept under a pseudonym, without what leads to the person
- Consent holds: until it is withdrawn

### Games \\\\| and more

- The person's id is kept as long as the purpose allows
- Events lose their person after 30 days
- Numbers made of them are kept: without limit

| event | when | properties | kept |
|---|---|---|---|
| played | A game is over | rival (personal), score | 90 days |

"""


def test_a_page_of_a_small_catalog() -> None:
    found = describe(compile_catalog(CATALOG, "club.yaml"))
    page = markdown(found)
    assert page.startswith(PAGE.replace("\\\\", "\\"))
    names = [use.name for use in found.purposes]
    assert names == ["telemetry", "offers", "safety", ""]
    offers, safety, none = found.purposes[1:]
    assert (offers.granted_by_default, offers.grant_days) == (False, 390)
    assert [event.name for category in offers.categories for event in category.events] == [
        "offered"
    ]
    assert "object" in safety.legal_ground
    assert safety.categories == []
    [accounts] = none.categories
    assert (accounts.legal_ground, accounts.numbers_kept_days) == ("The contract", None)
    assert [(one.name, one.kept_days) for one in accounts.events] == [("paid", None)]
    assert [(one.name, one.personal) for one in accounts.events[0].properties] == [("card", True)]
    for rule in (
        "- The address, and so the country, is kept with the purpose safety only.",
        "- Sessions are stored as keyed hashes.",
        "- Of the surroundings of an event is stored: platform.",
        "- Events have the properties only that are listed here.",
        "- E-mail addresses and the like in unmarked places are removed.",
        "- Of the surroundings of events of accounts is stored: nothing.",
        "- Events with e-mail addresses or the like are marked as sensitive (in events of accounts).",
    ):
        assert f"{rule}\n" in page


def test_age_bands_say_what_holds_in_place_of_the_default() -> None:
    bands = "{child: {guardian: all, closed: [offers]}, teen: {closed: [offers]}, adult: {}}"
    rules = describe(compile_catalog(f"{CATALOG}minors: {{bands: {bands}}}\n", "club.yaml")).rules
    place = rules.index(
        "Consent of minors follows age bands: child, teen, adult. No birth date is stored."
    )
    # The first band is that of whom nothing is known.
    assert rules[place + 1 : place + 5] == [
        "Age band child, or none recorded: a guardian has to grant telemetry, offers, safety.",
        "Age band child, or none recorded: no one can grant offers.",
        "Age band teen: no one can grant offers.",
        "Numbers about fewer than 5 people are not shown to those who see numbers only.",
    ]


@pytest.mark.parametrize(
    ("accounts", "rollup", "days"),
    [
        ("1y", "", 5 * 365),
        # The built-in rollups count the events of all categories.
        ("9y", "", 9 * 365),
        ("1y", "{events: [played], period: day, metrics: {games: count}, retention: 7y}", 7 * 365),
        ("1y", "{events: [paid], period: day, metrics: {sales: count}, retention: 8y}", 5 * 365),
    ],
)
def test_numbers_are_kept_as_long_as_the_last_that_counts_the_events(
    accounts: str, rollup: str, days: int
) -> None:
    text = CATALOG.replace("aggregate: keep", f"aggregate: {accounts}")
    found = describe(
        compile_catalog(text + (f"rollups: {{own: {rollup}}}\n" if rollup else ""), "club.yaml")
    )
    [play] = found.purposes[0].categories
    assert play.numbers_kept_days == days


@pytest.mark.parametrize(
    "file", sorted((REPOSITORY / "catalogs").glob("*.yaml")), ids=lambda f: f.stem
)
def test_of_the_shipped_catalogs_all_events_and_properties_are_there(file: object) -> None:
    """Against the files as YAML, without the catalog's compiler."""
    text = file.read_text()  # type: ignore[attr-defined]
    plain = yaml.load(text, yaml.BaseLoader)
    catalog: Catalog = load_catalogs(REPOSITORY / "catalogs")[plain["app_id"]]
    found = describe(catalog)
    events = [
        event for use in found.purposes for category in use.categories for event in category.events
    ]
    assert sorted(event.name for event in events) == sorted(plain["events"])
    said = {event.name: {one.name for one in event.properties} for event in events}
    for name, declared in plain["events"].items():
        assert said[name] >= set(declared.get("properties", {})) - {"<<"}, name
    assert {use.name for use in found.purposes} - {""} == set(plain.get("purposes", {}))
    page = markdown(found)
    rows = re.findall(r"^\| ([^ |]+) \|", page, re.MULTILINE)
    assert sorted(set(rows) - {"event"}) == sorted(plain["events"])
    for use in found.purposes:
        for category in use.categories:
            assert use.name or category.legal_ground, f"{category.name} has no legal ground"
