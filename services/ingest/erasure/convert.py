"""Which dead letters an erasure removes, and what is left of quarantined ones. Pure."""

from collections import Counter

from libs.catalog import Catalog
from libs.common.clock import us_of
from libs.common.event_moments import oldest_us
from libs.common.mentions import PersonIds
from libs.common.subject_data import Erasure
from libs.streams.entries import Fields, dead_letter_batch
from libs.streams.quarantined_batches import Remainder
from services.ingest.dead_letters.about import names
from services.ingest.subject_rows.convert import event_of


def letter_names(letter: bytes, people: PersonIds, catalog: Catalog | None) -> bool:
    """Whether a letter names the people, also where it is no event, or no JSON."""
    return names(event_of(letter), people, catalog) or people.is_in(letter.decode(errors="replace"))


def letters_without(fields: Fields, erasure: Erasure, catalog: Catalog | None) -> Remainder | None:
    """The other letters of an entry of a stream of dead letters; None if all stay. One that only names the
    person goes as well. Raises DecodeError and KeyError for an entry that holds none."""
    batch = dead_letter_batch(fields)
    fenced_us = us_of(erasure.fenced_at)
    people = PersonIds(erasure.subject.ids)
    kept, withheld = [], Counter[str]()
    for letter in batch.dead_letters:
        name = letter.event.name
        if (
            letter.app_id == erasure.subject.app_id
            and oldest_us(letter.event, letter.received_at_us) <= fenced_us
            and (erasure.names is None or name in erasure.names)
            and letter_names(letter.event.SerializeToString(), people, catalog)
        ):
            if name not in erasure.withheld:
                continue
            withheld[erasure.withheld[name]] += 1
        kept.append(letter)
    erased = len(batch.dead_letters) - len(kept)
    if not erased and not withheld:
        return None
    left = type(batch)(dead_letters=kept)
    new = {**fields, b"batch": left.SerializeToString()}
    return Remainder(new if kept else None, erased, withheld=withheld)
