"""An export whose process dies, or whose person is erased, after any of its steps."""

import asyncio
import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest

from libs.common.subject_data import Erasure, Progress, SubjectRef
from services.privacy.exports.erasing import ExportedFiles
from services.privacy.requests.model import Kind, State, SubjectRequest
from services.privacy.requests.postgres import save
from tests.support.export_steps import CREATED, PERSON, ROWS, export_steps
from tests.support.repository import REPOSITORY
from tests.support.waiting import until


def rows_of(file: Path) -> dict[str, int]:
    """How many rows of each kind a file has."""
    with zipfile.ZipFile(file) as archive:
        names = [name for name in archive.namelist() if name.endswith(".jsonl")]
        return {Path(name).stem: archive.read(name).count(b"\n") for name in names}


def files_in(folder: Path) -> list[Path]:
    """All files of a folder of objects, the unfinished ones as well."""
    return [path for path in folder.rglob("*") if path.is_file()]


def test_an_export_that_dies_after_any_step_ends_as_one_that_does_not(
    role_url: Callable[[str], str], database_url: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "tests.integration.privacy.dying_exports"]
    printed = subprocess.run(
        [*command, role_url("weir_privacy"), str(tmp_path)],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    ended = [line.split() for line in printed.splitlines()]
    # Three services to wait for and to read, the file, the end: each has several steps.
    assert len(ended) > 15
    assert [code for _, code in ended] == ["9"] * (len(ended) - 1) + ["0"]
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "SELECT request_id::text, state, result ->> 'sha256', result ->> 'size_bytes', object_key,"
            " exports.sha256, (SELECT count(*) FROM jsonb_array_elements(steps) AS step"
            " WHERE step ->> 'state' <> 'done'), subject_id"
            " FROM privacy.subject_requests LEFT JOIN privacy.exports USING (request_id)"
        ).fetchall()
        entries = connection.execute(
            "SELECT details ->> 'request' FROM privacy.audit_entries WHERE action = 'subject.exported'"
        ).fetchall()
    assert {each[0] for each in found} == {each[0] for each in ended}
    for _, state, digest, size, key, stored, undone, subject_id in found:
        content = (tmp_path / key).read_bytes()
        assert (state, undone, subject_id) == ("done", 0, None)
        assert digest == stored == hashlib.sha256(content).hexdigest()
        assert int(size) == len(content)
        assert rows_of(tmp_path / key) == dict(ROWS.values())
    # One file and one entry for each request.
    assert sorted(entry for (entry,) in entries) == sorted(each[0] for each in ended)
    assert len([path for path in files_in(tmp_path) if path.suffix == ".zip"]) == len(ended)


