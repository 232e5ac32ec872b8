"""Reading the numbers that came out, over QueryRollup."""

import time
from collections.abc import Mapping
from typing import Self

from google.protobuf.json_format import MessageToDict
from weir.aggregate.v1 import aggregate_service_pb2_grpc as pb_grpc

from demo.cells import Cells
from libs.events.recount import RecountKey, cell_key
from libs.rpc.channels import Calls, open_channel
from suite.home import Addresses
from suite.rollups import counted_events, rollup_cells

_POLL_SECONDS = 0.05


class Numbers:
    """The rollups of a running suite. A context manager. Its methods raise grpc.RpcError."""

    def __init__(self, addresses: Addresses) -> None:
        self._channel = open_channel(addresses.services["aggregate"])
        stub = pb_grpc.AggregateServiceStub(self._channel)
        self._calls = Calls(stub, addresses.token, wait_for_ready=True)

    def cells(self, app_id: str, rollup: str) -> Cells:
        """All cells of one rollup."""
        found: dict[RecountKey, Mapping[str, float]] = {}
        for cell in rollup_cells(self._calls, app_id, rollup):
            key = cell_key(cell.bucket_start.seconds, MessageToDict(cell.dimensions))
            found[key] = dict(cell.metrics)
        return found

    def counted(self, app_id: str) -> int:
        """How many events of the app are counted."""
        return counted_events(self._calls, app_id)

    def wait_until_counted(self, expected: Mapping[str, int], timeout_seconds: float) -> int:
        """Waits until each app has as many events as expected, at most `timeout_seconds`; returns how
        many are counted in all."""
        deadline = time.monotonic() + timeout_seconds
        total = 0
        for app_id, events in expected.items():
            while (counted := self.counted(app_id)) < events and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
            total += counted
        return total

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()
