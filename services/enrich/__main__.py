"""Runs enrich alone: `python -m services.enrich`."""

from libs.rpc.process import main
from services.enrich.server import build
from services.enrich.settings import EnrichSettings

if __name__ == "__main__":
    main("enrich", EnrichSettings, build)
