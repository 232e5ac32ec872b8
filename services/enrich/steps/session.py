"""Session: when it began and where it came from, from whichever of its events come in whatever order."""

from collections.abc import Iterable, Mapping

from services.enrich.model import Session

# One event's part in its session: session id, time (microseconds), landing page, referrer.
Sighting = tuple[str, int, str, str]


def fold_sessions(
    known: Mapping[str, Session | None], sightings: Iterable[Sighting]
) -> dict[str, Session]:
    """The sessions of `sightings` after all of them, starting from what was `known` before.

    A session begins with its earliest event, and that event's page and referrer are its landing page
    and referrer; of several at the same time, the greatest in the order of texts, so one that says
    something. So the result does not depend on the order of the events.
    """
    sessions: dict[str, Session] = {key: value for key, value in known.items() if value is not None}
    for session_id, occurred_at_us, page, referrer in sightings:
        session = sessions.get(session_id)
        if (
            session is None
            or occurred_at_us < session.started_at_us
            or (
                occurred_at_us == session.started_at_us
                and (page, referrer) > (session.landing_page, session.referrer)
            )
        ):
            sessions[session_id] = Session(occurred_at_us, page, referrer)
    return sessions
