"""Runs aggregate alone: `python -m services.aggregate`."""

import gc

from libs.common.runtime import run_service
from services.aggregate.server import build
from services.aggregate.settings import AggregateSettings

if __name__ == "__main__":
    # A chunk makes tens of thousands of objects, none of them in cycles, and drops them together:
    # looking for cycles every 700 of them costs a tenth of the time.
    gc.set_threshold(50_000, 20, 20)
    run_service("aggregate", AggregateSettings(), build)
