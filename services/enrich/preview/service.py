"""The enrich servicer: message to domain call to message."""

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from weir.enrich.v1 import enrich_service_pb2 as pb
from weir.enrich.v1 import enrich_service_pb2_grpc as pb_grpc

from libs.common.errors import InvalidArgument
from services.enrich.preview.preview import Preview

SERVICE_NAME = pb.DESCRIPTOR.services_by_name["EnrichService"].full_name


class EnrichServicer(pb_grpc.EnrichServiceServicer):
    """Implements `weir.enrich.v1.EnrichService`."""

    def __init__(self, preview: Preview) -> None:
        self._preview = preview

    async def PreviewEnrichment(  # noqa: N802
        self, request: pb.PreviewEnrichmentRequest, _: grpc.aio.ServicerContext
    ) -> pb.PreviewEnrichmentResponse:
        if not request.HasField("event"):
            raise InvalidArgument("there is no event to preview", field="event")
        outputs = await self._preview.outputs(request.app_id, request.event)
        return pb.PreviewEnrichmentResponse(
            steps=[
                pb.StepPreview(
                    name=step.name,
                    enabled=step.enabled,
                    fields=[
                        pb.FieldPreview(name=name, value=_text(value))
                        for name, value in step.values.items()
                    ],
                )
                for step in outputs
            ]
        )


def _text(value: object) -> str:
    """A text as it is, microseconds since the Unix epoch as RFC 3339, "" for None."""
    if isinstance(value, int):
        time = Timestamp()
        time.FromMicroseconds(value)
        return str(time.ToJsonString())
    return str(value or "")
