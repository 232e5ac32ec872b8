"""What a catalog says about the erasure of a person: when it begins, what becomes of stored events, and what
a law keeps."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from libs.catalog.problems import did_you_mean
from libs.catalog.reader import Section

MAX_REASON = 128


class ErasedEvents(StrEnum):
    """What becomes of the stored events of a person who is erased."""

    DELETE = "delete"
    # They stay for the numbers, without anything that leads to the person or to each other.
    ANONYMIZE = "anonymize"


@dataclass(frozen=True, slots=True)
class ErasurePolicy:
    """How people of an app are erased: `grace_seconds` after it was asked for; if it `withdraws_at_once`,
    consent ends with the request already; if it `anonymizes_events`, stored events stay, without the
    person. `kept` says of categories whose events stay as they are why they do."""

    grace_seconds: int = 0
    withdraws_at_once: bool = True
    anonymizes_events: bool = False
    kept: Mapping[str, str] = field(default_factory=dict)


def compile_erasure(section: Section, categories: Iterable[str]) -> ErasurePolicy:
    """The policy, with the defaults for what the catalog does not say."""
    section.only(("grace", "withdraw_at_once", "events", "keep"))
    events = section.choice("events", ErasedEvents, ErasedEvents.DELETE)
    known = list(categories)
    kept: dict[str, str] = {}
    for name, entry in section.child("keep").children():
        entry.only(("because",))
        if name not in known:
            entry.complain(f"no category `{name}`{did_you_mean(name, known)}")
        because = entry.text("because")
        if len(because) > MAX_REASON:
            entry.complain(f"must have at most {MAX_REASON} characters", "because")
        kept[name] = because
    return ErasurePolicy(
        grace_seconds=section.seconds("grace", 0),
        withdraws_at_once=section.flag("withdraw_at_once", default=True),
        anonymizes_events=events is ErasedEvents.ANONYMIZE,
        kept=MappingProxyType(kept),
    )
