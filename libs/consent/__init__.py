"""What a person has agreed to: the state, the decision that follows, and a read that never guesses.

Privacy writes the states; ingest and privacy read them, once for each batch, from Redis. See
`docs/decisions/0003-consent-fast-path.md`.
"""

from libs.consent.decision import (
    Decision,
    PurposeDecisions,
    Reason,
    Ruling,
    decide,
    decide_subjectless,
    decisions_for,
    grant_end,
    rulings_for,
)
from libs.consent.keys import READY_FIELD, consent_key, is_subject_id, ready_marker
from libs.consent.reader import ConsentReader, ConsentUnavailable
from libs.consent.state import (
    ALL_PURPOSES,
    Choice,
    ConsentState,
    Restriction,
    Status,
    encode_state,
    is_restricted,
    parse_state,
    state_version,
)

__all__ = [
    "ALL_PURPOSES",
    "READY_FIELD",
    "Choice",
    "ConsentReader",
    "ConsentState",
    "ConsentUnavailable",
    "Decision",
    "PurposeDecisions",
    "Reason",
    "Restriction",
    "Ruling",
    "Status",
    "consent_key",
    "decide",
    "decide_subjectless",
    "decisions_for",
    "encode_state",
    "grant_end",
    "is_restricted",
    "is_subject_id",
    "parse_state",
    "ready_marker",
    "rulings_for",
    "state_version",
]
