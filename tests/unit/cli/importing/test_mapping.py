"""From the columns of a log to the fields of an event."""

from typing import Any

import pytest

from cli.event_files import UNDECODABLE
from cli.importing.mapping import MappingError, parse_mapping
from libs.catalog import Catalog, load_catalog
from tests.support.repository import REPOSITORY

CATALOGS = REPOSITORY / "catalogs"
BASE = ("name=event", "occurred_at=when")


@pytest.fixture(scope="module")
def communities() -> Catalog:
    return load_catalog(CATALOGS / "unofficial_communities.yaml")


def test_columns_fill_fields_at_any_depth(communities: Catalog) -> None:
    mapping = parse_mapping(
        communities,
        [
            *BASE,
            "subject_id=player",
            "entity.id=place",
            "context.platform=os",
            "properties.xp_awarded=xp",
            "properties.mission_type=mission",
            "context.extra.shard=shard",
        ],
        ["group_id=7", "entity.type=zone"],
    )
    row = {
        "event": "gamification.mission.completed",
        "when": "2026-05-01",
        "player": "42",
        "place": "z9",
        "os": "ios",
        "xp": "50",
        "mission": "7",
        "shard": "eu",
        "ignored": "yes",
    }
    assert mapping.envelope(communities, row) == {
        "name": "gamification.mission.completed",
        "occurred_at": "2026-05-01",
        "subject_id": "42",
        "group_id": "7",
        "entity": {"type": "zone", "id": "z9"},
        "context": {"platform": "ios", "extra": {"shard": "eu"}},
        # The catalog says that one is a number and the other a text.
        "properties": {"xp_awarded": 50, "mission_type": "7"},
    }


@pytest.mark.parametrize(
    ("event", "name", "text", "value"),
    [
        ("world.session.ended", "duration_seconds", "12.5", 12.5),
        ("world.session.ended", "duration_seconds", "nan", "nan"),
        ("world.session.ended", "duration_seconds", "1_000", "1_000"),
        ("gamification.ranking.updated", "top_3_changed", "TRUE", True),
        ("gamification.ranking.updated", "top_3_changed", "maybe", "maybe"),
        # A text or a number: then it stays what it is.
        ("age.declared", "assurance_level", "2", "2"),
        ("world.session.ended", "not_declared", "2", "2"),
        ("not.declared", "duration_seconds", "2", "2"),
    ],
)
def test_properties_get_the_type_that_the_catalog_declares(
    communities: Catalog, event: str, name: str, text: str, value: Any
) -> None:
    mapping = parse_mapping(communities, [*BASE, f"properties.{name}=x"], [])
    row = {"event": event, "when": "2026-05-01", "x": text}
    assert mapping.envelope(communities, row)["properties"] == {name: value}


def test_empty_values_are_absent_and_a_constant_stands_in(communities: Catalog) -> None:
    mapping = parse_mapping(communities, [*BASE, "subject_id=player"], [])
    row = {"event": "world.session.ended", "when": "2026-05-01", "player": ""}
    assert "subject_id" not in mapping.envelope(communities, row)


@pytest.mark.parametrize("missing", ["event", "when"])
def test_a_row_without_name_or_time_is_a_problem(communities: Catalog, missing: str) -> None:
    row = {"event": "world.session.ended", "when": "2026-05-01", missing: ""}
    with pytest.raises(MappingError, match="is missing"):
        parse_mapping(communities, BASE, []).envelope(communities, row)


def test_an_object_is_no_value_of_a_field(communities: Catalog) -> None:
    row = {"event": "world.session.ended", "when": "2026-05-01", "player": {"id": 5}}
    with pytest.raises(MappingError, match="subject_id"):
        parse_mapping(communities, [*BASE, "subject_id=player"], []).envelope(communities, row)


