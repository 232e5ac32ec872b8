"""Whose an event is, and whom it may name: the same in Postgres, in Python and in files of the archive, and
for all who ask."""

import base64
import io
import json
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

import psycopg
import pyarrow as pa
import pytest
from pyarrow import parquet

from libs.common.restricted import RestrictedPeople
from libs.common.subject_data import Erasure, Progress, SubjectRef
from libs.events.columns import COLUMNS
from libs.events.digest import Row
from libs.events.parquet import EventFile, may_have_events, read_groups, read_of_person
from libs.events.person import (
    NAMING_DOCUMENTS,
    OF_OTHERS,
    OWNED,
    is_owned,
    may_name,
    not_of,
    person_values,
)
from libs.events.selection_postgres import driver_text
from services.enrich.archive.erasing import Erased, ErasedRows
from services.enrich.erasure.data import EnrichSubjectData
from tests.integration.enrich.test_erasing import data
from tests.support.stored_events import row, store
from tests.support.subject_rows import EPOCHS, UNTIL

__all__ = ["data"]
# With characters that JSON escapes, and one that some writers of JSON escape.
ANN = 'änn "of" arena\\1'
# How the id may stand in a row: as itself, as JSON has it, in a URL.
FORMS = (ANN, json.dumps(ANN, ensure_ascii=False)[1:-1], json.dumps(ANN)[1:-1], quote(ANN))
IN_BASE64 = base64.urlsafe_b64encode(f"u={ANN}&n=1".encode()).decode()
NEW, OLD = EPOCHS.all_epochs("arena", ANN)
OTHER = EPOCHS.pseudonym("arena", "bob")
SUBJECT = SubjectRef("arena", ANN, (NEW, OLD))
LATER_US = int(UNTIL.timestamp() * 1e6)
WHEN = "2026-11-20T10:00:00"
OWN: dict[str, dict[str, Any]] = {
    "named": {"subject_id": ANN, "person": NEW},
    "named in the last epoch": {"subject_id": ANN, "person": OLD},
    "anonymized": {"anonymous_id": NEW, "person": NEW},
    "of an older release": {"subject_id": ANN, "person": None},
    "of an older release, anonymized": {"anonymous_id": OLD, "person": None},
    "of an older release, anonymized, without an id": {
        "subject_id": "",
        "anonymous_id": NEW,
        "person": None,
    },
}
IN_EVENT_ID = f"in the event's id, {ANN}"
NAMING: dict[str, dict[str, Any]] = {
    "as entity": {"subject_id": "bob", "person": OTHER, "entity_id": ANN},
    "in the entity's id": {"subject_id": "bob", "person": OTHER, "entity_id": f"class of {ANN}"},
    "as the entity's type": {"subject_id": "bob", "person": OTHER, "entity_type": ANN},
    "as the group": {"subject_id": "bob", "person": OTHER, "group_id": ANN},
    "in the session": {"subject_id": "bob", "person": OTHER, "session_id": f"{ANN}-1"},
    "as the session": {"subject_id": "bob", "person": OTHER, "session_id": ANN},
    "in the request": {"subject_id": "bob", "person": OTHER, "request_id": f"{ANN}-1"},
    "as the teacher": {"subject_id": "bob", "person": OTHER, "context": {"teacher_id": ANN}},
    "in a URL": {
        "subject_id": "bob",
        "person": OTHER,
        "context": {"page_url": f"https://arena.example/{quote(ANN)}"},
    },
    "beside the context's fields": {
        "subject_id": "bob",
        "person": OTHER,
        "context": {"extra": {"coaches": [ANN]}},
    },
    "as the campaign": {"subject_id": "bob", "person": OTHER, "attribution": {"campaign": ANN}},
    IN_EVENT_ID: {"subject_id": "bob", "person": OTHER},
    "as a value": {"subject_id": "bob", "person": OTHER, "properties": {"deep": [{"by": ANN}]}},
    "as a name": {"subject_id": "bob", "person": OTHER, "properties": {ANN: 1}},
    "in a text": {"subject_id": "bob", "person": OTHER, "properties": {"url": f"/{ANN}/x"}},
    "in Base64": {"subject_id": "bob", "person": OTHER, "properties": {"cookie": IN_BASE64}},
    "as a name, percent-encoded": {
        "subject_id": "bob",
        "person": OTHER,
        "properties": {quote(ANN): 1},
    },
    "of no person": {"person": None, "properties": {"by": ANN}},
    "of another person without a pseudonym": {
        "subject_id": "bob",
        "person": None,
        "properties": {"by": ANN},
    },
}
NEITHER: dict[str, dict[str, Any]] = {
    "another's": {"subject_id": "bob", "person": OTHER},
    "another's, of an older release": {"subject_id": "bob", "person": None},
    "another's, anonymized": {"anonymous_id": OTHER, "person": OTHER},
    "another's, who had this pseudonym as the anonymous id": {
        "subject_id": "bob",
        "anonymous_id": NEW,
        "person": None,
    },
    "of no person at all": {"person": None},
}


