"""Compiles the metrics of a catalog: each is of one kind, which says what else it needs."""

from collections.abc import Mapping
from types import MappingProxyType

from libs.catalog.compile_indices import compile_confidence, compile_index
from libs.catalog.compile_rollups import compile_selection
from libs.catalog.metric_model import PERSONAL_KINDS, Component, NamedKind, NamedMetric, Term
from libs.catalog.metric_terms import TermReader
from libs.catalog.model import EventType, Rollup
from libs.catalog.period import PARTS_OF, Period
from libs.catalog.problems import did_you_mean
from libs.catalog.reader import Section

_KINDS = tuple(str(kind) for kind in NamedKind)
_SHARED = ("description", "period", "by", "confidence")
_TREND_PERIODS = 8
# Fewer are always on a line.
_LEAST_PERIODS, _MOST_PERIODS = 3, 60


def compile_named_metrics(
    section: Section,
    rollups: Mapping[str, Rollup],
    events: Mapping[str, EventType],
    words: Mapping[str, str],
) -> Mapping[str, NamedMetric]:
    """The metrics by name. `words` are the sources that the app has its own word for, by that word."""
    found = {}
    for name, entry in section.children():
        entry.check_name("metric", name)
        if name in rollups:
            entry.complain("there is a rollup of this name: jobs could not tell them apart")
        metric = _compile(name, entry, rollups, events, words)
        if metric is not None:
            found[name] = metric
    return MappingProxyType(found)


def _compile(
    name: str,
    entry: Section,
    rollups: Mapping[str, Rollup],
    events: Mapping[str, EventType],
    words: Mapping[str, str],
) -> NamedMetric | None:
    kinds = [key for key in entry.values if key in _KINDS]
    if len(kinds) != 1:
        others = [key for key in entry.values if key not in (*_SHARED, "periods")]
        hint = did_you_mean(others[0], _KINDS) if others and not kinds else ""
        entry.complain(f"a metric is of one kind: {', '.join(_KINDS)}{hint}")
        return None
    kind = NamedKind(kinds[0])
    entry.only((*_SHARED, kinds[0], *(("periods",) if kind is NamedKind.TREND else ())))
    period = _period(entry, kind)
    by = () if kind in PERSONAL_KINDS else entry.texts("by")
    if kind in PERSONAL_KINDS and entry.has("by"):
        entry.complain("a metric of single people has no dimensions", "by")
    terms = TermReader(entry, rollups, period, by)
    components: tuple[Component, ...] = ()
    missing_is_zero = False
    if kind is NamedKind.INDEX:
        components, missing_is_zero = compile_index(
            entry.child("index"),
            TermReader(entry.child("index"), rollups, period, ()),
            events,
            words,
        )
    return NamedMetric(
        name=name,
        description=entry.text("description", ""),
        kind=kind,
        period=period,
        by=by,
        terms=_terms(entry, kind, terms),
        confidence=compile_confidence(entry.child("confidence"), len(components)),
        periods=_periods(entry) if kind is NamedKind.TREND else 0,
        after_days=_after_days(entry) if kind is NamedKind.RETENTION else 0,
        components=components,
        missing_is_zero=missing_is_zero,
        events=compile_selection(entry, "counts", events)
        if kind is NamedKind.COUNTS
        else frozenset(),
    )


def _period(entry: Section, kind: NamedKind) -> Period:
    period = entry.choice("period", Period, Period.DAY) or Period.DAY
    if kind in (*PERSONAL_KINDS, NamedKind.RETENTION) and Period.DAY not in PARTS_OF[period]:
        entry.complain("is by day", "period")
    elif kind in PERSONAL_KINDS and period is not Period.DAY:
        entry.complain("a metric of single people is by day", "period")
    return period


def _terms(entry: Section, kind: NamedKind, terms: TermReader) -> tuple[Term, ...]:
    match kind:
        case NamedKind.RATIO:
            found = terms.several(kind)
            if len(found) != 2 and entry.has(kind):
                entry.complain(
                    "must be two numbers, of which the first is divided by the second", kind
                )
            return found
        case NamedKind.RETENTION:
            inner = entry.child(kind)
            inner.only(("entry", "active", "after"))
            both = TermReader(inner, terms.rollups, terms.period, terms.by)
            return (*both.people("entry", Period.DAY), *both.people("active", Period.DAY))
        case NamedKind.CHURN:
            return terms.people(kind)
        case NamedKind.STREAK:
            return terms.people(kind, Period.DAY, dimensions=False)
        case NamedKind.INDEX | NamedKind.COUNTS:
            return ()
        case NamedKind.AVERAGE:
            return terms.countable(kind)
    return terms.one(kind)


def _periods(entry: Section) -> int:
    return entry.whole("periods", _LEAST_PERIODS, _MOST_PERIODS) or _TREND_PERIODS


def _after_days(entry: Section) -> int:
    inner = entry.child("retention")
    if not inner.has("after"):
        inner.complain("`after` is missing: after how many days people are to be back, such as 7d")
    return inner.days("after") or 1
