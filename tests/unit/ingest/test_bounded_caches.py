"""What ingest remembers of people and addresses does not grow with their number."""

import tracemalloc

from libs.common.mentions import ids_of
from libs.common.pseudonym import Pseudonymizer
from services.ingest.intake.addresses import truncate_ip

PEOPLE = 60_000
# Of the 160 MB that a service may take, 104 are imports.
MOST_BYTES = 16_000_000


def test_many_people_take_no_more_memory_than_some() -> None:
    pseudonymizer = Pseudonymizer(b"0123456789abcdef")
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(PEOPLE):
            pseudonymizer.pseudonym("chess", f"person-{number}")
            ids_of(f"person-number-{number}").redacted("A text in which an id could stand")
            truncate_ip(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < MOST_BYTES
