"""The day: visits of people until there are as many events as wanted, then what goes wrong with them."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random

from demo.model import Choice, ConsentOutcome, Day, DemoEvent, DemoPerson
from demo.products.addvalue import AddValue
from demo.products.ip_assets import IpAssets
from demo.products.mlc_lms import MlcLms
from demo.products.product import Product
from demo.products.social_live import SocialLive
from demo.products.unofficial_communities import UnofficialCommunities
from demo.surroundings import LAST_START_SECONDS, start_of_visit
from demo.troubles import malform, resend

# Each product's share of the day's events.
PRODUCTS: tuple[tuple[Product, float], ...] = (
    (UnofficialCommunities(), 0.42),
    (MlcLms(), 0.22),
    (AddValue(), 0.14),
    (IpAssets(), 0.09),
    (SocialLive(), 0.13),
)
APP_IDS = tuple(product.app_id for product, _ in PRODUCTS)
# Of all events: sent twice, and malformed.
RESENT, MALFORMED = 0.015, 0.01
_NEW_PERSON = 0.75


def generate_day(seed: int, events: int, day: date) -> Day:
    """A day with about `events` events, seldom a visit's worth more, in the order of sending.

    The same arguments give the same day. Every event lies on `day` (UTC), apart from those whose
    trouble is a wrong clock.
    """
    midnight = datetime.combine(day, time(), UTC)
    choices: list[Choice] = []
    # Each product's events spread evenly over the whole sending, so that all five stream at once.
    placed: list[tuple[float, DemoEvent]] = []
    for product, share in PRODUCTS:
        # A randomness of its own, so that one product's changes leave the others as they are.
        random = Random(f"{seed}/{product.app_id}")
        wanted = round(events * share)
        happened = _visits(
            product, random, midnight, round(wanted * (1 - RESENT - MALFORMED)), choices
        )
        happened.sort(key=lambda event: event.occurred_at)
        happened = resend(random, happened, round(wanted * RESENT))
        happened = malform(random, happened, round(wanted * MALFORMED))
        placed += [(place / len(happened), event) for place, event in enumerate(happened)]
    # Stable: what a product sends out of order stays so.
    placed.sort(key=lambda pair: pair[0])
    return Day(choices, [event for _, event in placed])


def _visits(
    product: Product, random: Random, midnight: datetime, wanted: int, choices: list[Choice]
) -> list[DemoEvent]:
    """At least `wanted` events of one product; notes what its people decided."""
    happened = product.background(random, midnight)
    people: list[DemoPerson] = []
    while len(happened) < wanted:
        if not people or random.random() < _NEW_PERSON:
            person = product.person(random, len(people))
            people.append(person)
            choices.extend(_choices(product, person))
        else:
            # Newcomers sign up once.
            person = random.choice(people)
            if person.newcomer:
                continue
        start = midnight + timedelta(seconds=start_of_visit(random))
        happened += _within(midnight, product.visit(random, person, start))
    return happened


def _choices(product: Product, person: DemoPerson) -> list[Choice]:
    """What is recorded of the person's age, and the choices that make the catalog's defaults into their
    answers."""
    age = [Choice(product.app_id, person.subject_id, age_band=product.age_band)]
    return (age if product.age_band else []) + [
        Choice(product.app_id, person.subject_id, purpose, answer is ConsentOutcome.ALLOW)
        for purpose, answer in person.answers.items()
        if answer is not product.defaults[purpose]
    ]


def _within(midnight: datetime, visit: list[DemoEvent]) -> list[DemoEvent]:
    """The visit, begun early enough to end before the day does."""
    last = midnight + timedelta(seconds=LAST_START_SECONDS)
    late = max((event.occurred_at for event in visit), default=last) - last
    if late <= timedelta(0):
        return visit
    return [replace(event, occurred_at=event.occurred_at - late) for event in visit]
