"""The environment for processes that a test starts."""

import os
from pathlib import Path


def without_settings() -> dict[str, str]:
    """This process' environment without the developer's own WEIR_ and OTEL_ variables."""
    return {name: value for name, value in os.environ.items() if not is_setting(name)}


def is_setting(name: str) -> bool:
    """Whether an environment variable is one that Weir reads."""
    return name.startswith(("WEIR_", "OTEL_"))


def of_a_lone_service(catalogs: Path) -> dict[str, str]:
    """For a service whose stores do not answer, and which looks at its catalogs only when asked to."""
    return {
        **without_settings(),
        "WEIR_ENVIRONMENT": "development",
        "WEIR_CATALOGS": str(catalogs),
        "WEIR_CATALOG_POLL_SECONDS": "0",
        "WEIR_PORT": "0",
        "WEIR_METRICS_PORT": "0",
        "WEIR_DATABASE_URL": "postgresql://weir@127.0.0.1:1/weir",
        "WEIR_REDIS_URL": "redis://127.0.0.1:1",
    }
