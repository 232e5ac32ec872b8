"""What is in files, also in those that are compressed, as bytes to search."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import duckdb


def files_with(folder: Path, *needles: bytes) -> list[Path]:
    """The files in a folder that contain one of the texts."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and any(needle in content for content in contents(path) for needle in needles)
    ]


def contents(path: Path) -> Iterator[bytes]:
    """The bytes of a file, and what they pack: all values of a Parquet file as texts, all files of a ZIP with
    their names. Nothing of a file that a running server has just deleted."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    yield data
    match path.suffix:
        case ".parquet":
            with duckdb.connect() as duck:
                rows = duck.execute("SELECT columns(*)::text FROM read_parquet(?)", [str(path)])
                while row := rows.fetchone():
                    yield "\0".join(value for value in row if value is not None).encode()
        case ".zip":
            with zipfile.ZipFile(path) as packed:
                for name in packed.namelist():
                    yield name.encode()
                    yield packed.read(name)
