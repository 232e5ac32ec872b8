"""The `weir` command as a user has it: another process, with nothing but the environment."""

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def weir(
    home: Path, *arguments: str, stdin: bytes = b"", timeout_seconds: float = 120.0
) -> subprocess.CompletedProcess[str]:
    """Runs `weir` with WEIR_HOME, in the repository; standard output and error as text."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("WEIR_")
    }
    finished = subprocess.run(
        [sys.executable, "-m", "libs.cli.main", *arguments],
        env={**environment, "WEIR_HOME": str(home)},
        cwd=REPOSITORY,
        input=stdin,
        capture_output=True,
        timeout=timeout_seconds,
        check=False,
    )
    return subprocess.CompletedProcess(
        finished.args, finished.returncode, finished.stdout.decode(), finished.stderr.decode()
    )
