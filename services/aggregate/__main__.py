"""Runs aggregate alone: `python -m services.aggregate`."""

from libs.rpc.process import main
from services.aggregate.server import build
from services.aggregate.settings import AggregateSettings

if __name__ == "__main__":
    main("aggregate", AggregateSettings, build)
