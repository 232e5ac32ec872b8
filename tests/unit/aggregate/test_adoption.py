"""What a changed declaration of a rollup changes, and which of two replicas gives way."""

from datetime import UTC, datetime, timedelta

from libs.catalog import Period, compile_catalog
from services.aggregate.adoption.definition import PATIENCE, Adopted, Adoption, adoption
from services.aggregate.counting.definitions import Definition, definitions
from services.aggregate.plan import compile_plan
from tests.support.arena_catalog import APP, CATALOG, plan

NOW = datetime(2026, 11, 22, tzinfo=UTC)
KEY = (APP, "loot")
ONE = Definition(b"1", Period.DAY, frozenset({"a", "b"}))


def decided(
    declared: Definition,
    adopted: Definition | None,
    *,
    age: timedelta = timedelta(0),
    is_first: bool = False,
    was_ours: bool = False,
) -> Adoption | None:
    before = None if adopted is None else Adopted(adopted, NOW - age, None)
    return adoption(
        KEY,
        declared,
        before,
        is_first=is_first,
        was_ours=was_ours,
        now=NOW,
    )


def test_what_is_counted_again() -> None:
    # A rollup that is new in an app that is known: all of its events.
    assert decided(ONE, None) == Adoption(KEY, ONE, frozenset("ab"))
    # In a new app, or in the first release that adopts, all is counted by this definition.
    assert decided(ONE, None, is_first=True) == Adoption(KEY, ONE, frozenset())
    assert decided(ONE, ONE) is None
    # One more event, one less: those alone.
    other = Definition(b"1", Period.DAY, frozenset({"b", "c"}))
    assert decided(other, ONE) == Adoption(KEY, other, frozenset("ac"))
    changed = Definition(b"2", Period.DAY, frozenset({"b", "c"}))
    assert decided(changed, ONE) == Adoption(KEY, changed, frozenset("abc"))


def test_replicas_with_two_catalogs_do_not_take_turns() -> None:
    new = Definition(b"2", Period.DAY, ONE.events)
    # What this process never saw adopted is new; what it did was changed by another one.
    assert decided(new, ONE) is not None
    assert decided(ONE, new, was_ours=True) is None
    assert decided(ONE, new, was_ours=True, age=PATIENCE) is not None


def test_what_is_part_of_a_definition() -> None:
    before = definitions(plan())

    def changed(old: str, new: str) -> set[str]:
        assert old in CATALOG
        text = CATALOG.replace(old, new, 1)
        if "properties.mode]" not in text:
            # Nothing is left to label.
            text = text[: text.index("labels:")]
        after = definitions(compile_plan(compile_catalog(text, "arena.yaml")))
        return {key[1] for key in after if after[key] != before.get(key)}

    assert changed("Arena", "Other") == set()
    assert changed("A player leaves", "Somebody leaves") == set()
    assert changed("period: week", "period: day") == {"matches"}
    assert changed("[guild_id, properties.mode]", "[guild_id]") == {"matches"}
    # The least and the greatest number are stored in any case.
    assert changed("{max: properties.score}", "{min: properties.score}") == set()
    assert changed("{max: properties.score}", "{last: properties.score}") == {"matches"}
    assert changed("{distinct: properties.loot.item}", "count") == {"loot"}
    assert changed("rollups:\n", "  match.won: {category: play}\nrollups:\n") == {
        "events",
        "activity",
        "scores",
    }
