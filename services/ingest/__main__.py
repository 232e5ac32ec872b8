"""Runs ingest alone: `python -m services.ingest`."""

from libs.common.runtime import run_service
from services.ingest.server import build
from services.ingest.settings import IngestSettings

if __name__ == "__main__":
    run_service("ingest", IngestSettings(), build)
