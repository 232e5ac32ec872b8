"""The pseudonyms of the generator's people, as enrich stores them under the bench's own key."""

from libs.common.pseudonym import Pseudonymizer, check_secret
from tests.bench.queries.catalog import APP
from tests.bench.queries.generator import Generator, subject_id

# Of made-up people; the service under test gets the same one.
PSEUDONYM_KEY = "the key of the query bench"


def pseudonyms(generator: Generator) -> list[str]:
    """32 hex digits for each person, by their number."""
    pseudonymizer = Pseudonymizer(check_secret(PSEUDONYM_KEY, "the key of the bench"))
    return [pseudonymizer.pseudonym(APP, subject_id(person)) for person in range(generator.people)]
