"""Social Live: sessions in which people view, like, watch streams and buy."""

from collections.abc import Mapping
from datetime import datetime
from random import Random
from typing import ClassVar

from demo.model import ConsentOutcome, DemoEvent, DemoPerson
from demo.products.product import answers
from demo.scene import Scene
from demo.surroundings import BROWSERS, lasting, some, some_campaign, some_context

_CONTENT = (("post", 10), ("video", 6), ("live", 4), ("product", 3))
_ACTIONS = (("like", 12), ("comment", 4), ("share", 2), ("follow", 2))
# Prices as shops make them, by currency.
_PRICES = {
    "BRL": (19.9, 49.9, 99.0, 149.9),
    "EUR": (4.99, 14.99, 29.99, 79.0),
    "USD": (4.99, 9.99, 29.99, 0.99),
}
_ANALYTICS = "analytics"


class SocialLive:
    """Implements `Product`."""

    app_id: ClassVar[str] = "social_live"
    defaults: ClassVar[Mapping[str, ConsentOutcome]] = {_ANALYTICS: ConsentOutcome.ALLOW}
    when_denied: ClassVar[Mapping[str, ConsentOutcome]] = {_ANALYTICS: ConsentOutcome.ANONYMIZE}
    age_band: ClassVar[str] = ""

    def person(self, random: Random, number: int) -> DemoPerson:
        """Viewers; one in eleven refuses analytics."""
        return DemoPerson(
            subject_id=f"user-{number + 100}",
            group_id="",
            answers=answers(self, random, refuse=0.09),
            context=some_context(random, BROWSERS, ("2.1.0", "2.2.0")),
            attribution=some_campaign(random),
        )

    def visit(self, random: Random, person: DemoPerson, start: datetime) -> list[DemoEvent]:
        """A session: views, some of which lead to a like, a stream, or a purchase."""
        scene = Scene(
            self.app_id,
            random,
            person,
            start,
            producer="frontend",
            session_id=f"session-{random.getrandbits(40):010x}",
        )
        scene.happens("session", {"action": "start"}, purpose=_ANALYTICS)
        for _ in range(random.randrange(2, 9)):
            self._view(scene)
        if random.random() < 0.25:
            self._watch_stream(scene)
        if random.random() < 0.22:
            self._buy(scene)
        scene.wait(random.uniform(1, 10))
        seconds = round((scene.now - start).total_seconds(), 1)
        scene.happens("session", {"action": "end", "duration": seconds}, purpose=_ANALYTICS)
        return scene.events

    def background(self, random: Random, midnight: datetime) -> list[DemoEvent]:
        """Nothing happens by itself here."""
        return []

    def _view(self, scene: Scene) -> None:
        random = scene.random
        kind = some(random, _CONTENT)
        content = f"{kind}-{random.randrange(1, 300)}"
        seconds = lasting(random, 22.0, 0.9)
        scene.wait(seconds)
        viewed = {
            "contentType": kind,
            "contentId": content,
            "viewDuration": seconds,
            "scrollDepth": round(random.betavariate(3, 2), 2),
            "referrer": random.choice(("feed", "search", "profile")),
        }
        entity = {"type": kind, "id": content}
        scene.happens("view", viewed, purpose=_ANALYTICS, entity=entity)
        if random.random() < 0.35:
            scene.wait(random.uniform(0.4, 4))
            engaged = {
                "action": some(random, _ACTIONS),
                "targetType": kind,
                "targetId": content,
                "metadata": {"source": "feed"},
            }
            scene.happens("engagement", engaged, purpose=_ANALYTICS, entity=entity)

    def _watch_stream(self, scene: Scene) -> None:
        random = scene.random
        about = {"streamId": f"stream-{random.randrange(1, 12)}"}
        viewers = random.randrange(10, 900)
        scene.happens(
            "stream", {**about, "action": "join", "viewerCount": viewers}, purpose=_ANALYTICS
        )
        seconds = lasting(random, 420.0, 0.8)
        scene.wait(seconds)
        scene.happens(
            "stream", {**about, "action": "leave", "duration": seconds}, purpose=_ANALYTICS
        )

    def _buy(self, scene: Scene) -> None:
        random = scene.random
        currency = random.choices(list(_PRICES), (5, 3, 4))[0]
        quantity = random.choices((1, 2, 3), (85, 12, 3))[0]
        scene.wait(lasting(random, 45.0))
        bought = {
            "productId": f"product-{random.randrange(1, 80)}",
            "orderId": f"order-{random.getrandbits(40):010x}",
            "amount": round(random.choice(_PRICES[currency]) * quantity, 2),
            "currency": currency,
            "quantity": quantity,
            "paymentMethod": random.choice(("wallet", "card", "pix")),
            "conversionPath": ["view", "add_to_cart", "purchase"],
        }
        scene.happens("purchase", bought, purpose=_ANALYTICS, producer="api")
