"""Schedules of privacy's jobs; the work is in the modules they call."""

from collections.abc import Mapping, Sequence

from libs.common.expiry import ListOverdue
from libs.jobs.job import Job, JobContext
from libs.jobs.retention_check import retention_check
from libs.jobs.schedule import Schedule
from services.privacy.audit.pruning import PRUNE, AuditPruning
from services.privacy.sealing.kept import DESTROY_KEPT, KeptKeys
from services.privacy.sealing.rewrapping import REWRAP, Rewrapping


def privacy_jobs(
    pruning: AuditPruning,
    rewrapping: Rewrapping,
    kept_keys: KeptKeys,
    list_overdue: ListOverdue,
) -> Sequence[Job]:
    """The jobs of privacy, for its runner. `list_overdue`: of all of its stores."""

    async def prune_audit(_: JobContext) -> Mapping[str, int]:
        return await pruning.prune()

    async def rewrap_keys(_: JobContext) -> Mapping[str, int]:
        return await rewrapping.rewrap()

    async def destroy_kept_keys(_: JobContext) -> Mapping[str, int]:
        return await kept_keys.destroy()

    return [
        retention_check("privacy", Schedule("33 6 * * *"), list_overdue),
        Job(
            PRUNE,
            "Deletes entries of the audit trail that are past their limit.",
            Schedule("20 0 * * *"),
            prune_audit,
        ),
        Job(
            REWRAP,
            "Wraps the keys of people with the wrapping key that is in use.",
            Schedule("45 4 * * *"),
            rewrap_keys,
        ),
        Job(
            DESTROY_KEPT,
            "Destroys keys of erased people once no event is left that a law keeps.",
            Schedule("15 5 * * *"),
            destroy_kept_keys,
        ),
    ]