def _rows() -> list[dict[str, Any]]:
    cases = {**OWN, **NAMING, **NEITHER}
    return [dict(row("e", WHEN, name, **values)) for name, values in cases.items()]


def _found(database_url: str, condition: str) -> set[str]:
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            f"SELECT event_id FROM enrich.events WHERE {condition}".encode(), person_values(SUBJECT)
        )
        return {event_id for (event_id,) in rows}


def test_postgres_and_python_say_the_same(database_url: str) -> None:
    store(database_url, _rows())
    assert _found(database_url, OWNED) == OWN.keys()
    assert _found(database_url, OF_OTHERS) == NAMING.keys()
    with psycopg.connect(database_url) as connection:
        stored = connection.execute(
            "SELECT event_id, person, subject_id, anonymous_id, session_id, group_id, entity_type, entity_id,"
            " request_id, context::text, attribution::text, properties::text FROM enrich.events"
        ).fetchall()
    owned = {each[0] for each in stored if is_owned(SUBJECT, *each[1:4])}
    assert owned == OWN.keys()
    naming = {each[0] for each in stored if may_name(SUBJECT, (each[0], *each[4:9]), each[9:])}
    assert naming - owned == NAMING.keys()


def test_reads_leave_out_all_events_of_restricted_people_and_no_others(database_url: str) -> None:
    store(database_url, _rows())
    others = EPOCHS.all_epochs("arena", "carl")
    restricted = not_of(RestrictedPeople(("carl", ANN), tuple(map(uuid.UUID, (NEW, OLD, *others)))))
    query = driver_text(f"SELECT event_id FROM enrich.events WHERE {restricted.sql}")
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(query, restricted.parameters)
        assert {event_id for (event_id,) in rows} == NAMING.keys() | NEITHER.keys()


def _archived(values: dict[str, Any]) -> Row:
    """As a file has it."""

    def value(name: str, kind: str) -> Any:
        found = values.get(name)
        if found is None or kind == "text":
            return found
        if kind == "uuid":
            return found if isinstance(found, uuid.UUID) else uuid.UUID(found)
        return int(found.timestamp() * 1e6) if isinstance(found, datetime) else found

    values = {"ip_anonymized": False, **values}
    return tuple(value(column.name, column.type) for column in COLUMNS)


@pytest.fixture
def archived(database_url: str) -> Sequence[Row]:
    """With JSON as Postgres writes it."""
    rows = _rows()
    store(database_url, rows)
    with psycopg.connect(database_url) as connection:
        texts = {
            event_id: dict(zip(NAMING_DOCUMENTS, documents, strict=True))
            for event_id, *documents in connection.execute(
                "SELECT event_id, context::text, attribution::text, properties::text FROM enrich.events"
            ).fetchall()
        }
    return [_archived({**each, **texts[each["event_id"]]}) for each in rows]


