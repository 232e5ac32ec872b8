"""What a catalog says about the erasure of a person: when it begins, and what a law keeps."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from libs.catalog.problems import did_you_mean
from libs.catalog.reader import Section

MAX_REASON = 128


@dataclass(frozen=True, slots=True)
class ErasurePolicy:
    """How people of an app are erased: `grace_seconds` after it was asked for; if it `withdraws_at_once`,
    consent ends with the request already. `kept` says of categories whose events stay why they do."""

    grace_seconds: int = 0
    withdraws_at_once: bool = True
    kept: Mapping[str, str] = field(default_factory=dict)


def compile_erasure(section: Section, categories: Iterable[str]) -> ErasurePolicy:
    """The policy, with the defaults for what the catalog does not say."""
    section.only(("grace", "withdraw_at_once", "keep"))
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
        kept=MappingProxyType(kept),
    )
