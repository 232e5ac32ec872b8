"""The enrich servicer: a look at what enrich would add."""

from collections.abc import Callable

import grpc
from weir.enrich.v1 import enrich_service_pb2 as pb
from weir.enrich.v1 import enrich_service_pb2_grpc as pb_grpc

from libs.common.errors import InvalidArgument
from services.enrich.model import ContextEnrichment


class EnrichServicer(pb_grpc.EnrichServiceServicer):
    """Implements `weir.enrich.v1.EnrichService`."""

    def __init__(self, read_context: Callable[[bytes], ContextEnrichment]) -> None:
        self._read_context = read_context

    async def PreviewEnrichment(  # noqa: N802
        self, request: pb.PreviewEnrichmentRequest, _: grpc.aio.ServicerContext
    ) -> pb.PreviewEnrichmentResponse:
        if not request.HasField("event"):
            raise InvalidArgument("no event to look at", field="event")
        facts = self._read_context(request.event.context.SerializeToString())
        device = facts.finding.device
        return pb.PreviewEnrichmentResponse(
            country=facts.finding.country,
            device_type=device.device_type,
            os=device.os,
            browser=device.browser,
            os_version=device.os_version,
            browser_version=device.browser_version,
            device_brand=device.brand,
            device_model=device.model,
        )
