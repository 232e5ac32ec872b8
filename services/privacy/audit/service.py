"""The servicer: a message in, a domain call, a message out."""

import grpc
from weir.privacy.v1 import audit_service_pb2 as pb
from weir.privacy.v1 import audit_service_pb2_grpc

from libs.audit import Action, Auditor
from libs.catalog import Catalogs
from libs.common.apps import catalog_of
from libs.common.clock import Clock
from libs.common.errors import InvalidArgument
from libs.common.pseudonym import Pseudonymizer
from libs.consent import is_subject_id
from libs.rpc.caller import caller_of
from libs.rpc.page_tokens import PageTokens, page_size
from services.privacy.audit.chain import Head
from services.privacy.audit.convert import (
    SERVICE_NAME,
    entry_cursor,
    entry_message,
    entry_values,
    known_head,
    microseconds,
    problem,
)
from services.privacy.audit.model import EntryQuery
from services.privacy.audit.postgres import PostgresAuditTrail
from services.privacy.audit.verification import Place
from services.privacy.audit.verifying import ChainVerifier

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1_000


class AuditServicer(audit_service_pb2_grpc.AuditServiceServicer):
    """`weir.privacy.v1.AuditService`."""

    def __init__(
        self,
        catalogs: Catalogs,
        trail: PostgresAuditTrail,
        verifier: ChainVerifier,
        auditor: Auditor,
        pseudonymizer: Pseudonymizer,
        clock: Clock,
    ) -> None:
        self._catalogs = catalogs
        self._trail = trail
        self._verifier = verifier
        self._auditor = auditor
        self._pseudonymizer = pseudonymizer
        self._entry_pages = PageTokens(f"/{SERVICE_NAME}/ListEntries", clock)
        self._chain_pages = PageTokens(f"/{SERVICE_NAME}/VerifyChain", clock)

    async def ListEntries(  # noqa: N802
        self, request: pb.ListEntriesRequest, context: grpc.aio.ServicerContext
    ) -> pb.ListEntriesResponse:
        catalog_of(self._catalogs.current, request.app_id)
        size = page_size(request.page_size, default=DEFAULT_PAGE_SIZE, maximum=MAX_PAGE_SIZE)
        query = self._query(request)
        after = self._entry_pages.read(request, entry_cursor)
        entries = await self._trail.list(query, after, size + 1)
        # Before the answer, which there is not without it; for each page, because page tokens are not signed.
        await self._trail.add(
            [
                self._auditor.entry(
                    Action.AUDIT_READ,
                    request.app_id,
                    caller_of(context),
                    subject_id=request.subject_id,
                )
            ]
        )
        following = ""
        if len(entries) > size:
            following = self._entry_pages.issue(request, entry_values(entries[size - 1]))
        return pb.ListEntriesResponse(
            entries=map(entry_message, entries[:size]), next_page_token=following
        )

    async def VerifyChain(  # noqa: N802
        self, request: pb.VerifyChainRequest, _: grpc.aio.ServicerContext
    ) -> pb.VerifyChainResponse:
        catalog_of(self._catalogs.current, request.app_id)
        kept = known_head(request)
        if request.after_sequence >= 2**63:
            raise InvalidArgument("is no sequence", field="after_sequence")
        if kept and kept.sequence <= request.after_sequence:
            raise InvalidArgument("is of an entry that is passed over", field="known_head")
        after = self._chain_pages.read(request, _chain_cursor)
        found = await self._verifier.verify(request.app_id, after, request.after_sequence, kept)
        if kept and kept.sequence <= found.pruned_through:
            raise InvalidArgument(
                f"is of an entry that is past its limit; entries up to {found.pruned_through} are",
                field="known_head",
            )
        part, finding, last = found.part, found.part.finding, found.part.place.last
        following = ""
        if not found.is_last:
            following = self._chain_pages.issue(
                request, (last.sequence, last.hash.hex(), part.place.key)
            )
        return pb.VerifyChainResponse(
            verified=part.verified,
            problem=problem(finding.problem if finding else None),
            problem_sequence=finding.sequence if finding else 0,
            problem_entry_id=finding.entry_id if finding else "",
            next_page_token=following,
            head=str(last) if last.sequence else "",
            unchained=found.unchained,
            compared_with_published=found.compared_with_published,
            pruned_through=found.pruned_through,
        )

    def _query(self, request: pb.ListEntriesRequest) -> EntryQuery:
        """Raises InvalidArgument."""
        if request.action and request.action not in list(Action):
            raise InvalidArgument(f"is none of {', '.join(Action)}", field="action")
        if request.subject_id and not is_subject_id(request.subject_id):
            raise InvalidArgument(
                "is no id of a person", field="subject_id", reason="FIELD_INVALID"
            )
        if "\x00" in request.actor:
            raise InvalidArgument("must not have U+0000", field="actor")
        return EntryQuery(
            app_id=request.app_id,
            from_us=microseconds(request, "from"),
            to_us=microseconds(request, "to"),
            actor=request.actor,
            action=request.action,
            subjects=self._pseudonymizer.all_epochs(request.app_id, request.subject_id)
            if request.subject_id
            else None,
        )


def _chain_cursor(sequence: int, hash_: str, key: int) -> Place:
    """Raises ValueError or TypeError for values that were never issued."""
    if not 0 < sequence < 2**63 or not 0 <= key < 2**31:
        raise ValueError("not a place")
    return Place(Head(int(sequence), bytes.fromhex(hash_)), int(key))
