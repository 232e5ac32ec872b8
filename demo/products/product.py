"""What a product of the demo is: people with their answers, and visits."""

from collections.abc import Mapping
from datetime import datetime
from random import Random
from types import MappingProxyType
from typing import ClassVar, Protocol

from demo.model import ConsentOutcome, DemoEvent, DemoPerson


class Product(Protocol):
    """One product. Everything comes from the `random` that is handed in."""

    app_id: ClassVar[str]
    # What holds for people who never decided, and what a denial means, by purpose.
    defaults: ClassVar[Mapping[str, ConsentOutcome]]
    when_denied: ClassVar[Mapping[str, ConsentOutcome]]
    # What is recorded of each person's age; empty if the app asks for no one's.
    age_band: ClassVar[str]

    def person(self, random: Random, number: int) -> DemoPerson:
        """The person with this number; two numbers are two people."""

    def visit(self, random: Random, person: DemoPerson, start: datetime) -> list[DemoEvent]:
        """What the person does, in order of time, from `start` on."""

    def background(self, random: Random, midnight: datetime) -> list[DemoEvent]:
        """What happens on this day without a person: jobs, webhooks."""


def answers(
    product: Product,
    random: Random,
    refuse: float,
    grant: Mapping[str, float] = MappingProxyType({}),
) -> dict[str, ConsentOutcome]:
    """What follows from one person's decisions, by purpose. A share `refuse` of the people denies everything.
    Of the others, `grant` has the share that grants each purpose that is denied by default; a person who
    grants one of these grants those with a larger share as well."""
    if random.random() < refuse:
        return dict(product.when_denied)
    reserve = random.random()
    return {
        purpose: ConsentOutcome.ALLOW if reserve < grant.get(purpose, 0.0) else default
        for purpose, default in product.defaults.items()
    }
