"""The environment for processes that a test starts."""

import os


def without_settings() -> dict[str, str]:
    """This process' environment without the developer's own WEIR_ and OTEL_ variables."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("WEIR_", "OTEL_"))
    }