def test_files_say_the_same(archived: Sequence[Row]) -> None:
    at = [column.name for column in COLUMNS].index("event_id")
    for each in archived:
        file = io.BytesIO()
        with EventFile(file) as events:
            events.write([each])
        owned, naming = each[at] in OWN, each[at] in NAMING
        assert may_have_events(file, SUBJECT, of_others=False) == owned, each[at]
        assert may_have_events(file, SUBJECT, of_others=True) == (owned or naming), each[at]
        found = [row for rows in read_of_person(file, SUBJECT, LATER_US, None) for row in rows]
        assert found == ([each] if owned else []), each[at]


def test_only_groups_with_the_person_are_read_as_a_whole(archived: Sequence[Row]) -> None:
    """By a file whose properties cannot be read but in the group with the person."""
    at = [column.name for column in COLUMNS].index("event_id")
    owned, *_ = [each for each in archived if each[at] in OWN]
    other, *_ = [each for each in archived if each[at] in NEITHER]
    file = io.BytesIO()
    with EventFile(file) as events:
        events.write([other])
        events.write([owned, other])
    found = parquet.ParquetFile(file)
    places = [column.name for column in COLUMNS].index("properties")
    first, second = (found.metadata.row_group(each).column(places) for each in range(2))
    damaged = bytearray(file.getvalue())
    begin = first.dictionary_page_offset or first.data_page_offset
    damaged[begin : begin + first.total_compressed_size] = bytes(first.total_compressed_size)
    assert second.data_page_offset > begin + first.total_compressed_size

    read = [row for rows in _read(bytes(damaged), SUBJECT) for row in rows]
    assert read == [owned]
    with pytest.raises((OSError, pa.ArrowException)):
        list(read_groups(io.BytesIO(damaged)))


def _read(content: bytes, subject: SubjectRef) -> Iterator[list[Row]]:
    return read_of_person(io.BytesIO(content), subject, LATER_US, None)


async def test_erasures_take_what_is_the_persons_and_mentions_in_what_is_others(
    data: EnrichSubjectData, archived: Sequence[Row], database_url: str
) -> None:
    erasure = Erasure(SUBJECT, uuid.uuid4(), UNTIL)
    in_files = ErasedRows()
    left = in_files.without(
        Erased(erasure, may_hold_others=True, entity_types=("player",)), archived
    )
    assert (in_files.erased, in_files.anonymized) == (len(OWN), len(NAMING))
    assert not any(form in str(value) for each in left for value in each for form in FORMS)

    progress: Progress | None = None
    while progress is None or not progress.done:
        progress = await data.erase(erasure)
    [events] = [each for each in progress.stores if each.store == "enrich.events"]
    assert (events.erased, events.anonymized) == (len(OWN), len(NAMING))
    assert _found(database_url, "event_id IS NOT NULL") == (
        (NAMING.keys() | NEITHER.keys()) - {IN_EVENT_ID}
    )
    assert _found(database_url, OF_OTHERS) == set()
    with psycopg.connect(database_url) as connection:
        stored = connection.execute("SELECT events::text FROM enrich.events").fetchall()
    # Of `NEITHER`, one has the person's pseudonym, and none the id.
    assert len(stored) == len(NAMING) + len(NEITHER)
    assert not any(form in text for (text,) in stored for form in FORMS)


def test_a_file_is_sorted_as_it_says_also_after_an_erasure(archived: Sequence[Row]) -> None:
    """By whose ids of events the person was named: they are others now."""
    names = [column.name for column in COLUMNS]
    [naming] = [each for each in archived if each[names.index("event_id")] == IN_EVENT_ID]
    rows = []
    for number in range(20):
        one = list(naming)
        one[names.index("event_uuid")] = uuid.UUID(int=number)
        rows.append(one)
    erasure = Erasure(SUBJECT, uuid.uuid4(), UNTIL)
    left = ErasedRows().without(Erased(erasure, may_hold_others=True), rows)
    file = io.BytesIO()
    with EventFile(file) as events:
        events.write(left)
    metadata = parquet.ParquetFile(file).metadata
    keys = [names[each.column_index] for each in metadata.row_group(0).sorting_columns]
    assert keys[:2] == ["name", "occurred_at"]
    [found] = read_groups(io.BytesIO(file.getvalue()))
    assert found == sorted(found, key=lambda each: [each[names.index(key)] for key in keys])
