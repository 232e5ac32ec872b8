"""The steps of an erasure. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from libs.catalog import Catalog
from services.privacy.requests.model import Step, SubjectRequest

# Requests of earlier releases have these steps too, in another order; and their replicas, which may go on
# with a request of this one, wait at a step of this name.
WITHDRAW, FENCE, WAIT, ERASE = "withdraw and fence", "fence", "wait for writers", "erase"
PRIVACY = "privacy"
_ENRICH = "enrich"
# What the first step notes.
ANONYMIZES_EVENTS = "anonymizes_events"


def erasure_steps(services: Iterable[str]) -> tuple[Step, ...]:
    """All steps, in their order. Nothing is erased before all fences are there, and each service is waited
    for just before it erases: what came to it until then is where it erases, also what the service before it
    has handed on meanwhile. `services` are the others, in the order in which they erase; privacy's own data
    are last, since without them no request could go on."""
    names = list(services)
    return (
        Step(WITHDRAW, PRIVACY),
        *(Step(FENCE, service) for service in names),
        # Of what it cannot handle it writes dead letters, which ingest stores and erases.
        Step(WAIT, _ENRICH),
        *(Step(name, service) for service in names for name in (WAIT, ERASE)),
        Step(ERASE, PRIVACY),
    )


def anonymizes_events(catalog: Catalog | None, request: SubjectRequest) -> bool:
    """Whether the person's stored events stay for the numbers: as the catalog said when the erasure began,
    and if that is not noted, before it or by an older release, as it says now."""
    noted = request.steps[0].note.get(ANONYMIZES_EVENTS) if request.steps else None
    if noted is not None:
        return bool(noted)
    return catalog is not None and catalog.erasure.anonymizes_events


def changed_events(request: SubjectRequest) -> Mapping[str, Sequence[str]]:
    """The events that were erased or changed so far: days by name."""
    changed: dict[str, set[str]] = {}
    for step in request.steps:
        for name, days in step.note.get("changed", {}).items():
            changed.setdefault(name, set()).update(days)
    return {name: sorted(days) for name, days in sorted(changed.items())}


def names_of(catalog: Catalog | None, categories: Sequence[str]) -> tuple[str, ...] | None:
    """The names of events of some categories; None for all if no category is named."""
    if not categories:
        return None
    events = catalog.events.values() if catalog else ()
    return tuple(sorted(each.name for each in events if each.category.name in categories))
