"""What no service's process loads at its start: their memory is limited."""

import subprocess
import sys

from tests.support.repository import REPOSITORY

# Parquet and object stores, which the archive has in a process of its own; migrations and the command
# line; ciphers, tracing and an operator's database of countries, which are loaded when they are first
# used. Each takes from 1 to 60 MB.
HEAVY = {
    *("pyarrow", "obstore", "duckdb", "numpy"),
    *("alembic", "typer", "cli", "suite", "demo"),
    *("cryptography.hazmat.bindings", "opentelemetry.sdk.trace", "maxminddb"),
}
_LOADED = """
import sys
import services.aggregate.server, services.enrich.server, services.ingest.server, services.privacy.server

print(*sys.modules)
"""


def test_no_service_loads_what_it_does_not_need_at_its_start() -> None:
    found = subprocess.run(
        [sys.executable, "-c", _LOADED], cwd=REPOSITORY, check=True, capture_output=True, text=True
    )
    loaded = set(found.stdout.split())
    # So that an empty answer is none.
    assert {"services.enrich.server", "psycopg", "redis", "grpc"} <= loaded
    assert loaded & HEAVY == set()
