"""Which dead letters are meant: a filter, and the same as a condition in SQL."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class LetterSelection:
    """Dead letters of one app. Of several values of a field any has to hold; an empty tuple, an empty stage
    and None say nothing of it."""

    app_id: str
    reasons: tuple[str, ...] = ()
    # An empty text is a letter without a field.
    fields: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    stage: str = ""
    received_from: datetime | None = None
    received_to: datetime | None = None


# With the parameters of `parameters_of`.
CONDITION = """
    app_id = :app_id
    AND (CAST(:reasons AS text[]) IS NULL OR reason = ANY(:reasons))
    AND (CAST(:fields AS text[]) IS NULL OR field = ANY(:fields))
    AND (CAST(:names AS text[]) IS NULL OR name = ANY(:names))
    AND (:stage = '' OR stage = :stage)
    AND (CAST(:received_from AS timestamptz) IS NULL OR received_at >= :received_from)
    AND (CAST(:received_to AS timestamptz) IS NULL OR received_at < :received_to)
"""


def parameters_of(selection: LetterSelection) -> Mapping[str, object]:
    """What `CONDITION` asks for."""
    return {
        "app_id": selection.app_id,
        "reasons": list(selection.reasons) or None,
        "fields": list(selection.fields) or None,
        "names": list(selection.names) or None,
        "stage": selection.stage,
        "received_from": selection.received_from,
        "received_to": selection.received_to,
    }
