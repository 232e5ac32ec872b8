"""`weir jobs` on a real journal, with a service's replica that runs what it is asked for."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from cli.commands.jobs import app
from libs.jobs.job import Job, JobContext, JobError
from libs.jobs.postgres import PostgresJournal
from libs.jobs.schedule import Schedule
from tests.integration.jobs.conftest import Cluster
from tests.support.waiting import until


async def jobs(*arguments: str) -> Result:
    """The command in a thread, because the replica is in this one."""
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, arguments))


@pytest.fixture(autouse=True)
def database(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_DATABASE_URL", cluster.url)


async def test_a_run_by_hand_for_any_due_time(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    due: list[datetime] = []

    async def work(context: JobContext) -> Mapping[str, int]:
        due.append(context.due_at)
        if len(due) == 3:
            raise JobError("the stream is gone")
        return {"swept": len(due)}

    sweep = Job("enrich.sweep", "Sweeps.", Schedule("0 2 * * *"), work)
    idle = replace(sweep, name="enrich.idle", description="Does nothing.")
    with capture_logs():  # else it is in the command's output
        async with cluster.running(cluster.runner("one", replace(idle, run=_nothing), sweep)):
            # By itself for the newest due time: the 21st at 02:00.
            await until(lambda: [o for _, o in cluster.outcomes()] == ["succeeded"] * 2)
            again = await jobs("run", "enrich.sweep", "--due", "2026-11-03T02:00")
            assert (again.exit_code, again.stdout) == (
                0,
                "enrich.sweep for 2026-11-03T02:00:00Z: succeeded swept=2\n",
            )
            failed = await jobs("run", "enrich.sweep", "--due", "2026-11-03T02:00")
            assert failed.exit_code == 1
            assert "failed JobError: the stream is gone" in failed.stdout
    assert due == [datetime(2026, 11, day, 2, tzinfo=UTC) for day in (21, 3, 3)]

    # Without a replica it waits for one.
    asked = await jobs("run", "enrich.idle", "--no-wait", "--json")
    assert (asked.exit_code, json.loads(asked.stdout)["outcome"]) == (0, "requested")
    shown = json.loads((await jobs("runs", "enrich.sweep", "--json")).stdout)
    assert [(run["trigger"], run["outcome"], run["counts"]) for run in shown] == [
        ("manual", "failed", {}),
        ("manual", "succeeded", {"swept": 2}),
        ("schedule", "succeeded", {"swept": 1}),
    ]
    table = (await jobs("runs", "--limit", "1")).stdout
    assert "enrich.idle" in table
    assert "enrich.sweep" not in table
    listed = json.loads((await jobs("list", "--json")).stdout)
    assert [(job["name"], job["schedule"], job["newest"]["outcome"]) for job in listed] == [
        ("enrich.idle", "0 2 * * *", "requested"),
        ("enrich.sweep", "0 2 * * *", "failed"),
    ]
    assert all(job["next"].endswith("T02:00:00Z") for job in listed)
    assert "enrich.sweep" in (await jobs("list")).stdout

    # Job (14), due (23), outcome (12), started (10, it is empty) and took (7) with their borders are 67.
    monkeypatch.setenv("COLUMNS", "70")
    narrow = await jobs("runs", "--limit", "1")
    assert "enrich.idle" in narrow.stdout
    assert narrow.stderr == (
        "4 columns do not fit: counts, error, why, runner; --json and --csv have all\n"
    )
    listed_narrow = await jobs("list")
    assert listed_narrow.stderr.endswith("counts, what it does; --json and --csv have all\n")


async def test_a_job_that_is_gone_is_not_listed_any_more(cluster: Cluster) -> None:
    old = Job("enrich.old", "", Schedule("0 2 * * *"), _nothing)
    for job in (old, replace(old, name="enrich.new")):
        async with cluster.running(cluster.runner("one", job)):
            await until(lambda: (f"{job.name}",) in cluster.sql("SELECT name FROM jobs.jobs"))  # noqa: B023
    assert [job["name"] for job in json.loads((await jobs("list", "--json")).stdout)] == [
        "enrich.new"
    ]


async def test_a_due_time_after_now_is_refused_on_a_database_too(cluster: Cluster) -> None:
    journal = PostgresJournal(cluster.engine, "one")
    await journal.register("enrich", [Job("enrich.idle", "", Schedule("0 2 * * *"), _nothing)])
    refused = await jobs("run", "enrich.idle", "--due", "2126-01-01")
    assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
    assert refused.stderr.startswith("due_at: must not be after now, 2")
    assert cluster.outcomes() == []


async def test_mistakes_are_one_line(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = await jobs("run", "enrich.swep")
    assert (unknown.exit_code, unknown.stderr) == (2, "no job `enrich.swep`; there are none yet\n")
    wrong = await jobs("run", "enrich.sweep", "--due", "yesterday")
    assert wrong.exit_code == 2
    assert wrong.stderr.startswith("--due yesterday: must be a date or time")
    monkeypatch.setenv("WEIR_DATABASE_URL", "postgresql://weir:secret@127.0.0.1:1/weir")
    away = await jobs("list")
    assert (away.exit_code, away.stderr.count("\n")) == (1, 1)
    assert "127.0.0.1:1" in away.stderr
    assert "secret" not in away.stderr


async def _nothing(_: JobContext) -> Mapping[str, int]:
    return {}
