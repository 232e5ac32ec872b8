"""What a lock file pins."""

import re

PIN = re.compile(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==([^ \\]+)", re.MULTILINE)


def pins(lock: str) -> dict[str, str]:
    """Versions by name."""
    return dict(PIN.findall(lock))
