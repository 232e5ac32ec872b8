"""The ZIP of an export. The same rows give the same bytes, so an export that is begun again ends alike."""

import hashlib
import json
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import IO

from services.privacy.exports.csv_lines import csv_lines
from services.privacy.exports.index_page import index_page
from services.privacy.exports.spools import Spool

FORMAT = "weir.subject-export.v1"
INDEX, MANIFEST = "index.html", "manifest.json"
_WRITTEN_AT_ONCE = 256 * 1024


@dataclass(frozen=True, slots=True)
class About:
    """Whose export it is. Everything received before `as_of` is in it."""

    app_id: str
    subject_id: str
    request_id: str
    as_of: datetime


@dataclass(frozen=True, slots=True)
class BundledFile:
    """A file in the ZIP. `stores` are where its rows come from; the index has neither."""

    path: str
    bytes: int
    sha256: str
    kind: str = ""
    stores: tuple[str, ...] = ()
    rows: int | None = None


def write_bundle(output: IO[bytes], about: About, spools: Iterable[Spool]) -> list[BundledFile]:
    """Writes the ZIP to a file, and says what is in it, as the manifest does. Raises OSError.

    For each kind a file of JSON Lines, which is exact, and one of CSV. Reads and writes a part at a time; it
    takes long, so that it belongs in a thread.
    """
    spools = list(spools)
    written: list[BundledFile] = []
    # As local times without a zone: the format has no other. It begins with 1980.
    moment = max(about.as_of.astimezone(UTC), datetime(1980, 1, 1, tzinfo=UTC)).timetuple()[:6]
    with zipfile.ZipFile(output, "w") as archive:

        def add(path: str, parts: Iterable[bytes], **of: object) -> None:
            entry = zipfile.ZipInfo(path, moment)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            digest, size = hashlib.sha256(), 0
            with archive.open(entry, "w", force_zip64=True) as member:
                for part in parts:
                    member.write(part)
                    digest.update(part)
                    size += len(part)
            written.append(BundledFile(path, size, digest.hexdigest(), **of))  # type: ignore[arg-type]

        add(INDEX, [index_page(about.app_id, about.subject_id, about.as_of, spools).encode()])
        for spool in spools:
            of = {"kind": spool.kind, "stores": tuple(spool.stores), "rows": spool.rows}
            add(f"data/{spool.kind}.jsonl", _joined(spool.lines()), **of)
            rows = (line.decode() for line in spool.lines())
            table = (line.encode() for line in csv_lines(rows, spool.columns))
            add(f"data/{spool.kind}.csv", _joined(table), **of)
        manifest = {
            "format": FORMAT,
            **asdict(about),
            "as_of": about.as_of.astimezone(UTC).isoformat(),
            "files": [_plain(file) for file in written],
        }
        add(MANIFEST, [json.dumps(manifest, indent=2, ensure_ascii=False).encode()])
    return written


def _plain(file: BundledFile) -> dict[str, object]:
    return {name: value for name, value in asdict(file).items() if value not in ("", (), None)}


def _joined(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in larger parts."""
    together: list[bytes] = []
    size = 0
    for line in lines:
        together.append(line)
        size += len(line)
        if size >= _WRITTEN_AT_ONCE:
            yield b"".join(together)
            together, size = [], 0
    yield b"".join(together)
