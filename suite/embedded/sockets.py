"""Unix sockets: which paths can be one."""

import os
import sys
from pathlib import Path

# sun_path of sockaddr_un holds 108 bytes on Linux and 104 elsewhere, one of them for the final NUL.
_LONGEST_PATH_BYTES = 107 if sys.platform == "linux" else 103


def can_be_socket(path: Path) -> bool:
    """Whether the path is short enough for the address of a Unix socket."""
    return len(os.fsencode(path)) <= _LONGEST_PATH_BYTES
