"""Reading the numbers that came out, over QueryRollup."""

import time
from collections.abc import Mapping
from typing import Self

import grpc
from google.protobuf.json_format import MessageToDict
from weir.aggregate.v1 import aggregate_service_pb2 as pb
from weir.aggregate.v1 import aggregate_service_pb2_grpc as pb_grpc

from demo.cells import CellKey, Cells, cell_key
from suite.home import Addresses

_PAGE_SIZE = 10_000
_CALL_SECONDS = 20.0
_POLL_SECONDS = 0.05


class Numbers:
    """The rollups of a running suite. A context manager. Its methods raise grpc.RpcError."""

    def __init__(self, addresses: Addresses) -> None:
        self._channel = grpc.insecure_channel(addresses.services["aggregate"])
        self._stub = pb_grpc.AggregateServiceStub(self._channel)
        self._metadata = (("authorization", f"Bearer {addresses.token}"),)

    def cells(self, app_id: str, rollup: str) -> Cells:
        """All cells of one rollup."""
        found: dict[CellKey, Mapping[str, float]] = {}
        token = ""
        while True:
            response = self._stub.QueryRollup(
                pb.QueryRollupRequest(
                    app_id=app_id, rollup=rollup, page_size=_PAGE_SIZE, page_token=token
                ),
                metadata=self._metadata,
                timeout=_CALL_SECONDS,
                wait_for_ready=True,
            )
            for cell in response.cells:
                key = cell_key(cell.bucket_start.seconds, MessageToDict(cell.dimensions))
                found[key] = dict(cell.metrics)
            token = response.next_page_token
            if not token:
                return found

    def counted(self, app_id: str) -> int:
        """How many events of the app are counted: the sum of the rollup that every app has."""
        return round(sum(cell["events"] for cell in self.cells(app_id, "events").values()))

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
