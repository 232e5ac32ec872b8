"""`weir consent` against a running service."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.commands.consent import app
from tests.integration.privacy.conftest import APP, PURPOSE, Privacy

ANN = ("--app", APP, "--subject", "ann")


async def run(*arguments: str) -> Result:
    """The command in a thread, because the service is in this one."""
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, arguments))


async def test_what_is_set_is_checked_and_remembered(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = ("check", *ANN, "--purpose", PURPOSE)
    assert (await run(*check)).stdout == "allow (the catalog's default)\n"
    denied = await run("set", *ANN, "--deny", PURPOSE)
    assert denied.exit_code == 0
    said, _, token = denied.stdout.removesuffix("\n").rpartition(" ")
    assert said == f"recorded for ann: {PURPOSE} denied; token for checks:"
    answer = await run(*check, "--token", token, "--json")
    assert json.loads(answer.stdout) == {
        "decision": "anonymize",
        "recorded": True,
        "status": "denied",
        "reason": "answer",
        "consent_version": 1,
    }
    granted = (
        *("set", *ANN, "--grant", PURPOSE, "--notice", "2", "--actor", "ann", "--json"),
        *("--source", "web", "--role", "subject", "--expires-at", "2100-01-01"),
    )
    recorded = json.loads((await run(*granted)).stdout)
    assert recorded.keys() == {"token", "recorded_at"}
    checked = await run(*check, "--token", recorded["token"])
    assert checked.stdout == "allow (the person said so: granted)\n"
    rows = json.loads((await run("history", *ANN, "--json")).stdout)
    denied_at = rows[0].pop("recorded_at")
    assert rows[0] == {
        "purpose": PURPOSE,
        "granted": False,
        "status": "denied",
        "age_band": None,
        "restricted": None,
        "actor": "operator",
        "actor_role": None,
        "method": "cli",
        "source": "cli",
        "notice_version": "",
        "expires_at": None,
        "version": 1,
    }
    assert {
        key: rows[1][key] for key in ("actor_role", "source", "notice_version", "expires_at")
    } == {
        "actor_role": "subject",
        "source": "web",
        "notice_version": "2",
        "expires_at": "2100-01-01T00:00:00+00:00",
    }
    assert rows[1]["recorded_at"] == recorded["recorded_at"]
    monkeypatch.setenv("COLUMNS", "80")
    lines = (await run("history", *ANN)).stdout.splitlines()
    assert max(map(len, lines)) <= 80
    [first] = [line for line in lines if "denied" in line]
    # To the second, and whole: the rest is in the JSON.
    assert f" {denied_at[:19]}Z " in first
    for word in (PURPOSE, "operator", "cli"):
        assert f" {word} " in first


async def test_a_history_as_csv(home: Path) -> None:
    await run(
        "set", *ANN, "--grant", PURPOSE, "--notice", "2", "--actor", "=ann", "--source", "web"
    )
    [entry] = json.loads((await run("history", *ANN, "--json")).stdout)
    assert (await run("history", *ANN, "--csv")).stdout == (
        "recorded_at,status,purpose,actor,how,notice_version\n"
        f'{entry["recorded_at"]},granted,{PURPOSE},\'=ann,"cli, web",2\n'
    )


async def test_an_empty_history_says_so(home: Path) -> None:
    assert (await run("history", *ANN)).stdout == "nothing is recorded for ann\n"
    assert json.loads((await run("history", *ANN, "--json")).stdout) == []


async def test_a_history_longer_than_a_page_is_complete(
    privacy: Privacy, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.commands.consent._PAGE_SIZE", 2)
    for granted in (False, True, False, True, False):
        await privacy.record("ann", telemetry=granted)
    rows = json.loads((await run("history", *ANN, "--json")).stdout)
    assert [row["granted"] for row in rows] == [False, True, False, True, False]


async def test_a_refused_call_is_one_line(home: Path) -> None:
    result = await run("check", *ANN, "--purpose", "marketing")
    assert result.exit_code == 1
    assert "PURPOSE_UNKNOWN" in result.stderr
    assert result.stderr.count("\n") == 1


async def test_a_receipt_is_verified(home: Path, tmp_path: Path) -> None:
    await run("set", *ANN, "--grant", PURPOSE, "--notice", "2")
    printed = await run("receipt", *ANN)
    assert json.loads(printed.stdout)["event"][0]["event_state"] == "granted"
    file = tmp_path / "receipt.json"
    file.write_text(printed.stdout)
    verify = ("verify", "--app", APP, str(file))
    answer = await run(*verify)
    assert (answer.exit_code, answer.stdout) == (0, f"genuine, in force\n{PURPOSE}: now granted\n")
    await run("set", *ANN, "--deny", PURPOSE)
    answer = await run(*verify, "--json")
    assert answer.exit_code == 1
    assert json.loads(answer.stdout) == {
        "genuine": True,
        "in_force": False,
        "purposes": [{"purpose": PURPOSE, "in_force": False, "status": "withdrawn"}],
    }
    file.write_text(printed.stdout.replace('"ann"', '"bob"'))
    answer = await run(*verify)
    assert (answer.exit_code, answer.stdout[:11]) == (1, "not genuine")
