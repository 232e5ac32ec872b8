"""Consent checks per second: single ones side by side with a bare echo, and batches."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import grpc
from weir.privacy.v1 import privacy_service_pb2 as pb

from libs.rpc.channels import bearer
from tests.bench.echo import METHOD as ECHO
from tests.bench.echo import EchoServer
from tests.bench.figures import Figure, pair_ratios
from tests.bench.load import WrongCountsError, open_channel
from tests.bench.population import GRANTED, REFUSABLE
from tests.bench.traffic import AppTraffic

CALLERS = 32
BATCH_CALLERS = 4
BATCH_SUBJECTS = 1_000
_CHECK = "/weir.privacy.v1.PrivacyService/CheckConsent"
_BATCH_CHECK = "/weir.privacy.v1.PrivacyService/BatchCheckConsent"
_WARM_UP_SECONDS = 1.0


@dataclass
class Checks:
    """What the rounds of single checks gave; each list has one entry for each round."""

    per_second: list[float] = field(default_factory=list)
    echo_per_second: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> Figure:
        """Checks over echoes, by pair."""
        return Figure.of(pair_ratios(self.per_second, self.echo_per_second))


def check_requests(app: AppTraffic) -> list[bytes]:
    """A question about each person of an app, all of one size."""
    app_id = app.product.app_id
    return [
        pb.CheckConsentRequest(
            app_id=app_id, subject_id=person.subject_id, purpose=REFUSABLE[app_id]
        ).SerializeToString()
        for person in app.people
    ]


async def measure_checks(
    address: str, token: str, echo: EchoServer, app: AppTraffic, *, rounds: int, seconds: float
) -> Checks:
    """Asks privacy and the echo in turn, with the same requests and the same metadata."""
    requests = check_requests(app)
    results = Checks()
    async with (
        open_channel(address) as privacy_channel,
        open_channel(echo.url) as echo_channel,
    ):
        # Bytes both ways: the client costs the same for both.
        check, call = privacy_channel.unary_unary(_CHECK), echo_channel.unary_unary(ECHO)
        for method in (check, call):
            await _calls_per_second(method, token, requests, CALLERS, _WARM_UP_SECONDS)
        for _ in range(rounds):
            for method, rates in ((check, results.per_second), (call, results.echo_per_second)):
                rates.append(await _calls_per_second(method, token, requests, CALLERS, seconds))
    return results


async def response_size(address: str, token: str, app: AppTraffic) -> int:
    """Bytes of the answer about a person who refused nothing: what most answers look like."""
    person = next(person for person in app.people if set(person.choices) <= GRANTED)
    request = pb.CheckConsentRequest(
        app_id=app.product.app_id,
        subject_id=person.subject_id,
        purpose=REFUSABLE[app.product.app_id],
    )
    async with open_channel(address) as channel:
        check = channel.unary_unary(_CHECK)
        return len(await check(request.SerializeToString(), metadata=bearer(token)))


async def measure_batches(
    address: str, token: str, app: AppTraffic, *, rounds: int, seconds: float
) -> list[float]:
    """Checks per second, by round, of calls about 1,000 people each."""
    requests = [
        pb.BatchCheckConsentRequest(
            app_id=app.product.app_id,
            purpose=REFUSABLE[app.product.app_id],
            subject_ids=[
                person.subject_id for person in app.people[start : start + BATCH_SUBJECTS]
            ],
        ).SerializeToString()
        for start in range(0, len(app.people) - BATCH_SUBJECTS + 1, BATCH_SUBJECTS)
    ]
    async with open_channel(address) as channel:
        ask = channel.unary_unary(
            _BATCH_CHECK, response_deserializer=pb.BatchCheckConsentResponse.FromString
        )
        answer = await ask(requests[0], metadata=bearer(token))
        if len(answer.decisions) != BATCH_SUBJECTS:
            raise WrongCountsError(f"{len(answer.decisions)} decisions for {BATCH_SUBJECTS} people")
        await _calls_per_second(ask, token, requests, BATCH_CALLERS, _WARM_UP_SECONDS)
        return [
            BATCH_SUBJECTS * await _calls_per_second(ask, token, requests, BATCH_CALLERS, seconds)
            for _ in range(rounds)
        ]


async def _calls_per_second(
    method: grpc.aio.UnaryUnaryMultiCallable,
    token: str,
    requests: Sequence[bytes],
    callers: int,
    seconds: float,
) -> float:
    """Each caller sends its next call when its last one is answered; any error ends the benchmark."""
    headers = bearer(token)
    start = time.perf_counter()
    end = start + seconds

    async def caller(first: int) -> int:
        calls = 0
        while time.perf_counter() < end:
            await method(requests[(first + calls * callers) % len(requests)], metadata=headers)
            calls += 1
        return calls

    calls = sum(await asyncio.gather(*(caller(number) for number in range(callers))))
    return calls / (time.perf_counter() - start)
