"""Runs ingest alone: `python -m services.ingest`."""

from libs.rpc.process import main
from services.ingest.server import build
from services.ingest.settings import IngestSettings

if __name__ == "__main__":
    main("ingest", IngestSettings, build)
