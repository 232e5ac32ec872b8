"""Makes entries of the audit trail, in which people have pseudonyms only."""

import uuid
from collections.abc import Callable

from libs.audit.entry import Action, AuditEntry, Caller, Details, Outcome
from libs.common.clock import Clock
from libs.common.ids import new_uuid7
from libs.common.pseudonym import Pseudonymizer


class Auditor:
    """Makes entries with new ids and the time of the clock."""

    def __init__(
        self,
        pseudonymizer: Pseudonymizer,
        clock: Clock,
        new_id: Callable[[], bytes] = new_uuid7,
    ) -> None:
        self._pseudonymizer = pseudonymizer
        self._clock = clock
        self._new_id = new_id

    def entry(
        self,
        action: Action,
        app_id: str,
        caller: Caller,
        *,
        subject_id: str = "",
        person: str = "",
        purpose: str = "",
        outcome: Outcome = Outcome.DONE,
        details: Details | None = None,
    ) -> AuditEntry:
        """An entry about what happens now. `subject_id` is the person in the app's own ids, of whom the entry
        has the pseudonym of the current epoch; `person` is a pseudonym, if the id is not known. Both are
        empty for no single person."""
        return AuditEntry(
            app_id=app_id,
            entry_id=uuid.UUID(bytes=self._new_id()),
            occurred_at_us=self._clock.now_us(),
            caller=caller,
            action=action,
            outcome=outcome,
            subject=self._pseudonymizer.pseudonym(app_id, subject_id) if subject_id else person,
            purpose=purpose,
            details=details or {},
        )
