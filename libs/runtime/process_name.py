"""The name of this process among the replicas."""

import os
import socket


def process_name() -> str:
    """Unlike that of any other living process: host name and process id."""
    return f"{socket.gethostname()}-{os.getpid()}"
