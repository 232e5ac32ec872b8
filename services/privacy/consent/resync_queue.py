"""People whose state in the mirror may differ from the truth."""

from services.privacy.consent.model import Person

LIMIT = 10_000


class Repairs:
    """Who is to be mirrored again, oldest first; with too many to count, everybody.

    In memory only: a process that ends with repairs open leaves them to the next one, which mirrors
    everybody when it starts.
    """

    def __init__(self) -> None:
        self._people: dict[Person, None] = {}
        self._everybody = False

    def __len__(self) -> int:
        return len(self._people)

    def add(self, person: Person) -> None:
        """Notes one person."""
        if len(self._people) < LIMIT:
            self._people[person] = None
        else:
            self._everybody = True

    def take(self) -> list[Person]:
        """Removes and returns those noted."""
        people = list(self._people)
        self._people.clear()
        return people

    def take_everybody(self) -> bool:
        """Whether everybody must be mirrored again; asked once."""
        everybody, self._everybody = self._everybody, False
        return everybody
