"""The source tree that the tests belong to: its documents, catalogs, deployment files."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
