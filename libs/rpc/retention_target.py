"""`RetentionTargetService`: the same for each service that owns data with a limit, bound beside its own."""

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from weir.privacy.v1 import retention_target_service_pb2 as pb
from weir.privacy.v1 import retention_target_service_pb2_grpc as pb_grpc

from libs.common.expiry import ListOverdue, OverdueData
from libs.rpc.server import Binding
from libs.stores.watch import Needs

SERVICE_NAME = pb.DESCRIPTOR.services_by_name["RetentionTargetService"].full_name


def retention_target(list_overdue: ListOverdue, *, needs: Needs) -> Binding:
    """Binds the service to what `list_overdue` finds, which needs these stores."""
    return Binding(
        SERVICE_NAME,
        RetentionTargetServicer(list_overdue),
        pb_grpc.add_RetentionTargetServiceServicer_to_server,
        needs=needs,
    )


class RetentionTargetServicer(pb_grpc.RetentionTargetServiceServicer):
    """Implements `weir.privacy.v1.RetentionTargetService`."""

    def __init__(self, list_overdue: ListOverdue) -> None:
        self._list_overdue = list_overdue

    async def ListOverdue(  # noqa: N802
        self, request: pb.ListOverdueRequest, _: grpc.aio.ServicerContext
    ) -> pb.ListOverdueResponse:
        found = await self._list_overdue()
        asked = [each for each in found if request.app_id in ("", each.app_id)]
        asked.sort(key=lambda each: (each.store, each.app_id, each.kind))
        return pb.ListOverdueResponse(overdue=map(_message, asked))


def _message(found: OverdueData) -> pb.OverdueData:
    oldest = Timestamp()
    oldest.FromDatetime(found.oldest)
    action = pb.RETENTION_ACTION_ANONYMIZE if found.is_named else pb.RETENTION_ACTION_REMOVE
    return pb.OverdueData(
        store=found.store,
        app_id=found.app_id,
        kind=found.kind,
        action=action,
        limit_days=found.days,
        rows=found.rows,
        oldest=oldest,
        kept_because=found.kept_because,
    )
