"""The keys of people from privacy, for services that seal and open values."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import grpc
import grpc.aio
from weir.privacy.v1 import subject_key_service_pb2 as pb
from weir.privacy.v1 import subject_key_service_pb2_grpc as pb_grpc

from libs.rpc.peers import Peers
from libs.sealing import DataKey, Opening, PersonKey
from libs.sealing.keys import KeysUnavailable

# Of the service.
_AT_ONCE = 5_000
_TIMEOUT_SECONDS = 10.0


class RemoteSubjectKeys:
    """Implements `libs.sealing.SubjectKeys` with calls to privacy."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers

    async def for_sealing(
        self, app_id: str, people: Mapping[bytes, int]
    ) -> Mapping[bytes, PersonKey]:
        found: dict[bytes, PersonKey] = {}
        for part in _parts(list(people)):
            wanted = [
                pb.PersonToSeal(person=person, latest_occurred_at_us=people[person])
                for person in part
            ]
            request = pb.GetSealingKeysRequest(app_id=app_id, people=wanted)
            response = await self._call("GetSealingKeys", request)
            found.update(zip(part, map(_person_key, response.keys), strict=True))
        return found

    async def for_opening(
        self, app_id: str, key_ids: Collection[bytes], opening: Opening
    ) -> Mapping[bytes, DataKey]:
        found: dict[bytes, DataKey] = {}
        for part in _parts(list(dict.fromkeys(key_ids))):
            request = pb.GetOpeningKeysRequest(
                app_id=app_id, key_ids=part, purpose=opening.purpose, actor=opening.actor
            )
            response = await self._call("GetOpeningKeys", request)
            found.update({key.key_id: DataKey(key.key_id, key.secret) for key in response.keys})
        return found

    async def _call(self, rpc: str, request: Any) -> Any:
        calls = self._peers.calls(
            "privacy", pb_grpc.SubjectKeyServiceStub, seconds=_TIMEOUT_SECONDS
        )
        try:
            return await getattr(calls, rpc)(request)
        except grpc.aio.AioRpcError as error:
            # The code only: details may quote the request.
            raise KeysUnavailable(f"privacy: {error.code().name}") from None


def _parts(items: Sequence[bytes]) -> Sequence[Sequence[bytes]]:
    return [items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE)]


def _person_key(message: pb.SealingKey) -> PersonKey:
    key = DataKey(message.key_id, message.secret) if message.key_id else None
    return PersonKey(key, message.destroyed_at_us or None)
