"""What must be in the archive, read by DuckDB: what left Postgres by age, each event once."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from services.enrich.archive.inspection import verify
from services.enrich.archive.parquet import ParquetFiles
from tests.integration.year.catalog import ARCHIVE_DAYS, ARCHIVED
from tests.integration.year.ledger import Ledger, Sent
from tests.integration.year.rules import DAY, AppRules, midnight
from tests.integration.year.traffic import MARK
from tests.support.archives import objects_of

_EVENTS = f"""
SELECT filename, app_id, occurred_at::date, event_id, person,
    regexp_extract_all(event::text, '{MARK}[a-z]+-[0-9]+|[0-9a-f]{{32}}')
FROM (SELECT columns(* EXCLUDE filename), filename FROM read_parquet(?, filename = true)) AS event
"""


@dataclass(frozen=True, slots=True)
class _File:
    """Ids of a file's events, of those that name a person, and whom it names in any way."""

    ids: list[str]
    named: set[str]
    people: set[str]


class Archive:
    """Compares the archive's files with the ledger; reads each file once."""

    def __init__(self, folder: Path, rules: AppRules, ledger: Ledger) -> None:
        self._folder = folder
        self._rules, self._ledger = rules, ledger
        self._files: dict[Path, _File] = {}

    def has_what_left(self, today: datetime) -> None:
        """Every event that is past its limit and not erased, once, in the file of an app and day."""
        self._read()
        found = Counter(id_ for file in self._files.values() for id_ in file.ids)
        expected = Counter(
            sent.event_id for sent in self._ledger.stored(ARCHIVED) if self._is_due(sent, today)
        )
        assert found == expected
        found_named = set[str]().union(*(file.named for file in self._files.values()))
        expected_named = {
            sent.event_id
            for sent in self._ledger.stored(ARCHIVED)
            if self._is_due(sent, today) and self._may_name(sent)
        }
        assert found_named == expected_named

    async def is_whole(self) -> None:
        """Each file is as its manifest says, and each is in one."""
        self._read()
        found = await verify(objects_of(f"file://{self._folder}"), ParquetFiles())
        assert (found.wrong, found.files) == ([], len(self._files))
        assert found.events == sum(len(file.ids) for file in self._files.values())

    def people(self) -> set[str]:
        """Everyone whom any column of any event names, by id or by pseudonym of 32 hex digits."""
        self._read()
        return set[str]().union(*(file.people for file in self._files.values()))

    def kept(self, events: Iterable[Sent], today: datetime) -> int:
        """How many of some events are in the archive."""
        return sum(self._is_due(sent, today) for sent in events)

    def _read(self) -> None:
        """Reads new files, and forgets those that are gone."""
        present = set(self._folder.glob("app=*/date=*/*.parquet"))
        self._files = {path: file for path, file in self._files.items() if path in present}
        new = sorted(str(path) for path in present - self._files.keys())
        if not new:
            return
        with duckdb.connect() as duck:
            duck.execute("SET TimeZone = 'UTC'")
            rows = duck.execute(_EVENTS, [new]).fetchall()
        for name, app_id, day, event_id, person, texts in rows:
            path = Path(name)
            assert str(path.parent.relative_to(self._folder)) == f"app={app_id}/date={day}"
            file = self._files.setdefault(path, _File([], set(), set()))
            file.ids.append(event_id)
            file.people.update(texts, [person.hex] if person else ())
            if any(text.startswith(MARK) for text in texts):
                file.named.add(event_id)

    def _is_due(self, sent: Sent, today: datetime) -> bool:
        is_kept = midnight(sent.occurred_at) >= today - ARCHIVE_DAYS * DAY
        return is_kept and sent.has_gone(self._rules, today)

    def _may_name(self, sent: Sent) -> bool:
        """Of what is ever anonymized, nothing comes into the archive with a name, however early it leaves."""
        return sent.verdict == "accepted" and self._rules.events[sent.name].anonymized_after is None
