"""IP assets: people who look at, upload and license assets, and get paid for them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random
from typing import ClassVar

from demo.model import ConsentOutcome, DemoEvent, DemoPerson
from demo.products.product import answers
from demo.scene import Scene, new_uuid
from demo.surroundings import BROWSERS, lasting, some, some_campaign, some_context

_ASSETS = 60
_METHODS = (("stripe", 6), ("paypal", 3), ("bank_transfer", 1))
_MIME_TYPES = ("image/png", "image/jpeg", "video/mp4", "audio/wav")
_QUERIES = ("city at night", "portrait", "waves", "logo", "drone footage")
_ANALYTICS = "analytics"


def _asset(random: Random) -> dict[str, str]:
    # A few assets draw most of the looks.
    return {"type": "asset", "id": f"ast_{min(_ASSETS, int(random.paretovariate(0.9)))}"}


class IpAssets:
    """Implements `Product`."""

    app_id: ClassVar[str] = "ip_assets"
    defaults: ClassVar[Mapping[str, ConsentOutcome]] = {_ANALYTICS: ConsentOutcome.ALLOW}
    when_denied: ClassVar[Mapping[str, ConsentOutcome]] = {_ANALYTICS: ConsentOutcome.ANONYMIZE}
    age_band: ClassVar[str] = ""

    def person(self, random: Random, number: int) -> DemoPerson:
        """Creators and buyers; one in fourteen refuses analytics."""
        return DemoPerson(
            subject_id=f"usr_{5_000 + number}",
            group_id="",
            answers=answers(self, random, refuse=0.07),
            context=some_context(random, BROWSERS),
            attribution=some_campaign(random),
        )

    def visit(self, random: Random, person: DemoPerson, start: datetime) -> list[DemoEvent]:
        """Mostly a logged-in person; one visit in six is an anonymous visitor's."""
        if random.random() < 0.16:
            return self._look_around(random, person, start)
        scene = Scene(
            self.app_id,
            random,
            person,
            start,
            producer="frontend",
            session_id=f"ses_{random.getrandbits(40):010x}",
        )
        login = {"loginMethod": "password", "success": True}
        scene.happens("user_logged_in", login, purpose=_ANALYTICS, producer="api")
        for _ in range(random.randrange(2, 7)):
            self._view(scene)
        if random.random() < 0.4:
            results = {"query": random.choice(_QUERIES), "resultCount": random.randrange(0, 90)}
            scene.happens("search_performed", results, purpose=_ANALYTICS)
        if random.random() < 0.25:
            self._upload(scene)
        if random.random() < 0.18:
            self._license(scene, person)
        return scene.events

    def background(self, random: Random, midnight: datetime) -> list[DemoEvent]:
        """The payout run of the early morning; a few transfers fail."""
        scene = Scene(self.app_id, random, None, midnight + timedelta(hours=4), producer="job")
        for _ in range(random.randrange(25, 40)):
            scene.wait(random.uniform(1, 12))
            paid = {
                "amount_cents": round(lasting(random, 8_400.0, 0.9)),
                "payment_method": some(random, _METHODS),
                "recipientId": f"usr_{5_000 + random.randrange(200)}",
            }
            entity = {"type": "payout", "id": f"pay_{random.getrandbits(32):08x}"}
            if random.random() < 0.06:
                failed = {**paid, "reason": "account_closed"}
                scene.happens("payout_failed", failed, purpose=None, entity=entity)
            else:
                scene.happens("payout_completed", paid, purpose=None, entity=entity)
        return scene.events

    def _look_around(self, random: Random, person: DemoPerson, start: datetime) -> list[DemoEvent]:
        """An anonymous visitor, known only by the browser's id: there is no person to ask for consent."""
        scene = Scene(
            self.app_id, random, None, start, producer="frontend", anonymous_id=new_uuid(random)
        )
        for _ in range(random.randrange(1, 4)):
            scene.wait(lasting(random, 15.0))
            scene.happens(
                "page_viewed",
                {"referrer": "https://www.google.com/"},
                purpose=_ANALYTICS,
                context={**person.context, "referrer": "https://www.google.com/"},
            )
        self._view(scene)
        return scene.events

    def _view(self, scene: Scene) -> None:
        seconds = lasting(scene.random, 14.0, 0.9)
        scene.wait(seconds)
        scene.happens(
            "asset_viewed",
            {"view_duration_ms": round(seconds * 1_000)},
            purpose=_ANALYTICS,
            entity=_asset(scene.random),
        )
        if scene.random.random() < 0.1:
            scene.happens("asset_downloaded", {}, purpose=_ANALYTICS, entity=_asset(scene.random))

    def _upload(self, scene: Scene) -> None:
        random = scene.random
        scene.wait(lasting(random, 30.0))
        file = {
            "fileSize": random.randrange(40_000, 90_000_000),
            "mimeType": random.choice(_MIME_TYPES),
            "projectId": f"prj_{random.randrange(1, 30)}",
        }
        entity = {"type": "asset", "id": f"ast_{random.randrange(_ASSETS, 9_999)}"}
        scene.happens("asset_uploaded", file, purpose=_ANALYTICS, entity=entity, producer="api")
        if random.random() < 0.5:
            scene.wait(lasting(random, 300.0))
            approved = {"approvedBy": "usr_1"}
            scene.happens(
                "asset_approved", approved, purpose=_ANALYTICS, entity=entity, producer="api"
            )

    def _license(self, scene: Scene, person: DemoPerson) -> None:
        random = scene.random
        entity = {"type": "license", "id": f"lic_{random.getrandbits(32):08x}"}
        scene.wait(lasting(random, 60.0))
        scene.happens("license_created", {}, purpose=None, entity=entity, producer="api")
        scene.wait(lasting(random, 200.0))
        scene.happens("license_viewed", {}, purpose=_ANALYTICS, entity=entity)
        if random.random() < 0.7:
            scene.wait(lasting(random, 90.0))
            signed = {"signedBy": person.subject_id, "signatureMethod": "electronic"}
            scene.happens("license_signed", signed, purpose=None, entity=entity, producer="api")