@pytest.mark.parametrize(
    ("maps", "sets", "message"),
    [
        (["subject=x", *BASE], [], "did you mean `subject_id`"),
        (["properties.=x", *BASE], [], "no field"),
        (["properties=x", *BASE], [], "no field"),
        (["occurred_at", "name=x"], [], "must be FIELD=VALUE"),
        (["name=x"], [], "`occurred_at` needs a column"),
        (["occurred_at=x"], [], "`name` needs a column.* all rows .* --set name=EVENT"),
        ([*BASE, "name=other"], [], "--map name=other: `name` is given twice"),
        (
            [*BASE],
            ["group_id=1", "community_id=2"],
            "--set community_id=2: `group_id` is given twice",
        ),
        ([*BASE], ["environment=dev"], "must be one of production, staging, development"),
        ([*BASE], ["producer=web"], "must be one of frontend, api, server, job, webhooks"),
        ([*BASE], ["privacy_level=0"], "must be one of standard, sensitive, pii"),
        # The app's own word for the person comes first.
        (["zzz=x", *BASE], [], "no field `zzz`; there are identity_id, "),
        ([*BASE], ["name=gameStarted"], "both"),
        ([*BASE, "properties.a=x", "properties.a.b=y"], [], "a part of it"),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused(
    communities: Catalog, maps: list[str], sets: list[str], message: str
) -> None:
    with pytest.raises(MappingError, match=message):
        parse_mapping(communities, maps, sets)


def test_constants_give_what_no_column_has(communities: Catalog) -> None:
    mapping = parse_mapping(communities, ["occurred_at=when"], ["name=world.session.started"])
    envelope = mapping.envelope(communities, {"when": "2026-05-01"})
    assert envelope["name"] == "world.session.started"


def test_columns_that_the_file_does_not_have_are_named(communities: Catalog) -> None:
    mapping = parse_mapping(communities, [*BASE, "subject_id=player"], [])
    mapping.check_columns(["when", "event", "player", "other", "other"])
    with pytest.raises(MappingError, match="no column event, player; it has when, user"):
        mapping.check_columns(["when", "user"])
    with pytest.raises(MappingError, match="no column player; did you mean `Player`"):
        mapping.check_columns(["when", "event", "Player"])
    with pytest.raises(MappingError, match="more than one column `when`"):
        mapping.check_columns(["when", "event", "when", "player"])
    with pytest.raises(
        MappingError, match="no text in utf-8: say --encoding; it has when, event, Spi�ler"
    ):
        mapping.check_columns(["when", "event", f"Spi{UNDECODABLE}ler"])


def test_bytes_that_are_no_text_matter_in_mapped_columns_only(communities: Catalog) -> None:
    mapping = parse_mapping(communities, [*BASE, "subject_id=player"], [], "cp1252")
    row = {"event": "world.session.ended", "when": "2026-05-01", "player": "M", "x": UNDECODABLE}
    assert mapping.envelope(communities, row)["subject_id"] == "M"
    with pytest.raises(
        MappingError,
        match=r"subject_id: `M�ller` in column player .* no text in cp1252; .* --encoding",
    ):
        mapping.envelope(communities, {**row, "player": f"M{UNDECODABLE}ller"})


def test_blanks_make_no_other_person_and_no_other_group(communities: Catalog) -> None:
    mapping = parse_mapping(
        communities, [*BASE, "subject_id=who", "group_id=club", "properties.mission_type=kind"], []
    )
    row = {"event": "gamification.mission.completed", "when": "2026-05-01", "kind": " visit "}
    named = mapping.envelope(communities, {**row, "who": "zed ", "club": "\u00a07"})
    assert (named["subject_id"], named["group_id"]) == ("zed", "7")
    # Other texts are what they are.
    assert named["properties"] == {"mission_type": " visit "}
    blank = mapping.envelope(communities, {**row, "who": "  ", "club": "\t"})
    assert not blank.keys() & {"subject_id", "group_id"}


def test_the_apps_own_words_for_person_and_group_are_fields(communities: Catalog) -> None:
    # catalogs/unofficial_communities.yaml: `subject: {name: identity_id}`.
    assert communities.subject_name == "identity_id"
    mapping = parse_mapping(communities, [*BASE, "identity_id=who"], ["community_id=7"])
    row = {"event": "world.session.ended", "when": "2026-05-01", "who": "42"}
    envelope = mapping.envelope(communities, row)
    assert (envelope["subject_id"], envelope["group_id"]) == ("42", "7")
    with pytest.raises(MappingError, match="`subject_id` is given twice"):
        parse_mapping(communities, [*BASE, "identity_id=who", "subject_id=x"], [])
    with pytest.raises(MappingError, match="did you mean `identity_id`"):
        parse_mapping(communities, [*BASE, "identityid=who"], [])
