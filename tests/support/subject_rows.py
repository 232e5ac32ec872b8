"""What is read about a person for an export, as tests compare it."""

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

from libs.common.pseudonym import Pseudonymizer
from libs.common.subject_data import Export, HeldRows, SubjectRef
from tests.support.pseudonyms import PSEUDONYM_KEY

# Of the second epoch: what was stored in the first one has to be found as well.
EPOCHS = Pseudonymizer(PSEUDONYM_KEY.encode(), epoch=2)
UNTIL = datetime(2026, 11, 22, 12, tzinfo=UTC)


def export_of(app_id: str, subject_id: str, *names: str) -> Export:
    """An export as of UNTIL."""
    persons = tuple(EPOCHS.all_epochs(app_id, subject_id))
    return Export(SubjectRef(app_id, subject_id, persons), UNTIL, names or None)


async def collected(rows: AsyncIterator[HeldRows]) -> Mapping[str, list[dict[str, Any]]]:
    """The rows by kind; none of a kind that has none."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    async for held in rows:
        for line in held.lines:
            assert b"\n" not in line
            found[held.kind].append(json.loads(line))
    return found
