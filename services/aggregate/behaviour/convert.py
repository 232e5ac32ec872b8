"""What requests about behaviour have in common, and how far their answers can be relied on."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from google.protobuf.duration_pb2 import Duration
from weir.aggregate.v1 import behaviour_pb2 as pb
from weir.aggregate.v1 import reliability_pb2, time_frame_pb2

from libs.catalog import Catalog
from libs.catalog.problems import did_you_mean
from libs.common.clock import moment_of
from libs.common.errors import InvalidArgument
from libs.events.filtering import FilterError, compile_filter, parse_filter
from libs.events.filtering.fields import Field, field_of
from libs.events.filtering.reach import possible_names
from libs.events.filtering.sealed import check_not_sealed
from libs.events.filtering.syntax import Comparator, Node, Restriction, Value
from libs.events.postgres import BEGINNING, END
from services.aggregate.behaviour.identifying import check_divides, check_identifies_no_one
from services.aggregate.behaviour.model import EventRule, Reading
from services.aggregate.behaviour.surroundings import Surroundings
from services.aggregate.convert import reading_filter, reliability_message
from services.aggregate.events.convert import Frame
from services.aggregate.named_metrics.sampling import kept_share
from services.aggregate.rollups.completeness import final_until

_LONGEST = timedelta(days=366)
_US = timedelta(microseconds=1)


def event_rule(step: pb.Step, field: str, catalog: Catalog, prefix: str) -> EventRule:
    """The events of a step; `field` is its path in the request, and the names of parameters begin with
    `prefix`. Raises InvalidArgument."""
    if not step.name:
        raise InvalidArgument("is required", field=f"{field}.name")
    names = names_like(step.name, f"{field}.name", catalog)
    node = readable_filter(step.filter, f"{field}.filter", catalog, names)
    return EventRule(names, compile_filter(node, prefix))


def names_like(pattern: str, field: str, catalog: Catalog) -> tuple[str, ...]:
    """The catalog's events with this name; `*` stands for any characters. Raises InvalidArgument if there is
    none."""
    name = Restriction(("name",), Comparator.EQUALS, Value(tuple(pattern.split("*")), quoted=True))
    names = tuple(possible_names(name, catalog.events))
    if not names:
        raise InvalidArgument(
            f"the app's catalog declares no such event{did_you_mean(pattern, catalog.events)}",
            field=field,
        )
    return names


def readable_filter(
    text: str, field: str, catalog: Catalog, names: Collection[str] | None = None
) -> Node | None:
    """A filter on the events `names`, None for all that it can find, that asks nothing of one person. Raises
    InvalidArgument with the place at fault."""
    with reading_filter(field):
        node = parse_filter(text)
        compile_filter(node)
        names = possible_names(node, catalog.events) if names is None else names
        check_not_sealed(node, catalog, names)
        check_identifies_no_one(node, catalog, names)
    return node


def dividing_field(text: str, field: str, catalog: Catalog, names: Collection[str]) -> Field | None:
    """The field of the events `names` by which people are divided, None for an empty text. Raises
    InvalidArgument."""
    if not text:
        return None
    if "\x00" in text:
        raise InvalidArgument("must not contain U+0000", field=field)
    path = tuple(text.split("."))
    reason = check_divides(path, catalog, names)
    if reason is not None:
        raise InvalidArgument(reason, field=field)
    try:
        return field_of(Restriction(path, Comparator.HAS, Value(("", ""), quoted=False)))
    except FilterError as error:
        raise InvalidArgument(error.message, field=field) from None


def length_of(message: Duration, field: str, *, unset: timedelta, is_set: bool) -> timedelta:
    """A length of time from 1 s to 366 d. Raises InvalidArgument."""
    if not is_set:
        return unset
    try:
        length = message.ToTimedelta()
    except (ValueError, OverflowError):
        length = timedelta()
    if not timedelta(seconds=1) <= length <= _LONGEST:
        raise InvalidArgument("must be from 1 s to 366 days", field=field)
    return length


def at_most(asked: int, field: str, *, default: int, maximum: int) -> int:
    """How many there may be: what was asked for, `default` for 0. Raises InvalidArgument above `maximum`."""
    if asked > maximum:
        raise InvalidArgument(f"must be at most {maximum}", field=field)
    return asked or default


def cut_groups(shown: int) -> reliability_pb2.Cut:
    """What an answer leaves out that shows so many groups one by one."""
    return reliability_pb2.Cut(
        limit="max_groups", value=shown, detail="smaller groups are together in `other`"
    )


def later(moment: datetime, by: timedelta) -> datetime:
    """The moment so much later; the last one that there is at most."""
    return moment + by if moment <= END - by else END


def earlier(moment: datetime, by: timedelta) -> datetime:
    """The moment so much earlier; the first one that there is at least."""
    return moment - by if moment >= BEGINNING + by else BEGINNING


def time_interval(frame: Frame) -> time_frame_pb2.TimeInterval:
    """The frame as a message."""
    message = time_frame_pb2.TimeInterval()
    getattr(message, "from").FromDatetime(frame[0])
    message.to.FromDatetime(frame[1])
    return message


def packed(length_us: int) -> Duration:
    """Microseconds as a message."""
    return Duration(seconds=length_us // 1_000_000, nanos=length_us % 1_000_000 * 1_000)


def microseconds(length: timedelta) -> int:
    """A length of time in whole microseconds."""
    return length // _US


def reliability(
    surroundings: Surroundings,
    catalog: Catalog,
    watermark: datetime | None,
    reading: Reading,
    end: datetime,
    names: Iterable[str],
    cut: reliability_pb2.Cut | None = None,
    dirty: Collection[datetime] = (),
) -> reliability_pb2.Reliability:
    """How far an answer can be relied on whose events, of these names and until `end`, were read after the
    watermark was. A replica may not have everything yet that the watermark promises. `dirty`: buckets that
    the answer is made of, too, and that have to be recounted."""
    if reading.is_replica:
        watermark = None
    lateness = timedelta(seconds=catalog.clock.lateness_seconds)
    final = final_until(watermark, lateness).but_after(dirty)
    message = reliability_message(
        is_final=final.covers(end) and not reading.lacks_events,
        watermark=watermark,
        calculated_at=moment_of(surroundings.clock.now_us()),
        cut=with_ingest_sampling(cut, catalog, names),
    )
    message.sampling_rate = 1 / reading.one_in
    if reading.lacks_events:
        detail = "events of older releases are missing until the job enrich.fill_person is done"
        cut_before = message.cut.detail
        message.cut.limit = message.cut.limit or "person"
        message.cut.detail = f"{cut_before}; {detail}" if cut_before else detail
    return message


def with_ingest_sampling(
    cut: reliability_pb2.Cut | None, catalog: Catalog, names: Iterable[str]
) -> reliability_pb2.Cut | None:
    """What is left out of an answer from the events `names`: `cut`, and those of them that ingest does not
    keep in production: by their ids, so that no division makes numbers of people right."""
    shares = {name: kept_share(catalog, name) for name in names}
    kept = [f"{share:.4g} of {name}" for name, share in sorted(shares.items()) if share < 1]
    if not kept:
        return cut
    detail = f"ingest keeps {', '.join(kept)}: people whose events it left out are missing"
    if cut is None:
        return reliability_pb2.Cut(limit="sampling", detail=detail)
    return reliability_pb2.Cut(limit=cut.limit, value=cut.value, detail=f"{cut.detail}; {detail}")