async def erase_after(database_url: str, folder: Path, step: int) -> SubjectRequest | None:
    """Carries an export out, and erases the person after one of its steps, meanwhile; the request of the
    export. None if there are fewer steps."""
    request_id, erasure_id = uuid4(), uuid4()
    left = step
    reached = asyncio.Event()

    async def on_step(_: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            reached.set()
            # The erasure gets as far as it can before the export goes on.
            for _turn in range(3):
                await asyncio.sleep(0)

    async def nothing(_: str) -> None:
        pass

    async with (
        export_steps(database_url, folder, on_step) as steps,
        export_steps(database_url, folder, nothing) as others,
    ):
        await steps.ask(request_id)
        exporting = asyncio.create_task(steps.carry_out(request_id))
        waiting = asyncio.create_task(reached.wait())
        await asyncio.wait([exporting, waiting], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not reached.is_set():
            await exporting
            return None
        request = SubjectRequest(
            erasure_id, "arena", Kind.ERASURE, State.RUNNING, PERSON, "ann", (), "app", CREATED, CREATED
        )  # fmt: skip
        async with others.requests.engine.begin() as connection:
            await connection.exec_driver_sql(
                "INSERT INTO privacy.subject_requests (request_id, app_id, kind, state, subject,"
                " subject_id, categories, parameters, requester, created_at, due_at, steps, failure)"
                " VALUES (%s, 'arena', 'erasure', 'running', %s, 'ann', '{}', '{}', 'app', %s, %s, '[]', '')",
                (erasure_id, PERSON, CREATED, CREATED),
            )
        files = ExportedFiles(others.work)
        subject = SubjectRef("arena", "ann", (PERSON,))
        progress = Progress(False, ())

        async def is_erased() -> bool:
            nonlocal progress
            progress = await files.erase(Erasure(subject, erasure_id, CREATED))
            return progress.done

        await until(is_erased)
        # From here on nothing of it may be there, whatever the export still does.
        assert not [path for path in files_in(folder) if path.suffix == ".zip"]
        ended = replace(request, state=State.DONE, subject_id=None, done_at=CREATED)
        async with others.requests.engine.begin() as connection:
            await save(connection, ended)
            await connection.exec_driver_sql(
                "UPDATE privacy.subject_requests SET subject_id = NULL WHERE subject_id = 'ann'"
            )
        found = await exporting
        assert not files_in(folder)
        assert [counts.erased for counts in progress.stores] in ([0], [1])
        async with others.requests.engine.connect() as connection:
            ids = await connection.exec_driver_sql(
                "SELECT count(*) FROM privacy.subject_requests WHERE subject_id IS NOT NULL"
            )
            assert ids.scalar_one() == 0
        return found


async def test_an_erasure_after_any_step_of_an_export_leaves_no_file(
    role_url: Callable[[str], str], tmp_path: Path
) -> None:
    url = role_url("weir_privacy")
    states = []
    for step in range(1, 100):
        found = await erase_after(url, tmp_path / str(step), step)
        if found is None:
            break
        states.append(found.state)
    assert len(states) > 15
    # Before the file is there, the export is cancelled; a file that was there is removed.
    assert states[0] is State.CANCELLED
    assert set(states) == {State.CANCELLED, State.DONE}


async def test_files_expire_and_what_a_dead_writer_left_goes(
    role_url: Callable[[str], str], database_url: str, tmp_path: Path
) -> None:
    async def nothing(_: str) -> None:
        pass

    request_id: UUID = uuid4()
    async with export_steps(role_url("weir_privacy"), tmp_path, nothing) as steps:
        await steps.ask(request_id)
        done = await steps.carry_out(request_id)
        assert done.state is State.DONE
        assert done.expires_at is not None
        assert done.done_at is not None
        assert timedelta(days=6, hours=23) < done.expires_at - done.done_at <= timedelta(days=7)
        assert await steps.work.expire() == 0
        assert len(files_in(tmp_path)) == 1
        with psycopg.connect(database_url) as connection:
            connection.execute("UPDATE privacy.exports SET expires_at = now()")
        assert await steps.work.expire() == 1
        assert not files_in(tmp_path)
        assert await steps.work.expire() == 0


async def dies_before_it_is_noted(folder: Path, url: str, request_id: UUID) -> None:
    """An export that ends when its file is in the store, and nothing says so yet."""

    async def die(step: str) -> None:
        if step == "put":
            raise ProcessLookupError

    async with export_steps(url, folder, die) as steps:
        await steps.ask(request_id)
        with pytest.raises(ProcessLookupError):
            await steps.carry_out(request_id)


async def nothing(_: str) -> None:
    """No step ends anything."""


async def test_an_export_whose_categories_have_gone_leaves_no_file(
    role_url: Callable[[str], str], tmp_path: Path
) -> None:
    """The process has died, and is begun again with another catalog."""
    url, request_id = role_url("weir_privacy"), uuid4()
    await dies_before_it_is_noted(tmp_path, url, request_id)
    assert len(files_in(tmp_path)) == 1
    async with export_steps(url, tmp_path, nothing) as steps:
        async with steps.requests.engine.begin() as connection:
            # As one of a category, of which the catalog has no event any more.
            await connection.exec_driver_sql(
                "UPDATE privacy.subject_requests SET categories = '{gone}' WHERE request_id = %s",
                (request_id,),
            )
        found = await steps.carry_out(request_id)
        assert (found.state, found.failure) == (State.FAILED, "no event is of its categories")
        assert await steps.work.expire() == 1
        assert not files_in(tmp_path)
        erasure = Erasure(SubjectRef("arena", "ann", (PERSON,)), uuid4(), CREATED)
        assert (await ExportedFiles(steps.work).erase(erasure)).done


async def test_two_erasures_at_once_both_wait_for_the_writer_of_an_export(
    role_url: Callable[[str], str], tmp_path: Path
) -> None:
    url, request_id = role_url("weir_privacy"), uuid4()
    await dies_before_it_is_noted(tmp_path, url, request_id)
    subject = SubjectRef("arena", "ann", (PERSON,))
    of_some, of_all = (Erasure(subject, uuid4(), CREATED) for _ in range(2))
    async with export_steps(url, tmp_path, nothing) as steps:
        files = ExportedFiles(steps.work)
        assert not (await files.erase(of_some)).done
        assert not (await files.erase(of_all)).done
        assert len(files_in(tmp_path)) == 1
        found = await steps.carry_out(request_id)
        assert (found.state, files_in(tmp_path)) == (State.CANCELLED, [])
        first, second = await files.erase(of_some), await files.erase(of_all)
    assert (first.done, second.done) == (True, True)
    # The file is in one receipt.
    assert [progress.stores[0].erased for progress in (first, second)] == [1, 0]


async def test_an_export_that_an_erasure_of_some_events_ends_says_no_more_than_that(
    role_url: Callable[[str], str], tmp_path: Path
) -> None:
    async with export_steps(role_url("weir_privacy"), tmp_path, nothing) as steps:
        async with steps.requests.engine.begin() as connection:
            await connection.exec_driver_sql(
                "INSERT INTO privacy.subject_requests (request_id, app_id, kind, state, subject,"
                " subject_id, categories, parameters, requester, created_at, due_at, steps, failure)"
                " VALUES (%s, 'arena', 'erasure', 'running', %s, 'ann', '{play}', '{}', 'app', %s, %s, '[]',"
                " '')",
                (uuid4(), PERSON, CREATED, CREATED),
            )
        request_id = uuid4()
        await steps.ask(request_id)
        found = await steps.carry_out(request_id)
    assert found.state is State.CANCELLED
    assert found.failure == "data of the person are being erased: ask again when that is done"
    assert not files_in(tmp_path)
