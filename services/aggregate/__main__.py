"""Runs aggregate alone: `python -m services.aggregate`."""

from libs.common.runtime import run_service
from services.aggregate.server import build
from services.aggregate.settings import AggregateSettings

if __name__ == "__main__":
    run_service("aggregate", AggregateSettings(), build)
