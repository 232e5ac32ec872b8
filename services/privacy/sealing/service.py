"""SubjectKeyService: gives services of the suite the keys of people."""

from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import structlog
from weir.privacy.v1 import subject_key_service_pb2 as pb
from weir.privacy.v1 import subject_key_service_pb2_grpc

from libs.audit import Action, Auditor
from libs.catalog import Catalogs
from libs.common.apps import catalog_of
from libs.common.errors import Unavailable
from libs.rpc.caller import caller_of
from libs.sealing.keyring import Keyring, KeyringError
from services.privacy.audit.postgres import PostgresAuditTrail
from services.privacy.sealing.convert import (
    check_reason,
    key_ids_of,
    people_of,
    sealing_key_message,
    status_message,
)
from services.privacy.sealing.keys import Keys
from services.privacy.sealing.ports import KeyStore
from services.privacy.sealing.rotation import KeyRotation

log = structlog.get_logger()


class SubjectKeyServicer(subject_key_service_pb2_grpc.SubjectKeyServiceServicer):
    """`weir.privacy.v1.SubjectKeyService`."""

    def __init__(
        self,
        catalogs: Catalogs,
        store: KeyStore,
        keyring: Keyring,
        auditor: Auditor,
        trail: PostgresAuditTrail,
        rotation: KeyRotation,
    ) -> None:
        self._catalogs = catalogs
        self._store = store
        self._keyring = keyring
        self._keys = Keys(store, keyring)
        self._auditor = auditor
        self._trail = trail
        self._rotation = rotation

    async def GetSealingKeys(  # noqa: N802
        self, request: pb.GetSealingKeysRequest, _: grpc.aio.ServicerContext
    ) -> pb.GetSealingKeysResponse:
        # The app is not looked up: events of one that is gone from the catalogs may be on their way.
        latest = people_of(request)
        with _keyring_answers():
            keys = await self._keys.for_sealing(request.app_id, latest)
        return pb.GetSealingKeysResponse(
            keys=[sealing_key_message(keys[person]) for person in latest]
        )

    async def GetOpeningKeys(  # noqa: N802
        self, request: pb.GetOpeningKeysRequest, context: grpc.aio.ServicerContext
    ) -> pb.GetOpeningKeysResponse:
        check_reason(request, catalog_of(self._catalogs.current, request.app_id))
        key_ids = key_ids_of(request)
        with _keyring_answers():
            secrets = await self._keys.for_opening(request.app_id, key_ids)
        await self._trail.add(
            [
                self._auditor.entry(
                    Action.SEALED_OPENED,
                    request.app_id,
                    caller_of(context),
                    purpose=request.purpose,
                    details={"for": request.actor, "people": len(secrets)},
                )
            ]
        )
        return pb.GetOpeningKeysResponse(
            keys=[
                pb.OpeningKey(key_id=key_id.bytes, secret=secret)
                for key_id, secret in secrets.items()
            ]
        )

    async def GetKeyStatus(  # noqa: N802
        self, request: pb.GetKeyStatusRequest, _: grpc.aio.ServicerContext
    ) -> pb.GetKeyStatusResponse:
        if request.app_id:
            catalog_of(self._catalogs.current, request.app_id)
        counts = await self._store.counts(request.app_id or None)
        with _keyring_answers():
            current = await self._keyring.current_id()
            available = await self._keyring.available(counts.wrapped)
            age = await self._rotation.age()
        return status_message(current, counts, available, age)


@contextmanager
def _keyring_answers() -> Iterator[None]:
    """Raises Unavailable if the keyring cannot do it: what needs keys waits until it can."""
    try:
        yield
    except KeyringError as error:
        log.error("the keyring cannot be used", reason=str(error))
        raise Unavailable("the keyring cannot be used", retry_after_seconds=1.0) from error
