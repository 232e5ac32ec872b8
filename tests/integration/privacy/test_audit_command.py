"""`weir audit` against a running service."""

import asyncio
import json
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner, Result
from weir.privacy.v1 import audit_service_pb2 as pb

from cli.commands.audit import app
from tests.integration.privacy.conftest import APP, PURPOSE, Privacy
from tests.support.pseudonyms import PSEUDONYMS
from tests.support.waiting import until

ANN = PSEUDONYMS.pseudonym(APP, "ann")


async def run(*arguments: str) -> Result:
    """The command in a thread, because the service is in this one."""
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, (*arguments, "--app", APP)))


async def _record(privacy: Privacy, *people: str) -> None:
    for person in people:
        await privacy.record(person, telemetry=False)

    async def chained() -> bool:
        answer = await privacy.audit.VerifyChain(pb.VerifyChainRequest(app_id=APP), timeout=20)
        return bool(answer.verified == len(people))

    await until(chained)
    await until(lambda: privacy.published_head().startswith(f"{len(people)}:"))


async def test_the_trail_is_listed(
    privacy: Privacy, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await run("list")).stdout == "no entries\n"
    await privacy.record("ann", telemetry=False)
    await privacy.record("bob", telemetry=True)
    [found] = json.loads(
        (await run("list", "--subject", "ann", "--action", "consent.recorded", "--json")).stdout
    )
    assert (found["action"], found["actor"], found["subject"]) == (
        "consent.recorded",
        "no token",
        ANN,
    )
    assert found["details"]["denied"] == [PURPOSE]
    monkeypatch.setenv("COLUMNS", "200")
    table = (await run("list", "--limit", "3")).stdout
    # The newest first: the question before this one, the recordings.
    assert [
        word
        for line in table.splitlines()
        for word in ("audit.read", "consent.recorded")
        if word in line
    ] == ["audit.read", "consent.recorded", "consent.recorded"]
    csv = (await run("list", "--csv", "--action", "consent.recorded")).stdout.splitlines()
    assert csv[0].startswith("occurred_at,action,actor,subject,outcome,details")
    assert len(csv) == 3
    wrong = await run("list", "--action", "consent.forgotten")
    assert wrong.exit_code == 1
    assert "(action): is none of" in wrong.stderr


async def test_a_whole_trail_is_verified(privacy: Privacy, home: Path) -> None:
    await _record(privacy, "ann", "bob", "eve")
    found = await run("verify")
    assert found.exit_code == 0
    first, second = found.stdout.splitlines()
    assert first == "entries verified: 3; all are as they were written"
    head = second.rpartition(" ")[2]
    assert head.startswith("3:")
    again = await run("verify", "--head", head, "--json")
    assert json.loads(again.stdout) == {
        "verified": 3,
        "head": head,
        "unchained": 0,
        "pruned_through": None,
        "compared_with_published": True,
        "problem": None,
        "problem_sequence": None,
        "problem_entry_id": None,
    }
    later = await run("verify", "--head", "4" + head[1:])
    assert later.exit_code == 1
    assert later.stderr == (
        "the last entries are missing, from 4 on; entries before that are as they were written: 3\n"
    )
    wrong = await run("verify", "--head", "three")
    assert wrong.exit_code == 1
    assert "(known_head): must be a sequence" in wrong.stderr
    # It would not be compared with anything.
    passed_over = await run("verify", "--head", head, "--after", "3")
    assert passed_over.exit_code == 1
    assert "(known_head): is of an entry that is passed over" in passed_over.stderr


async def test_verify_names_the_first_bad_entry(
    privacy: Privacy, home: Path, database_url: str
) -> None:
    await _record(privacy, "ann", "bob", "eve")
    with psycopg.connect(database_url) as owner:
        owner.execute("ALTER TABLE privacy.audit_entries DISABLE TRIGGER USER")
        owner.execute("UPDATE privacy.audit_entries SET actor = 'another' WHERE sequence >= 2")
        row = owner.execute(
            "SELECT entry_id FROM privacy.audit_entries WHERE sequence = 2"
        ).fetchone()
    assert row
    found = await run("verify")
    assert found.exit_code == 1
    assert found.stderr == (
        f"entry 2 ({row[0]}) is not what was written at this place; "
        "entries before that are as they were written: 1\n"
    )
    as_json = await run("verify", "--json")
    assert as_json.exit_code == 1
    assert json.loads(as_json.stdout)["problem_entry_id"] == str(row[0])
