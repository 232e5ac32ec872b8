"""Subjects whose state in the mirror may differ from what is recorded."""

from services.privacy.consent.model import Subject

LIMIT = 10_000


class ResyncQueue:
    """Subjects to mirror again, oldest first; if there are too many to keep, all of them.

    All of them by a fill, which writes what is recorded unless the mirror has something newer: so it loosens
    nothing, and a withdrawal that was mirrored and could not be committed stays in force until the person's
    next recording (ADR 3).

    In memory only: a process that ends with repairs open leaves them to the next one, which mirrors
    all subjects when it starts.
    """

    def __init__(self) -> None:
        self._subjects: dict[Subject, None] = {}
        self._full_resync = False

    def __len__(self) -> int:
        return len(self._subjects)

    def add(self, subject: Subject) -> None:
        """Adds one subject."""
        if len(self._subjects) < LIMIT:
            self._subjects[subject] = None
        else:
            self._full_resync = True

    def take(self) -> list[Subject]:
        """Removes and returns all of them."""
        subjects = list(self._subjects)
        self._subjects.clear()
        return subjects

    def take_full_resync(self) -> bool:
        """Whether all subjects must be mirrored again; resets it."""
        full, self._full_resync = self._full_resync, False
        return full
