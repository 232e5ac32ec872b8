"""What is in files that are compressed, as bytes to search."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import duckdb


def contents(path: Path) -> Iterator[bytes]:
    """The bytes of a file, and what they pack: all values of a Parquet file as texts, all files of a ZIP with
    their names."""
    yield path.read_bytes()
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
