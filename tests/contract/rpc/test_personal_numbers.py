"""Numbers of single people take a permission of their own."""

from inspect import signature
from typing import Any, cast

import grpc
import pytest
from weir.aggregate.v1 import aggregate_service_pb2_grpc as pb_grpc
from weir.aggregate.v1 import metric_pb2 as pb

from libs.catalog import Catalogs
from libs.common.clock import SystemClock
from libs.rpc.server import Binding, GrpcServer
from libs.runtime.settings import CommonSettings
from services.aggregate.convert import SERVICE_NAME
from services.aggregate.named_metrics.service import MetricQueries
from services.aggregate.read_slots import ReadSlots
from services.aggregate.service import AggregateServicer
from tests.support.pseudonyms import PSEUDONYMS
from tests.support.rejections import details_of, reason_of
from tests.support.small_catalog import small

SUITE, READ = "the-suite-token", "the-read-token"
NOTHING = cast(Any, None)
METRICS = """
metrics:
  wau: {value: {of: activity.active_users, window: 7d}}
  row: {streak: activity.active_users}
gauges:
  online: {seen: '*', within: 5m}
"""


@pytest.mark.parametrize(
    ("token", "metric", "subject", "expected"),
    [
        (READ, "row", "ann", ("PERMISSION_DENIED", "PERMISSION_DENIED", "")),
        (READ, "wau", "ann", ("PERMISSION_DENIED", "PERMISSION_DENIED", "")),
        # Not even whether there is such a metric.
        (READ, "none", "ann", ("PERMISSION_DENIED", "PERMISSION_DENIED", "")),
        (READ, "row", "", ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "subject_id")),
        (READ, "none", "", ("NOT_FOUND", "METRIC_UNKNOWN", "")),
        (READ, "online", "", ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "metric")),
        (SUITE, "wau", "ann", ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "subject_id")),
        (SUITE, "row", "a\x00", ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "subject_id")),
        (SUITE, "none", "ann", ("NOT_FOUND", "METRIC_UNKNOWN", "")),
    ],
)
async def test_who_may_ask_about_whom(
    token: str, metric: str, subject: str, expected: tuple[str, str, str]
) -> None:
    metrics = MetricQueries(
        Catalogs.of(small(METRICS)),
        NOTHING,
        NOTHING,
        ReadSlots("max_metrics", 1, waiting=0),
        PSEUDONYMS,
        SystemClock(),
        lambda: None,
        NOTHING,
    )
    parts = dict.fromkeys(signature(AggregateServicer).parameters, NOTHING) | {"metrics": metrics}
    settings = CommonSettings.model_validate({"port": 0, "auth_token": SUITE, "read_token": READ})
    binding = Binding(
        SERVICE_NAME,
        AggregateServicer(**parts),
        pb_grpc.add_AggregateServiceServicer_to_server,
    )
    server = GrpcServer(settings, [binding])
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub = pb_grpc.AggregateServiceStub(channel)
        request = pb.GetMetricRequest(app_id="chess", metric=metric, subject_id=subject)
        with pytest.raises(grpc.aio.AioRpcError) as rejection:
            await stub.GetMetric(request, metadata=(("authorization", f"Bearer {token}"),))
    await server.stop(0)
    assert reason_of(rejection.value) == expected
    if expected[0] == "PERMISSION_DENIED":
        assert details_of(rejection.value).metadata == {"permission": "numbers.person"}
