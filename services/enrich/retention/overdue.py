"""What of the stored events is past a limit, as the answer to a question: nothing is changed."""

from collections.abc import Sequence

from libs.common.expiry import OverdueData
from services.enrich.anonymization.job import Anonymization
from services.enrich.retention.policies import STORE
from services.enrich.retention.removal import Removal


class OverdueEvents:
    """Asks both jobs what they would find."""

    def __init__(self, anonymization: Anonymization, removal: Removal) -> None:
        self._anonymization = anonymization
        self._removal = removal

    async def list_overdue(self) -> Sequence[OverdueData]:
        """Events past their limit, by leaf, and events that still name a person, by name."""
        removed = [
            OverdueData(
                STORE,
                each.overdue.app_id,
                each.overdue.retention_class,
                each.days,
                each.overdue.events,
                each.overdue.oldest,
                kept_because=each.kept_because,
            )
            for each in await self._removal.holdings()
            if each.overdue.oldest is not None
        ]
        named = [
            OverdueData(
                STORE,
                each.due.app_id,
                each.due.name,
                each.due.days,
                each.events,
                each.oldest,
                is_named=True,
            )
            for each in await self._anonymization.overdue()
        ]
        return [*removed, *named]
