"""People whose state in the mirror may differ from the truth."""

from services.privacy.consent.model import Subject

LIMIT = 10_000


class ResyncQueue:
    """Who is to be mirrored again, oldest first; with too many to count, everybody.

    In memory only: a process that ends with repairs open leaves them to the next one, which mirrors
    everybody when it starts.
    """

    def __init__(self) -> None:
        self._subjects: dict[Subject, None] = {}
        self._full_resync = False

    def __len__(self) -> int:
        return len(self._subjects)

    def add(self, subject: Subject) -> None:
        """Notes one subject."""
        if len(self._subjects) < LIMIT:
            self._subjects[subject] = None
        else:
            self._full_resync = True

    def take(self) -> list[Subject]:
        """Removes and returns those noted."""
        subjects = list(self._subjects)
        self._subjects.clear()
        return subjects

    def take_full_resync(self) -> bool:
        """Whether everybody must be mirrored again; asked once."""
        full, self._full_resync = self._full_resync, False
        return full
