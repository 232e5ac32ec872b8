"""The servicer: a message in, a domain call, a message out."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import grpc
from weir.privacy.v1 import privacy_service_pb2 as pb
from weir.privacy.v1 import privacy_service_pb2_grpc

from libs.audit import Action, Auditor
from libs.catalog import Catalogs
from libs.common.apps import catalog_of
from libs.common.clock import Clock
from libs.common.errors import InvalidArgument, NotFound
from libs.rpc.caller import caller_of
from libs.rpc.page_tokens import PageTokens, page_size
from services.privacy import metrics
from services.privacy.audit.postgres import PostgresAuditTrail
from services.privacy.consent.changes import ConsentChanges
from services.privacy.consent.checking import Checker
from services.privacy.consent.convert import (
    batch_response,
    check_response,
    consent_change,
    consent_entry,
    consent_recording,
    cursor_values,
    history_cursor,
    timestamp,
    verification_response,
)
from services.privacy.consent.model import BEGINNING, HistoryCursor, HistoryEntry, Subject
from services.privacy.consent.ports import ConsentStore
from services.privacy.consent.receipts import Receipts, standing
from services.privacy.consent.recording import Recorder
from services.privacy.consent.tokens import change_token, changes_after, consent_token
from services.privacy.consent.validation import MAX_CHOICES, check_recording, check_subject
from services.privacy.transparency.convert import description_message
from services.privacy.transparency.processing import describe

SERVICE_NAME = pb.DESCRIPTOR.services_by_name["PrivacyService"].full_name
MAX_SUBJECTS = 1_000
DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1_000


class PrivacyServicer(privacy_service_pb2_grpc.PrivacyServiceServicer):
    """`weir.privacy.v1.PrivacyService`."""

    def __init__(
        self,
        catalogs: Catalogs,
        checker: Checker,
        recorder: Recorder,
        store: ConsentStore,
        changes: ConsentChanges,
        receipts: Receipts,
        auditor: Auditor,
        trail: PostgresAuditTrail,
        clock: Clock,
    ) -> None:
        self._catalogs = catalogs
        self._checker = checker
        self._recorder = recorder
        self._store = store
        self._changes = changes
        self._receipts = receipts
        self._clock = clock
        self._auditor = auditor
        self._trail = trail
        self._history_pages = PageTokens(f"/{SERVICE_NAME}/GetConsentHistory", clock)

    async def CheckConsent(  # noqa: N802
        self, request: pb.CheckConsentRequest, _: grpc.aio.ServicerContext
    ) -> pb.CheckConsentResponse:
        # No span, no log line, no labelled counter: this call costs hardly more than an echo.
        metrics.CHECKS.inc()
        ruling = await self._checker.check(
            request.app_id, request.subject_id, request.purpose, request.token
        )
        return check_response(ruling)

    async def BatchCheckConsent(  # noqa: N802
        self, request: pb.BatchCheckConsentRequest, _: grpc.aio.ServicerContext
    ) -> pb.BatchCheckConsentResponse:
        subject_ids = list(request.subject_ids)
        if not 1 <= len(subject_ids) <= MAX_SUBJECTS:
            raise InvalidArgument(f"must be 1 to {MAX_SUBJECTS}", field="subject_ids")
        metrics.CHECKS.inc(len(subject_ids))
        rulings = await self._checker.check_many(request.app_id, subject_ids, request.purpose)
        return batch_response(rulings)

    async def RecordConsent(  # noqa: N802
        self, request: pb.RecordConsentRequest, context: grpc.aio.ServicerContext
    ) -> pb.RecordConsentResponse:
        catalog = catalog_of(self._catalogs.current, request.app_id)
        recording = consent_recording(catalog, request)
        purposes = [choice.purpose for choice in request.choices]
        check_recording(catalog, recording, purposes, self._clock.now_us())
        recorded = await self._recorder.record(recording, caller_of(context))
        metrics.RECORDINGS.inc()
        return pb.RecordConsentResponse(
            token=consent_token(recording.subject, recorded.version),
            recorded_at=timestamp(recorded.recorded_at_us),
        )

    async def GetConsentHistory(  # noqa: N802
        self, request: pb.GetConsentHistoryRequest, context: grpc.aio.ServicerContext
    ) -> pb.GetConsentHistoryResponse:
        purposes = catalog_of(self._catalogs.current, request.app_id).purposes
        check_subject(request.subject_id)
        size = page_size(request.page_size, default=DEFAULT_PAGE_SIZE, maximum=MAX_PAGE_SIZE)
        subject = Subject(request.app_id, request.subject_id)
        after = self._history_pages.read(request, history_cursor) or BEGINNING
        # Before the answer, which there is not without it; for each page, because page tokens are not signed.
        await self._audit_read(context, request.app_id, request.subject_id)
        # One more than asked for tells whether there is a next page.
        entries = await self._store.history(subject, after, size + 1)
        following = ""
        if len(entries) > size:
            following = self._history_pages.issue(request, cursor_values(entries[size - 1]))
        now_us = self._clock.now_us()
        return pb.GetConsentHistoryResponse(
            entries=[
                consent_entry(entry, purposes.get(entry.purpose), now_us)
                for entry in entries[:size]
            ],
            next_page_token=following,
        )

    async def WatchConsent(  # noqa: N802
        self, request: pb.WatchConsentRequest, context: grpc.aio.ServicerContext
    ) -> AsyncGenerator[pb.WatchConsentResponse]:
        app_id = request.app_id
        catalog_of(self._catalogs.current, app_id)
        after = changes_after(app_id, request.resume_token) if request.resume_token else None
        await self._audit_read(context, app_id)
        watch = self._changes.watch(app_id, after, from_beginning=request.from_beginning)
        async with aclosing(watch) as pages:
            async for changes, number in pages:
                # Of now: purposes may come and go while a watcher stays.
                purposes = catalog_of(self._catalogs.current, app_id).purposes
                yield pb.WatchConsentResponse(
                    changes=[consent_change(change, purposes) for change in changes],
                    resume_token=change_token(app_id, number),
                )

    async def GetConsentReceipt(  # noqa: N802
        self, request: pb.GetConsentReceiptRequest, context: grpc.aio.ServicerContext
    ) -> pb.GetConsentReceiptResponse:
        catalog = catalog_of(self._catalogs.current, request.app_id)
        check_subject(request.subject_id)
        subject = Subject(request.app_id, request.subject_id)
        version = request.version
        await self._audit_read(context, request.app_id, request.subject_id)
        if not version:
            [state] = await self._store.read(subject.app_id, [subject.subject_id])
            version = (
                max((one.version for one in state.choices.values()), default=0) if state else 0
            )
        # Behind the entry of the age band, which has no purpose. A restriction has no status.
        found: Sequence[HistoryEntry] = ()
        if 0 < version < 2**63:
            found = await self._store.history(subject, HistoryCursor(version, ""), MAX_CHOICES)
        entries = [
            entry for entry in found if entry.version == version and entry.status is not None
        ]
        if not entries:
            raise NotFound(
                "the person has no such recording", reason="RECORDING_UNKNOWN", metadata={}
            )
        receipt = self._receipts.receipt(catalog, subject, entries)
        return pb.GetConsentReceiptResponse(receipt_json=receipt.decode())

    async def VerifyReceipt(  # noqa: N802
        self, request: pb.VerifyReceiptRequest, _: grpc.aio.ServicerContext
    ) -> pb.VerifyReceiptResponse:
        catalog = catalog_of(self._catalogs.current, request.app_id)
        found = self._receipts.verify(request.receipt_json)
        if found is None or found.subject.app_id != request.app_id:
            return pb.VerifyReceiptResponse()
        [state] = await self._store.read(request.app_id, [found.subject.subject_id])
        return verification_response(standing(catalog, found, state, self._clock.now_us()))

    async def DescribeProcessing(  # noqa: N802
        self, request: pb.DescribeProcessingRequest, _: grpc.aio.ServicerContext
    ) -> pb.DescribeProcessingResponse:
        snapshot = self._catalogs.current
        catalog = catalog_of(snapshot, request.app_id)
        return description_message(describe(catalog), snapshot.version)

    async def _audit_read(
        self, context: grpc.aio.ServicerContext, app_id: str, subject_id: str = ""
    ) -> None:
        """Adds that a history is read to the audit trail; no subject: those of all people."""
        entry = self._auditor.entry(
            Action.CONSENT_HISTORY_READ, app_id, caller_of(context), subject_id=subject_id
        )
        await self._trail.add([entry])
