"""`weir send`: the documents' own events, and lines that are none."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from libs.catalog import load_catalog, to_envelope
from suite.supervisor import Suite
from tests.support.documents.examples import EXAMPLES
from tests.support.repository import REPOSITORY
from tests.support.weir_command import weir, weir_process

pytestmark = pytest.mark.xdist_group("e2e import")

# Without an answer of the person, these apps refuse or anonymize.
PURPOSES = {
    "addvalue": "analytics",
    "mlc_lms": "learning_progress",
    "unofficial_communities": "telemetry",
}
# Users whose age is unknown count as children.
AGES = {"mlc_lms": ("--age-band", "from_13")}
APPS = sorted({app_id for app_id, _, _ in EXAMPLES})


@pytest.fixture(scope="module")
def suite(import_suite: Suite) -> Suite:
    return import_suite


def _documents(app_id: str) -> Iterator[dict[str, Any]]:
    return (document for app, _, document in EXAMPLES if app == app_id)


def _send(suite: Suite, file: Path, app_id: str) -> tuple[int, dict[str, Any]]:
    finished = weir(suite.home.path, "send", str(file), "--app", app_id, "--json")
    assert finished.stdout, finished.stderr
    return finished.returncode, json.loads(finished.stdout)


@pytest.mark.parametrize("app_id", APPS)
def test_the_documents_examples_are_accepted_as_they_are_written(
    suite: Suite, tmp_path: Path, app_id: str
) -> None:
    documents = list(_documents(app_id))
    if app_id in PURPOSES:
        catalog = load_catalog(REPOSITORY / "catalogs" / f"{app_id}.yaml")
        people = {str(document.get(catalog.subject_name) or "") for document in documents}
        for person in people - {""}:
            granted = weir(
                suite.home.path, "consent", "set", "--app", app_id, "--subject", person,
                "--grant", PURPOSES[app_id], "--notice", "1", *AGES.get(app_id, ()),
            )  # fmt: skip
            assert granted.returncode == 0, granted.stderr
    file = tmp_path / "events.ndjson"
    file.write_text("".join(json.dumps(document) + "\n" for document in documents))
    code, result = _send(suite, file, app_id)
    assert code == 0
    assert result["problems"] == []
    # Two examples of the LMS are of a kind of which the catalog keeps a share; their ids decide.
    catalog = load_catalog(REPOSITORY / "catalogs" / f"{app_id}.yaml")
    sampled = sum(
        bool(catalog.events[str(to_envelope(catalog, document)["name"])].sampling)
        for document in documents
    )
    assert result["accepted"] + result["sampled"] == result["sent"] == len(documents)
    assert result["sampled"] <= sampled

    _, again = _send(suite, file, app_id)
    assert again["duplicate"] == result["accepted"]
    assert again["accepted"] == 0


def test_from_standard_input_packed_or_not(suite: Suite) -> None:
    def piped(stdin: bytes) -> dict[str, Any]:
        arguments = ("send", "-", "--app", "social_live", "--json")
        finished = weir_process(suite.home.path, *arguments, stdin=stdin)
        assert finished.returncode == 0, finished.stderr
        result: dict[str, Any] = json.loads(finished.stdout)
        return result

    line = b'{"eventType": "view", "data": {"contentType": "post", "contentId": "stdin"}}\n'
    assert piped(line)["accepted"] == 1
    # The same line with the same number is the same event, however it is packed.
    assert piped(gzip.compress(line))["duplicate"] == 1
    assert piped(line + line)["accepted"] == 1


def test_bad_lines_are_named_and_the_others_arrive(suite: Suite, tmp_path: Path) -> None:
    good = {"name": "gameStarted", "player_id": "send-1", "occurred_at": "2026-04-28T10:00:00Z"}
    lines = [json.dumps({**good, "event_id": f"send-{number}"}) for number in range(600)]
    lines[10] = "{not json"
    lines[20] = "[]"
    lines[30] = json.dumps({"player_id": "send-1"})
    lines[599] = json.dumps({**good, "name": "gameOver"})
    file = tmp_path / "events.ndjson.gz"
    file.write_bytes(gzip.compress("\n".join(lines).encode()))
    code, result = _send(suite, file, "gamelaunch")
    assert code == 1
    assert (result["lines"], result["accepted"]) == (600, 596)
    assert (result["rejected"], result["unusable"]) == (1, 3)
    problems = {problem["line"]: problem for problem in result["problems"]}
    assert sorted(problems) == [11, 21, 31, 600]
    assert problems[31]["field"] == "name"
    assert problems[600]["reason"] == "EVENT_UNKNOWN"
    with psycopg.connect(suite.addresses.database_url) as connection:
        for _ in range(200):
            [stored] = connection.execute(
                "SELECT count(*) FROM enrich.events WHERE subject_id = 'send-1'"
            ).fetchall()
            connection.rollback()
            if stored == (596,):
                break
            connection.execute("SELECT pg_sleep(0.05)")
    assert stored == (596,)


def test_only_the_first_problems_are_shown_and_all_are_counted(
    suite: Suite, tmp_path: Path
) -> None:
    file = tmp_path / "wrong.ndjson"
    file.write_text('{"name": "gameOver"}\n' * 50)
    arguments = ("send", str(file), "--app", "gamelaunch")
    finished = weir(suite.home.path, *arguments)
    assert finished.returncode == 1
    assert "50 rows of events that the catalog does not declare: gameOver (50" in finished.stdout
    assert "50 rows name no person" in finished.stdout
    allowed = weir(suite.home.path, *arguments, "--allow-rejected")
    assert allowed.returncode == 0
    assert finished.stdout.count("EVENT_UNKNOWN") == 20
    assert "line 1: name:" in finished.stdout
    assert "... and 30 more" in finished.stdout


def test_wrong_usage(suite: Suite, tmp_path: Path) -> None:
    finished = weir(suite.home.path, "send", str(tmp_path / "nowhere"), "--app", "gamelaunch")
    assert (finished.returncode, finished.stdout) == (2, "")
    finished = weir(suite.home.path, "send", "-", "--app", "nobody")
    assert finished.returncode == 2
