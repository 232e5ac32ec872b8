"""The table of services: names, modules, ports. Importing it loads none of them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Service:
    """A line of the table; the ports are where a suite begins to look for free ones."""

    name: str
    # What `python -m` runs.
    module: str
    port: int
    metrics_port: int
    # The health name that says that it can do its work; empty: that its process answers.
    health_name: str = ""

    @property
    def database_role(self) -> str:
        """The Postgres role that it logs in as, which migration 0007 makes."""
        return f"weir_{self.name}"


# The Postgres role that may read the stored events, and nothing else.
READER_ROLE = "weir_read"


def health_name(name: str) -> str:
    """The full name of a service's gRPC service, which is its name in health checks."""
    return f"weir.{name}.v1.{name.capitalize()}Service"


# In the order of the data, which is the order to drain them in: each one empties what the one
# before it has filled. They start all at once: between them are streams; privacy calls the others, and waits
# for those that are away.
SERVICES = (
    Service("ingest", "services.ingest", 50051, 9464, health_name("ingest")),
    Service("enrich", "services.enrich", 50052, 9465, health_name("enrich")),
    Service("aggregate", "services.aggregate", 50053, 9466, health_name("aggregate")),
    Service("privacy", "services.privacy", 50054, 9467, health_name("privacy")),
)
