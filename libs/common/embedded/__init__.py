"""Real PostgreSQL and Redis servers from wheels, for development and tests: no docker, no root.

They are children of the process that starts them and never outlive it.
"""

from libs.common.embedded.postgres import PostgresServer
from libs.common.embedded.process import StartError
from libs.common.embedded.redis import RedisServer

__all__ = ["PostgresServer", "RedisServer", "StartError"]
