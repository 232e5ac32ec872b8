"""CreateExport and DownloadExport: a message in, a domain call, a message out."""

from collections.abc import AsyncIterator

import grpc
from weir.privacy.v1 import subject_request_service_pb2 as pb

from libs.audit import Action, Auditor
from libs.catalog import Catalogs
from libs.common.apps import catalog_of
from libs.common.clock import Clock, moment_of
from libs.common.errors import FailedPrecondition, InvalidArgument
from libs.rpc.caller import caller_of
from services.privacy.audit.postgres import PostgresAuditTrail
from services.privacy.exports.download import CHUNK_BYTES, pieces_of
from services.privacy.exports.files import ExportFiles
from services.privacy.exports.ports import NoObjects, Objects
from services.privacy.requests.asking import Asked, Asking
from services.privacy.requests.convert import uuid_of
from services.privacy.requests.model import Kind, SubjectRequest


class ExportCalls:
    """The calls about exports. Without an object store none can be made."""

    def __init__(
        self,
        catalogs: Catalogs,
        asking: Asking,
        files: ExportFiles,
        objects: Objects,
        trail: PostgresAuditTrail,
        auditor: Auditor,
        clock: Clock,
    ) -> None:
        self._catalogs = catalogs
        self._asking = asking
        self._files = files
        self._objects = objects
        self._trail = trail
        self._auditor = auditor
        self._clock = clock

    async def create(
        self, request: pb.CreateExportRequest, context: grpc.aio.ServicerContext
    ) -> SubjectRequest:
        """Makes a request, once for each id. Raises AppUnknown, InvalidArgument, AlreadyExists and
        FailedPrecondition."""
        if isinstance(self._objects, NoObjects):
            raise FailedPrecondition(
                "this installation keeps no exports: WEIR_PRIVACY_EXPORTS_URL is not set",
                reason="EXPORT_NOT_READY",
            )
        asked = Asked(
            Kind.EXPORT,
            request.app_id,
            request.subject_id,
            uuid_of(request.request_id) if request.request_id else None,
            tuple(sorted(set(request.categories))),
        )
        return await self._asking.ask(asked, caller_of(context))

    async def download(
        self, request: pb.DownloadExportRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.DownloadExportResponse]:
        """The file from an offset on. Raises AppUnknown, InvalidArgument, NotFound and FailedPrecondition."""
        catalog_of(self._catalogs.current, request.app_id)
        found = await self._asking.get(request.app_id, uuid_of(request.request_id))
        file = await self._files.find(request.app_id, found.request_id)
        now = moment_of(self._clock.now_us())
        if (
            file is None
            or file.stored is None
            or file.is_unwanted
            or (file.expires_at is not None and file.expires_at <= now)
        ):
            raise FailedPrecondition(
                "the export is not done yet, or its file is deleted", reason="EXPORT_NOT_READY"
            )
        if request.offset > file.stored.bytes:
            raise InvalidArgument(
                f"must be at most {file.stored.bytes}, the size of the file", field="offset"
            )
        # Before the first byte: without the entry there is no answer.
        await self._trail.add(
            [
                self._auditor.entry(
                    Action.SUBJECT_EXPORT_DOWNLOADED,
                    request.app_id,
                    caller_of(context),
                    person=file.person,
                    details={"request": str(found.request_id), "offset": request.offset},
                )
            ]
        )
        at = request.offset
        async for chunk in pieces_of(self._objects.read(file.key, at), CHUNK_BYTES):
            yield pb.DownloadExportResponse(offset=at, chunk=chunk)
            at += len(chunk)
