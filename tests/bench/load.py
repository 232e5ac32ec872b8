"""The load generator: serialized frames through StreamEvents, as fast as credits or a clock allow."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import grpc
from weir.ingest.v1 import ingest_service_pb2 as pb

from libs.rpc.channels import bearer, channel_options
from tests.bench.traffic import Frames

_METHOD = "/weir.ingest.v1.IngestService/StreamEvents"
_KEPT = ("accepted", "anonymized")
_VERDICTS = (*_KEPT, "duplicate", "rejected", "dropped", "sampled", "retry")


class WrongCountsError(Exception):
    """What was stored or counted is not what was acknowledged: no figure of this run means anything."""


@dataclass
class Sent:
    """What became of the frames of one stream."""

    app_id: str
    verdicts: Counter[str] = field(default_factory=Counter)
    # Events of each frame that ingest kept, in the order of the frames.
    kept: list[int] = field(default_factory=list)

    @property
    def stored(self) -> int:
        """How many of the events have to be stored and counted."""
        return sum(self.kept)


def open_channel(address: str, *, retry: bool = False) -> grpc.aio.Channel:
    """As Weir's own callers open one, but a call that fails ends the benchmark, unless `retry`."""
    return grpc.aio.insecure_channel(address, options=channel_options(address, retry=retry))


async def send(
    address: str, token: str, frames: Frames, *, due: Sequence[float] | None = None
) -> Sent:
    """Sends the frames over one stream, and returns when each one is acknowledged.

    `due`, in seconds of `time.perf_counter`, says when each frame is to leave; without it they
    leave as fast as the server's credits allow. Raises WrongCountsError for a refused frame.
    """
    async with open_channel(address) as channel:
        # No request serializer: the messages are bytes already.
        open_stream = channel.stream_stream(
            _METHOD, response_deserializer=pb.StreamEventsResponse.FromString
        )
        call = open_stream(metadata=bearer(token))
        settings = pb.StreamSettings(app_id=frames.app_id)
        await call.write(pb.StreamEventsRequest(settings=settings).SerializeToString())
        limits = (await call.read()).limits
        credits = asyncio.Semaphore(limits.credits)
        writing = asyncio.create_task(_write(call, frames, credits, due))
        try:
            return await _read(call, frames, credits)
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            call.cancel()


async def _write(
    call: grpc.aio.StreamStreamCall,
    frames: Frames,
    credits: asyncio.Semaphore,
    due: Sequence[float] | None,
) -> None:
    for number, message in enumerate(frames.messages):
        if due is not None and (wait := due[number] - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        await credits.acquire()
        await call.write(message)
    await call.done_writing()


async def _read(
    call: grpc.aio.StreamStreamCall, frames: Frames, credits: asyncio.Semaphore
) -> Sent:
    sent = Sent(frames.app_id)
    while len(sent.kept) < len(frames.messages):
        response = await call.read()
        if response is grpc.aio.EOF or response.HasField("go_away"):
            raise WrongCountsError(f"{frames.app_id}: ingest closed the stream")
        ack = response.ack
        if ack.HasField("status") or ack.sequence != len(sent.kept) + 1:
            raise WrongCountsError(f"{frames.app_id}: a frame was refused: {ack.status.message}")
        counts = {verdict: getattr(ack.counts, verdict) for verdict in _VERDICTS}
        if sum(counts.values()) != frames.events_per_frame or counts["retry"]:
            raise WrongCountsError(f"{frames.app_id}: verdicts of a frame: {counts}")
        if counts["rejected"]:
            rejected = [r for r in ack.results if r.verdict == pb.VERDICT_REJECTED]
            raise WrongCountsError(f"{frames.app_id}: refused: {rejected[0].status.message}")
        sent.verdicts.update(counts)
        sent.kept.append(sum(counts[verdict] for verdict in _KEPT))
        for _ in range(ack.credits):
            credits.release()
    return sent
