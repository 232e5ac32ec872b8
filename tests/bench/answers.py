"""Records what the benchmark's people have agreed to, through RecordConsent, and checks it."""

import asyncio
from collections.abc import Iterator, Sequence

from weir.privacy.v1 import privacy_service_pb2 as pb
from weir.privacy.v1 import privacy_service_pb2_grpc as pb_grpc

from libs.rpc.channels import bearer
from tests.bench.load import WrongCountsError, open_channel
from tests.bench.population import GRANTED, REFUSABLE, Person
from tests.bench.traffic import Traffic

_IN_FLIGHT = 32
_SAMPLE = 1_000


async def record_answers(address: str, token: str, traffic: Traffic) -> int:
    """Records every choice of all people, apart from those of `GRANTED`; returns how many people have made
    one.

    Raises WrongCountsError if a sample of them is not answered for accordingly.
    """
    async with open_channel(address) as channel:
        stub = pb_grpc.PrivacyServiceStub(channel)
        queue = _people_with_choices(traffic)
        recorded = await asyncio.gather(*(_record(stub, token, queue) for _ in range(_IN_FLIGHT)))
        for app in traffic.apps.values():
            await _check(stub, token, app.product.app_id, app.people[:_SAMPLE])
    return sum(recorded)


def _people_with_choices(traffic: Traffic) -> Iterator[tuple[str, Person]]:
    for app in traffic.apps.values():
        for person in app.people:
            if set(person.choices) - GRANTED:
                yield app.product.app_id, person


async def _record(
    stub: pb_grpc.PrivacyServiceStub, token: str, queue: Iterator[tuple[str, Person]]
) -> int:
    recorded = 0
    for app_id, person in queue:
        request = pb.RecordConsentRequest(
            app_id=app_id,
            subject_id=person.subject_id,
            choices=[
                pb.ConsentChoice(purpose=purpose, granted=granted)
                for purpose, granted in person.choices
                if (purpose, granted) not in GRANTED
            ],
            actor=person.subject_id,
            method="settings_page",
            notice_version="2026-01",
        )
        await stub.RecordConsent(request, metadata=bearer(token))
        recorded += 1
    return recorded


async def _check(
    stub: pb_grpc.PrivacyServiceStub, token: str, app_id: str, people: Sequence[Person]
) -> None:
    """All of the apps' refusable purposes are granted, by a choice or by default, and anonymize when they
    are refused."""
    purpose = REFUSABLE[app_id]
    response = await stub.BatchCheckConsent(
        pb.BatchCheckConsentRequest(
            app_id=app_id, purpose=purpose, subject_ids=[person.subject_id for person in people]
        ),
        metadata=bearer(token),
    )
    expected = [
        pb.DECISION_ANONYMIZE if (purpose, False) in person.choices else pb.DECISION_ALLOW
        for person in people
    ]
    if list(response.decisions) != expected:
        raise WrongCountsError(f"{app_id}: decisions differ from what was recorded")
