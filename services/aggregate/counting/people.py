"""Whom the events of a chunk are about, as pseudonyms."""

from collections.abc import Callable, Sequence
from functools import partial

from libs.common.pseudonym import Pseudonymizer, person_of, session_of

Ids = Sequence[str]


class People:
    """The persons and sessions of one app's events; remembers the sessions for as long as it lives."""

    def __init__(
        self, pseudonymizer: Pseudonymizer, app_id: str, *, hashes_sessions: bool = False
    ) -> None:
        """`hashes_sessions`: the app has all sessions stored as keyed hashes."""
        self._pseudonym = partial(pseudonymizer.pseudonym, app_id)
        self._person_of = partial(person_of, pseudonymizer, app_id)
        self._sessions = _Sessions(
            partial(session_of, pseudonymizer, app_id, is_hashed=hashes_sessions)
        )

    def persons(self, subject_ids: Ids, anonymous_ids: Ids) -> list[str]:
        """The person of each event, "" for none."""
        if "" in subject_ids:
            return list(map(self._person_of, subject_ids, anonymous_ids))
        # What `person_of` would do, without a call in Python for each event.
        return list(map(self._pseudonym, subject_ids))

    def sessions(self, subject_ids: Ids, anonymous_ids: Ids, session_ids: Ids) -> list[str]:
        """The session of each event, "" for none."""
        ids = zip(subject_ids, anonymous_ids, session_ids, strict=True)
        return list(map(self._sessions.__getitem__, ids))


class _Sessions(dict[tuple[str, ...], str]):
    # Two pseudonyms each: its lookups are those of a dict, without a call in Python for those that are known.
    def __init__(self, find: Callable[..., str]) -> None:
        super().__init__()
        self._session_of = find

    def __missing__(self, ids: tuple[str, ...]) -> str:
        found = self[ids] = self._session_of(*ids)
        return found
