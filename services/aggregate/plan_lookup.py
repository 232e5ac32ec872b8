"""The plans of the catalogs in use, and those of the catalogs before them."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from libs.catalog import Catalogs, Snapshot
from libs.common.apps import catalog_of
from libs.common.errors import NotFound
from services.aggregate.gauges.plan import GaugePlan
from services.aggregate.plan import AppPlan, RollupPlan, compile_plan


def plan_of(snapshot: Snapshot, app_id: str) -> AppPlan:
    """The app's plan. Raises AppUnknown."""
    catalog_of(snapshot, app_id)
    return snapshot.derived(app_id, compile_plan)


def rollup_of(app: AppPlan, name: str) -> RollupPlan:
    """The rollup's plan. Raises NotFound, with the rollups that there are."""
    plan = app.rollups.get(name)
    if plan is None:
        raise not_declared("rollup", name, app.rollups)
    return plan


def gauges_of(app: AppPlan, names: Iterable[str]) -> list[GaugePlan]:
    """The plans of the gauges that are named, of all if none is, by name. Raises NotFound, with the gauges
    that there are."""
    for name in names:
        if name not in app.gauges:
            raise not_declared("gauge", name, app.gauges)
    return [app.gauges[name] for name in sorted(set(names) or app.gauges)]


def not_declared(kind: str, name: str, known: Collection[str]) -> NotFound:
    """The error for a name of a rollup, gauge, metric or job that the app's catalog does not have."""
    return NotFound(
        f"the app's catalog declares no such {kind}",
        reason=f"{kind.upper()}_UNKNOWN",
        metadata={kind: name},
        known=known,
    )


def current_plans(catalogs: Catalogs) -> Mapping[str, AppPlan]:
    """The plans of the catalogs in use, by app."""
    snapshot = catalogs.current
    return {app_id: snapshot.derived(app_id, compile_plan) for app_id in snapshot.catalogs}


def earlier_plans(catalogs: Catalogs, app_id: str) -> Iterator[AppPlan]:
    """The app's plans that are no longer in use and that this process still has, newest first."""
    newer = catalogs.current
    for snapshot in catalogs.earlier:
        if app_id in snapshot.catalogs:
            if newer.catalogs.get(app_id) is not snapshot.catalogs[app_id]:
                yield snapshot.derived(app_id, compile_plan)
            newer = snapshot
