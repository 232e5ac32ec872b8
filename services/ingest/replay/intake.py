"""Has the events of letters taken again, through the same steps as events that come now."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime

import structlog
from weir.common.v1.event_pb2 import Event

from libs.common.clock import Clock, us_of
from libs.common.errors import Unavailable
from services.ingest.dead_letters.content import LetterContent, can_be_replayed, lesser
from services.ingest.dead_letters.restrictions import RestrictedLetters
from services.ingest.intake.model import DropReason, Frame, Verdict
from services.ingest.intake.pipeline import IngestPipeline
from services.ingest.replay.model import Fate, Letter, NewReason, Replayed

log = structlog.get_logger()
_FATES = {
    Verdict.ACCEPTED: Fate.ACCEPTED,
    Verdict.ANONYMIZED: Fate.ANONYMIZED,
    Verdict.DUPLICATE: Fate.DUPLICATE,
    Verdict.REJECTED: Fate.REJECTED,
    Verdict.DROPPED: Fate.DROPPED,
    Verdict.SAMPLED: Fate.SAMPLED,
}
# Given events and when they were received, the places of those about people who were erased since.
FindErased = Callable[[Sequence[tuple[Event, datetime]]], Awaitable[Collection[int]]]
# The letters of a frame, in the order of its events.
_Frames = Sequence[tuple[Frame, Sequence[Letter]]]


class ReplayIntake:
    """Replays letters of one app; repeating it stores nothing twice."""

    def __init__(
        self, pipeline: IngestPipeline, restricted: RestrictedLetters, clock: Clock
    ) -> None:
        """`pipeline` has a `ReplayedAnonymizer`."""
        self._pipeline = pipeline
        self._restricted = restricted
        self._clock = clock

    async def replay(
        self, app_id: str, letters: Sequence[Letter], find_erased: FindErased, *, dry_run: bool
    ) -> list[Replayed]:
        """The fate of each letter; the events of those that are accepted are on disk, unless it is a dry run.

        Raises AppUnknown, and Unavailable if consent, privacy or the stream cannot be reached, or the backlog
        is full: then some may be on disk, which a repetition finds to be there.
        """
        usable = await self._without_restricted(
            app_id, [each for each in letters if can_be_replayed(each.content, each.event)]
        )
        erased = await find_erased([(each.event, each.received_at) for each in usable])
        frames = _frames([each for place, each in enumerate(usable) if place not in erased])
        fates = {
            **{each.dead_letter_id: Replayed(each, Fate.NOT_REPLAYABLE) for each in letters},
            **{
                usable[place].dead_letter_id: Replayed(usable[place], Fate.ERASED)
                for place in erased
            },
        }
        for each in await self._take(app_id, frames, find_erased, dry_run=dry_run):
            fates[each.letter.dead_letter_id] = each
        return [fates[each.dead_letter_id] for each in letters]

    async def _without_restricted(self, app_id: str, letters: Sequence[Letter]) -> Sequence[Letter]:
        """Without those that name no subject, whose consent would say it, and are about a restricted person
        all the same."""
        nameless = [each for each in letters if not each.event.subject_id]
        events = [each.event.SerializeToString() for each in nameless]
        places = await self._restricted.places(app_id, events)
        hidden = {nameless[place].dead_letter_id for place in places}
        return [each for each in letters if each.dead_letter_id not in hidden]

    async def _take(
        self, app_id: str, frames: _Frames, find_erased: FindErased, *, dry_run: bool
    ) -> list[Replayed]:
        if not frames:
            return []
        now_us = self._clock.now_us()
        taken = [frame for frame, _ in frames]
        catalog = await self._pipeline.decide(app_id, taken, now_us)
        _raise_unavailable(taken)
        reasons = {id(frame): _new_reasons(frame, letters) for frame, letters in frames}
        erased = await self._remove_erased(frames, find_erased)
        for frame, letters in frames:
            # These letters are there already.
            frame.dead_letters = []
            _identify_by_letter(frame, letters)
        if not dry_run:
            await self._pipeline.append(self._pipeline.batches(catalog, taken, now_us, ""))
            if any(Verdict.RETRY in frame.outcome.verdicts for frame in taken):
                raise Unavailable("the backlog is full", reason="BACKLOG_FULL")
        return [
            _replayed(frame, position, letter, reasons[id(frame)], erased)
            for frame, letters in frames
            for position, letter in enumerate(letters)
        ]

    async def _remove_erased(self, frames: _Frames, find_erased: FindErased) -> set[int]:
        """Takes events of erased people out of the frames: the catalog of now may name a person where that of
        then did not. The ids of these events."""
        found = [
            (frame, identity, letters[identity.position])
            for frame, letters in frames
            for identity in frame.identities
        ]
        places = await find_erased([(one.event, letter.received_at) for _, one, letter in found])
        gone = {id(found[place][1].event) for place in places}
        for frame, _ in frames:
            frame.identities = [one for one in frame.identities if id(one.event) not in gone]
        return gone


def _frames(letters: Sequence[Letter]) -> _Frames:
    """Letters that were received at one moment came together: an event may say whose another one is."""
    by_moment: dict[datetime, list[Letter]] = {}
    for letter in letters:
        by_moment.setdefault(letter.received_at, []).append(letter)
    return [
        (
            Frame([each.event for each in together], received_at_us=us_of(moment)),
            together,
        )
        for moment, together in by_moment.items()
    ]


def _raise_unavailable(frames: Sequence[Frame]) -> None:
    for frame in frames:
        if isinstance(frame.error, Unavailable):
            raise frame.error
        if frame.error is not None:
            # The message may quote the event.
            log.error("dead letters cannot be replayed", error=type(frame.error).__name__)


def _new_reasons(frame: Frame, letters: Sequence[Letter]) -> Mapping[int, NewReason]:
    """By position. What the letter has lost before stays lost."""
    return {
        found.position: NewReason(
            found.rejection.reason,
            found.rejection.field,
            found.rejection.message,
            lesser(found.content, LetterContent(letters[found.position].content or found.content)),
            found.event,
        )
        for found in frame.dead_letters
    }


def _identify_by_letter(frame: Frame, letters: Sequence[Letter]) -> None:
    """An event that failed at enrich was taken, and its id is known for that: it counts as taken again once
    its letter was replayed. That an event is stored once is then up to enrich, as always."""
    frame.identities = [
        one._replace(event_uuid=letters[one.position].dead_letter_id.bytes)
        if _was_taken(letters[one.position])
        else one
        for one in frame.identities
    ]


def _was_taken(letter: Letter) -> bool:
    return letter.stage == "enrich"


def _replayed(
    frame: Frame,
    position: int,
    letter: Letter,
    reasons: Mapping[int, NewReason],
    erased: Collection[int],
) -> Replayed:
    if frame.error is not None:
        return Replayed(letter, Fate.FAILED)
    if id(letter.event) in erased:
        return Replayed(letter, Fate.ERASED)
    fate = _FATES[frame.outcome.verdicts[position]]
    dropped = frame.outcome.drop_reasons.get(position)
    if dropped is DropReason.SUBJECTLESS and _was_taken(letter):
        # It was taken under a pseudonym, which no consent can be asked about.
        fate = Fate.NOT_REPLAYABLE
    if dropped is DropReason.RESTRICTED:
        # What there is stays, and nothing is done with it.
        fate = Fate.NOT_REPLAYABLE
    return Replayed(letter, fate, reasons.get(position) if fate is Fate.REJECTED else None)
