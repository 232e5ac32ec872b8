"""Runs ingest alone: `python -m services.ingest`; as several processes with WEIR_INGEST_WORKERS."""

import sys

from libs.runtime.startup_errors import startup_errors
from libs.runtime.workers.parent import run_workers
from libs.runtime.workers.worker import this_worker
from services.ingest.settings import IngestSettings


def main() -> None:
    """Runs ingest, one of its workers, or the parent of these; SystemExit with one line if settings are not
    valid."""
    with startup_errors("ingest", IngestSettings):
        settings = IngestSettings()
        worker = this_worker(sys.argv[1:])
        if worker is None and settings.workers > 1:
            run_workers("ingest", "services.ingest", settings, settings.workers)
            return
        # Imported here: the parent of workers takes no calls, and need not hold all of this.
        from libs.rpc.process import run_service
        from services.ingest.server import build

        run_service("ingest", settings, build, worker)


if __name__ == "__main__":
    main()
