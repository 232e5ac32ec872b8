"""The ZIP of an export, taken apart again with Python's zipfile, csv and hashlib."""

import csv
import hashlib
import json
import zipfile
from datetime import UTC, datetime
from io import BytesIO, StringIO

import pytest

from libs.common.subject_data import HeldRows
from services.privacy.exports.bundle import About, write_bundle
from services.privacy.exports.spools import Spools

ABOUT = About("arena", "<b>ann&co", "0199-1", datetime(2026, 11, 22, 9, 30, tzinfo=UTC))
EVENTS = [b'{"name":"login","properties":{"a":1}}', b'{"name":"=cmd","properties":{}}']
CONSENTS = [b'{"purpose":"analytics","status":"granted"}']


def bundle() -> bytes:
    file = BytesIO()
    with Spools() as spools:
        spools.add(HeldRows("enrich.events", "events", EVENTS[:1]))
        spools.add(HeldRows("privacy.consents", "consents", CONSENTS))
        spools.add(HeldRows("enrich.events", "events", EVENTS[1:]))
        spools.add(HeldRows("ingest.dead_letters", "dead_letters", []))
        write_bundle(file, ABOUT, spools)
    return file.getvalue()


def test_the_manifest_has_the_count_size_and_sha256_of_every_other_file() -> None:
    with zipfile.ZipFile(BytesIO(bundle())) as archive:
        assert archive.testzip() is None
        manifest = json.loads(archive.read("manifest.json"))
        listed = {file["path"]: file for file in manifest["files"]}
        assert set(listed) == set(archive.namelist()) - {"manifest.json"}
        for path, file in listed.items():
            content = archive.read(path)
            assert file["bytes"] == len(content)
            assert file["sha256"] == hashlib.sha256(content).hexdigest()
        assert listed["data/events.jsonl"]["rows"] == listed["data/events.csv"]["rows"] == 2
        assert listed["data/events.jsonl"]["stores"] == ["enrich.events"]
        assert listed["data/dead_letters.csv"]["rows"] == 0
        assert (manifest["app_id"], manifest["subject_id"]) == ("arena", "<b>ann&co")
        assert manifest["as_of"] == "2026-11-22T09:30:00+00:00"


def test_both_forms_have_the_same_rows() -> None:
    with zipfile.ZipFile(BytesIO(bundle())) as archive:
        lines = archive.read("data/events.jsonl").splitlines()
        table = list(csv.DictReader(StringIO(archive.read("data/events.csv").decode())))
    assert lines == EVENTS
    assert [row["name"] for row in table] == ["login", "'=cmd"]
    assert [json.loads(row["properties"]) for row in table] == [{"a": 1}, {}]


def test_the_index_names_each_kind_and_links_to_its_files() -> None:
    with zipfile.ZipFile(BytesIO(bundle())) as archive:
        page = archive.read("index.html").decode()
        assert archive.namelist()[0] == "index.html"
        for kind in ("events", "consents", "dead_letters"):
            assert f'href="data/{kind}.csv"' in page
            assert f"data/{kind}.jsonl" in archive.namelist()
    assert "22 November 2026, 09:30:00 UTC" in page
    # What the person is called is a text, not a part of the page.
    assert "&lt;b&gt;ann&amp;co" in page
    assert "<b>ann" not in page


def test_the_same_rows_give_the_same_bytes() -> None:
    assert bundle() == bundle()


@pytest.mark.parametrize("kind", ["../x", "Events", "", "a" * 65])
def test_a_kind_that_is_no_name_of_a_file_is_refused(kind: str) -> None:
    with Spools() as spools, pytest.raises(ValueError, match="not the name"):
        spools.add(HeldRows("store", kind, []))
