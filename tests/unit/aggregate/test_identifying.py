"""What questions about behaviour cannot be asked by, over all columns and all catalogs of the repository."""

import pytest

from libs.catalog import load_catalogs
from libs.events.columns import COLUMNS, EventColumn
from libs.events.filtering import FilterError, parse_filter
from services.aggregate.behaviour.identifying import (
    check_divides,
    check_identifies_no_one,
    is_identifying,
)
from tests.support.arena_catalog import compile_arena
from tests.support.repository import REPOSITORY

ARENA = compile_arena()
CATALOGS = load_catalogs(REPOSITORY / "catalogs")
IDENTIFIES = "identifies a person or an event"


@pytest.mark.parametrize(
    "column", [one for one in COLUMNS if one.personal], ids=lambda one: one.name
)
def test_each_personal_column_is_refused_but_for_harmless_parts(column: EventColumn) -> None:
    if column.name == "properties":
        return
    path = (column.name, "x") if column.type == "jsonb" else (column.name,)
    assert check_divides(path, ARENA, ARENA.events) == IDENTIFIES


@pytest.mark.parametrize(
    "name",
    [
        "subject",
        "entity.id",
        "event_uuid",
        "context.ip",
        "context.teacher_id",
        "context.page_url",
        "context.platform.x",
        "attribution.source.x",
    ],
)
def test_other_names_and_parts_of_objects_are_refused(name: str) -> None:
    assert check_divides(tuple(name.split(".")), ARENA, ARENA.events) == IDENTIFIES


@pytest.mark.parametrize("name", [one.name for one in COLUMNS if one.type.startswith("timestamp")])
def test_a_moment_is_one_event(name: str) -> None:
    assert "is a moment" in (check_divides((name,), ARENA, ARENA.events) or "")
    moment = "2026-03-02T09:00:00.123456Z"
    for text in (f'{name} = "{moment}"', f'NOT {name} != "{moment}"', f'{name}:"{moment}"'):
        with pytest.raises(FilterError, match="can only be compared by"):
            check_identifies_no_one(parse_filter(text), ARENA, ARENA.events)
    for text in (f'{name} >= "{moment}"', f"{name}:*", f"{name} = null"):
        check_identifies_no_one(parse_filter(text), ARENA, ARENA.events)


@pytest.mark.parametrize(
    "name",
    [
        "country",
        "device_type",
        "group_id",
        "entity.type",
        "producer",
        "properties.mode",
        "properties.loot.item",
        "context.platform",
        "attribution.campaign",
    ],
)
def test_what_may_divide(name: str) -> None:
    path = tuple(name.split("."))
    assert check_divides(path, ARENA, ARENA.events) is None
    check_identifies_no_one(parse_filter(f"{name} = x"), ARENA, ARENA.events)


def test_properties_that_the_catalogs_mark_are_refused() -> None:
    found = set()
    for app, catalog in CATALOGS.items():
        for name, event in catalog.events.items():
            for version in event.versions.values():
                for marked in version.pii_properties | version.subject_properties:
                    found.add((app, marked))
                    for path in (("properties", marked), ("properties", marked, "inner")):
                        assert is_identifying(path, catalog, [name])
                    node = parse_filter(f"properties.{marked} = ann")
                    with pytest.raises(FilterError, match="answers about groups"):
                        check_identifies_no_one(node, catalog, [name])
    # By hand, from the files.
    assert {
        ("addvalue", "followed_user_id"),
        ("unofficial_communities", "identity_id"),
        ("ip_assets", "query"),
    } <= found


def test_the_app_s_own_name_of_the_person_is_refused_in_any_event() -> None:
    path = ("properties", ARENA.subject_name)
    assert check_divides(path, ARENA, ["match.ended"]) == IDENTIFIES
    with pytest.raises(FilterError, match="answers about groups"):
        check_identifies_no_one(parse_filter(f"{'.'.join(path)} = ann"), ARENA, ["match.ended"])


def test_a_mark_counts_for_the_events_that_have_it() -> None:
    addvalue = CATALOGS["addvalue"]
    path = ("properties", "followed_user_id")
    assert is_identifying(path, addvalue, ["user_followed"])
    others = [name for name in addvalue.events if name != "user_followed"]
    assert not is_identifying(path, addvalue, others)
