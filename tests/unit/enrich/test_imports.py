"""What enrich's process does not load: its memory is limited."""

import subprocess
import sys

from tests.support.repository import REPOSITORY

_LOADED = """
import sys
import services.enrich.server

print(*sorted({"pyarrow", "obstore", "duckdb", "numpy"} & sys.modules.keys()))
"""


def test_the_service_loads_neither_parquet_nor_s3() -> None:
    found = subprocess.run(
        [sys.executable, "-c", _LOADED], cwd=REPOSITORY, check=True, capture_output=True, text=True
    )
    assert found.stdout.split() == []
