"""What has to be counted again when the definition of a rollup changes. Pure."""

from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.aggregate.counting.definitions import Definition, RollupKey

# Replicas take a catalog within seconds; a deployment with new ones takes minutes. So long one that had the
# definition leaves it to others to have changed it.
PATIENCE = timedelta(minutes=10)
# So long a deployment of a new catalog may take.
UNKNOWN_PATIENCE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Adopted:
    """A definition by which a rollup is counted. `pending` are the names whose events' buckets have yet to be
    marked; `retired_at` is when the rollup had left the catalogs."""

    definition: Definition
    adopted_at: datetime
    pending: frozenset[str] | None
    retired_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Adoption:
    """A rollup whose definition has changed, and the names of the events that have to be counted again."""

    key: RollupKey
    definition: Definition
    names: frozenset[str]


def adoption(
    key: RollupKey,
    declared: Definition,
    adopted: Adopted | None,
    *,
    is_first: bool,
    was_ours: bool,
    now: datetime,
) -> Adoption | None:
    """What to do about a rollup; None if nothing. `is_first`: no rollup of the app has been adopted; it is
    new, or was counted by this definition before any was adopted. `was_ours`: this process has seen the
    definition adopted, so another one, with a newer catalog or an older one, has changed it."""
    if adopted is None:
        names = frozenset[str]() if is_first else declared.events
        return Adoption(key, declared, names)
    changed_at = adopted.retired_at or adopted.adopted_at
    if adopted.definition == declared and adopted.retired_at is None:
        return None
    if was_ours and now - changed_at < PATIENCE:
        return None
    before = adopted.definition
    # While it was retired nothing was counted.
    if before.shape != declared.shape or adopted.retired_at is not None:
        return Adoption(key, declared, before.events | declared.events)
    return Adoption(key, declared, before.events ^ declared.events)


def is_retired(adopted: Adopted, *, was_ours: bool, now: datetime) -> bool:
    """Whether a rollup that the app's catalog here does not declare has left it. One that this process has
    never seen may be of a newer catalog."""
    if adopted.retired_at is not None:
        return False
    return now - adopted.adopted_at > (PATIENCE if was_ours else UNKNOWN_PATIENCE)


def counts_all(names: Set[str], definition: Definition) -> bool:
    """Whether all buckets are counted again, also those that have cells and no events any more."""
    return definition.events <= names
