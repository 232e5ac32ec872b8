"""The table of enriched fields, and everything that is derived from it or must agree with it."""

import pytest
from weir.streams.v1 import batch_pb2

from libs.catalog import ENRICHED_FIELDS, ENRICHED_SOURCES, ENRICHMENT_STEPS, parse_source
from services.enrich.steps.contract import ContextStep
from services.enrich.steps.country import country_lookup
from services.enrich.steps.registry import Steps, all_steps
from services.enrich.storage.rows import COLUMNS
from services.enrich.tables import events
from tests.support.enrich_fakes import MemorySessionStore

CONTEXT_FIELDS = {
    *("country", "device_type", "os", "os_version", "browser", "browser_version"),
    *("device_brand", "device_model"),
}


def test_what_the_context_steps_find_is_handed_on_and_counted_by() -> None:
    assert set(ENRICHED_SOURCES) == CONTEXT_FIELDS
    assert set(batch_pb2.Enrichment.DESCRIPTOR.fields_by_name) == CONTEXT_FIELDS
    for name in CONTEXT_FIELDS:
        assert parse_source(name).path == (name,)


def test_every_field_has_a_column_of_its_kind() -> None:
    columns = {column.name: str(column.type) for column in events.columns}
    assert {field.name: columns[field.name] for field in ENRICHED_FIELDS} == {
        **dict.fromkeys(CONTEXT_FIELDS, "TEXT"),
        "session_started_at": "DATETIME",
    }


def test_every_column_of_the_table_is_copied() -> None:
    # One column is the same for all.
    assert sorted((*COLUMNS, "ip_anonymized")) == sorted(events.columns.keys())


def test_the_steps_are_those_that_catalogs_can_name_in_the_order_in_which_they_run() -> None:
    steps = all_steps(country_lookup(None), MemorySessionStore())
    assert [step.name for step in steps.all] == ["country", "user_agent", "session"]
    assert ENRICHMENT_STEPS == ("country", "user_agent", "session")
    assert [(step.inputs, step.outputs) for step in steps.context] == [
        (("ip",), ("country",)),
        (
            ("user_agent",),
            (
                *("device_type", "os", "browser", "os_version", "browser_version"),
                *("device_brand", "device_model"),
            ),
        ),
    ]


def _step(name: str, *outputs: str) -> ContextStep:
    return ContextStep(name, ("ip",), outputs, lambda _: tuple(outputs))


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        (_step("weather", "temperature"), "temperature"),
        (_step("second_country", "country"), "country"),
    ],
)
def test_steps_and_fields_that_do_not_agree_are_noticed(extra: ContextStep, reason: str) -> None:
    steps = all_steps(country_lookup(None), MemorySessionStore())
    with pytest.raises(ValueError, match=reason):
        Steps((*steps.context, extra), steps.batch)
    with pytest.raises(ValueError, match="country"):
        Steps(steps.context[1:], steps.batch)
