"""What privacy reads about one person for an export, and an export of several services' rows in full."""

import hashlib
import json
import zipfile
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.subject_data import Export, HeldRows
from libs.objects.folder import FolderStore
from services.privacy.exports.exporter import Exporter
from services.privacy.subject_rows.postgres import SubjectRows
from tests.support.subject_rows import EPOCHS, UNTIL, collected, export_of

HISTORY = """
INSERT INTO privacy.consent_history (app_id, subject_id, version, purpose, granted, status, actor, method,
    notice_version, recorded_at)
VALUES (%s, %s, %s, %s, %s, %s, 'app', 'form', '3', %s)
"""
ENTRY = """
INSERT INTO privacy.audit_entries (app_id, occurred_at, entry_id, actor, action, subject, purpose, outcome,
    request_id, trace_id, details)
VALUES ('arena', %s, %s, 'an employee', %s, %s, '', 'done', '', '', '{}')
"""
REQUEST = """
INSERT INTO privacy.subject_requests (request_id, app_id, kind, state, subject, categories, parameters,
    requester, created_at, due_at, fenced_at, done_at, steps, failure)
VALUES (gen_random_uuid(), %(app)s, %(kind)s, %(state)s, %(person)s, '{}', %(parameters)s, 'an employee',
    %(at)s, %(at)s, %(fenced_at)s, %(done_at)s, '[]', '')
"""
HOUR = timedelta(hours=1)


@pytest.fixture
def recorded(database_url: str) -> None:
    """Consents of ann as of UNTIL: mail withdrawn, ads granted; and what is later, or of others."""
    old, other = EPOCHS.all_epochs("arena", "ann")[1], EPOCHS.pseudonym("arena", "bob")
    with psycopg.connect(database_url) as connection:
        for version, (app, subject, purpose, status, when) in enumerate(
            [
                ("arena", "ann", "mail", "granted", UNTIL - 3 * HOUR),
                ("arena", "ann", "mail", "withdrawn", UNTIL - 2 * HOUR),
                ("arena", "ann", "ads", "granted", UNTIL - HOUR),
                ("arena", "ann", "ads", "withdrawn", UNTIL),
                ("arena", "bob", "mail", "granted", UNTIL - HOUR),
                ("chess", "ann", "mail", "granted", UNTIL - HOUR),
            ]
        ):
            granted = status == "granted"
            connection.execute(HISTORY, [app, subject, version, purpose, granted, status, when])
        for when, action, person in (
            (UNTIL - HOUR, "events.listed", old),
            (UNTIL - HOUR, "events.listed", other),
            (UNTIL, "events.exported", old),
        ):
            connection.execute(ENTRY, [when, uuid4(), action, person])


@pytest.mark.usefixtures("recorded")
async def test_consent_is_as_of_the_moment_with_all_of_its_history(engine: AsyncEngine) -> None:
    found = await collected(SubjectRows(engine).read(export_of("arena", "ann")))
    assert [(row["purpose"], row["status"]) for row in found["consents"]] == [
        ("ads", "granted"),
        ("mail", "withdrawn"),
    ]
    assert [(row["purpose"], row["status"], row["actor"]) for row in found["consent_history"]] == [
        ("mail", "granted", "app"),
        ("mail", "withdrawn", "app"),
        ("ads", "granted", "app"),
    ]


@pytest.mark.usefixtures("recorded")
async def test_the_record_of_access_says_what_was_done_and_not_who_did_it(
    engine: AsyncEngine,
) -> None:
    found = await collected(SubjectRows(engine).read(export_of("arena", "ann")))
    [entry] = found["audit_trail"]
    assert entry["action"] == "events.listed"
    assert "an employee" not in json.dumps(entry)


async def test_requests_are_as_of_the_moment(engine: AsyncEngine, database_url: str) -> None:
    """One that has ended since, one that had ended, and one of an event; not those of others, or from then
    on."""
    first, old = EPOCHS.all_epochs("arena", "ann")
    rectified = '{"event": "0192aaaa-0000-7000-8000-000000000001", "properties": {"a": "a hash"}}'
    with psycopg.connect(database_url) as connection:
        for app, person, kind, state, at, fenced_at, done_at in (
            ("arena", old, "export", "done", UNTIL - 3 * HOUR, None, UNTIL - 2 * HOUR),
            ("arena", first, "rectification", "failed", UNTIL - 2 * HOUR, None, None),
            ("arena", first, "erasure", "done", UNTIL - HOUR, UNTIL, UNTIL + HOUR),
            ("arena", first, "export", "waiting", UNTIL, None, None),
            (
                "arena",
                EPOCHS.pseudonym("arena", "bob"),
                "export",
                "done",
                UNTIL - HOUR,
                None,
                UNTIL,
            ),
            ("chess", first, "export", "done", UNTIL - HOUR, None, UNTIL),
        ):
            parameters = rectified if kind == "rectification" else "{}"
            values = {"app": app, "person": person, "kind": kind, "state": state, "at": at}
            values |= {"fenced_at": fenced_at, "done_at": done_at, "parameters": parameters}
            connection.execute(REQUEST, values)
    found = await collected(SubjectRows(engine).read(export_of("arena", "ann")))
    assert [
        (row["kind"], row["state"], row["event"], row["fenced_at"], bool(row["done_at"]))
        for row in found["requests"]
    ] == [
        ("export", "done", None, None, True),
        ("rectification", "failed", "0192aaaa-0000-7000-8000-000000000001", None, False),
        ("erasure", "open", None, None, False),
    ]
    assert "an employee" not in json.dumps(found["requests"])
    assert "a hash" not in json.dumps(found["requests"])


class Opening:
    """Opens the one sealed value that the test has."""

    async def opened(self, app_id: str, lines: Sequence[bytes]) -> Sequence[bytes]:
        assert app_id == "arena"
        return [line.replace(b'{"$sealed":"v1.k.x"}', b'"the secret"') for line in lines]


@pytest.mark.usefixtures("recorded")
async def test_an_export_has_the_rows_of_all_services_and_sealed_values_opened(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    asked: list[Export] = []

    async def events(export: Export) -> AsyncIterator[HeldRows]:
        asked.append(export)
        for number in range(3):
            line = b'{"n":%d,"mail":{"$sealed":"v1.k.x"}}' % number
            yield HeldRows("enrich.events", "events", [line])

    read: list[str] = []

    async def on_read(service: str) -> None:
        read.append(service)

    folder = FolderStore.open(tmp_path, "EXPORTS")
    exporter = Exporter({"enrich": events, "privacy": SubjectRows(engine).read}, Opening(), folder)
    export = export_of("arena", "ann")
    stored = await exporter.write("request 1", export, "x.zip", on_read)
    assert asked == [export]
    assert read == ["enrich", "privacy"]
    assert stored.rows == {
        "events": 3,
        "consents": 2,
        "consent_history": 3,
        "audit_trail": 1,
    }
    content = (tmp_path / "x.zip").read_bytes()
    assert (stored.bytes, stored.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    with zipfile.ZipFile(BytesIO(content)) as archive:
        lines = archive.read("data/events.jsonl").splitlines()
    assert [json.loads(line) for line in lines] == [
        {"n": number, "mail": "the secret"} for number in range(3)
    ]
    # An attempt that ended after it had stored the file changes nothing when it is made again.
    assert await exporter.write("request 1", export, "x.zip") == stored
    assert (tmp_path / "x.zip").read_bytes() == content
