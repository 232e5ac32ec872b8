"""Unofficial Communities: sign-ups, missions and levels, walks through a world of zones, WhatsApp."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random
from typing import ClassVar

from demo.model import ConsentOutcome, DemoEvent, DemoPerson
from demo.products.product import answers
from demo.scene import Scene, new_uuid
from demo.surroundings import GAME_CLIENTS, lasting, some_campaign, some_context

# Visits by community: a few large ones, many small ones.
_COMMUNITIES = ((30, 1), (22, 2), (16, 3), (10, 7), (8, 12), (6, 21), (5, 34), (3, 55))
# How often a zone is gone to, and how long people stay there (median seconds).
_ZONES = {
    "social_east": (24, 260.0),
    "social_west": (18, 240.0),
    "workshop": (16, 420.0),
    "brand_zone": (10, 95.0),
    "quiet_refuge": (9, 610.0),
    "portal_ne": (5, 14.0),
    "portal_e": (5, 12.0),
    "portal_sw": (4, 13.0),
}
# Missions: how often, and what they pay.
_MISSIONS = {
    "send_messages": (9, 50),
    "visit_zones": (7, 40),
    "invite_friend": (2, 120),
    "join_event": (4, 75),
    "daily_checkin": (10, 20),
}
_TELEMETRY = "telemetry"
_WHATSAPP = "whatsapp_activity"


class UnofficialCommunities:
    """Implements `Product`."""

    app_id: ClassVar[str] = "unofficial_communities"
    when_denied: ClassVar[Mapping[str, ConsentOutcome]] = {
        _TELEMETRY: ConsentOutcome.ANONYMIZE,
        _WHATSAPP: ConsentOutcome.DROP,
    }
    # Opt in: no answer counts as denied.
    defaults: ClassVar[Mapping[str, ConsentOutcome]] = when_denied
    age_band: ClassVar[str] = ""

    def person(self, random: Random, number: int) -> DemoPerson:
        """Players; four in five grant telemetry, a third lets WhatsApp activity be counted."""
        weights = [weight for weight, _ in _COMMUNITIES]
        return DemoPerson(
            subject_id=str(10_000 + 7 * number),
            group_id=str(random.choices(_COMMUNITIES, weights)[0][1]),
            answers=answers(self, random, refuse=0.08, grant={_TELEMETRY: 0.87, _WHATSAPP: 0.35}),
            context=some_context(random, GAME_CLIENTS, ("3.8.0", "3.8.1", "3.9.0")),
            attribution=some_campaign(random),
            newcomer=random.random() < 0.12,
        )

    def visit(self, random: Random, person: DemoPerson, start: datetime) -> list[DemoEvent]:
        """Signs up or in, plays, perhaps travels, leaves; some write in the WhatsApp group later."""
        scene = Scene(
            self.app_id, random, person, start, producer="api", session_id=new_uuid(random)
        )
        if person.newcomer:
            self._sign_up(scene, person)
        else:
            self._sign_in(scene)
        began = scene.now
        community = int(person.group_id)
        scene.happens(
            "world.session.started",
            {"community_id": community, "room_population": random.randrange(3, 60)},
            purpose=_TELEMETRY,
            producer="server",
        )
        self._walk(scene, community)
        scene.happens(
            "world.session.ended",
            {"duration_seconds": (scene.now - began).total_seconds(), "community_id": community},
            purpose=_TELEMETRY,
            producer="server",
        )
        if random.random() < 0.6:
            scene.wait(random.uniform(1, 20))
            seconds = (scene.now - start).total_seconds()
            scene.happens(
                "user.logout.completed", {"session_duration_seconds": seconds}, purpose=None
            )
        if random.random() < 0.35:
            self._write_in_whatsapp(scene, community)
        return scene.events

    def background(self, random: Random, midnight: datetime) -> list[DemoEvent]:
        """Hourly jobs, and webhooks of which some fail at first."""
        scene = Scene(self.app_id, random, None, midnight, producer="job")
        for hour in range(24):
            scene.now = midnight + timedelta(hours=hour, seconds=random.uniform(1, 5))
            job = {"job_name": "ranking" if hour % 6 else "cleanup"}
            scene.happens("system.job.started", job, purpose=None)
            milliseconds = round(lasting(random, 900.0) * 10)
            scene.wait(milliseconds / 1_000)
            scene.happens(
                "system.job.completed", {**job, "duration_ms": milliseconds}, purpose=None
            )
            for _ in range(random.randrange(1, 5)):
                scene.wait(random.uniform(5, 500))
                hook = {"source": "stripe", "event_type": "invoice.paid"}
                scene.happens("webhook.received", hook, purpose=None, producer="webhooks")
                scene.wait(random.uniform(0.02, 0.4))
                if random.random() < 0.1:
                    failed = {**hook, "error_code": 502}
                    scene.happens("webhook.failed", failed, purpose=None, producer="webhooks")
                    retry = {"source": "stripe", "attempt_number": 2}
                    scene.wait(2.0)
                    scene.happens("webhook.retried", retry, purpose=None, producer="webhooks")
                done = {**hook, "duration_ms": random.randrange(8, 90)}
                scene.happens("webhook.processed", done, purpose=None, producer="webhooks")
        return scene.events

    def _sign_up(self, scene: Scene, person: DemoPerson) -> None:
        random, began = scene.random, scene.now
        community = int(person.group_id)
        scene.happens(
            "user.signup.started", {"phone_prefix": "+55"}, purpose=_TELEMETRY, producer="frontend"
        )
        scene.wait(random.uniform(1, 4))
        scene.happens("user.signup.otp_sent", {"delivery_method": "whatsapp"}, purpose=None)
        scene.wait(lasting(random, 18.0))
        attempts = random.choices((1, 2, 3), (85, 12, 3))[0]
        scene.happens("user.signup.otp_verified", {"attempts_used": attempts}, purpose=None)
        gate = {"gate": "A", "trigger": "signup"}
        scene.happens("age.gate_presented", gate, purpose=None, producer="frontend")
        scene.wait(lasting(random, 9.0))
        scene.happens("age.declared", {"age_band": "18-24", "assurance_level": 1}, purpose=None)
        scene.happens(
            "user.signup.completed",
            {
                "has_avatar": random.random() < 0.7,
                "community_id": community,
                "signup_duration_seconds": (scene.now - began).total_seconds(),
            },
            purpose=_TELEMETRY,
        )
        joined = {"method": random.choice(("invite", "link")), "community_id": community}
        scene.happens("community.member.joined", joined, purpose=_TELEMETRY)
        scene.happens(
            "gamification.streak.started", {"community_id": community}, purpose=_TELEMETRY
        )

    def _sign_in(self, scene: Scene) -> None:
        random = scene.random
        prefix = {"phone_prefix": random.choice(("+55", "+351", "+1"))}
        scene.happens("user.login.started", prefix, purpose=None, producer="frontend")
        scene.wait(lasting(random, 6.0))
        if random.random() < 0.06:
            scene.happens("user.login.failed", {"reason": "otp_expired"}, purpose=None)
            scene.wait(lasting(random, 20.0))
        scene.happens(
            "user.login.completed", {"session_id_hash": new_uuid(random)[:8]}, purpose=None
        )
        if random.random() < 0.5:
            day = {"streak_day": random.randrange(2, 60)}
            scene.happens("gamification.streak.continued", day, purpose=_TELEMETRY)

    def _walk(self, scene: Scene, community: int) -> None:
        """From zone to zone: every zone that is entered is left again, after as long as it took."""
        random, zone = scene.random, "central_hub"
        missions = 3
        weights = [weight for weight, _ in _ZONES.values()]
        for _ in range(random.choices(range(1, 8), (10, 22, 24, 18, 12, 8, 6))[0]):
            before, zone = zone, random.choices(list(_ZONES), weights)[0]
            scene.wait(random.uniform(1, 8))
            scene.happens(
                "world.zone.entered",
                {"zone_type": zone, "from_zone": before, "community_id": community},
                purpose=_TELEMETRY,
                producer="server",
            )
            seconds = lasting(random, _ZONES[zone][1])
            left = scene.now + timedelta(seconds=seconds)
            for _ in range(random.randrange(3)):
                scene.wait(seconds / 4)
                scene.happens(
                    "world.presence.updated",
                    {"zone_type": zone, "community_id": community},
                    purpose=_TELEMETRY,
                    producer="server",
                    sampled=True,
                )
            if missions and not zone.startswith("portal") and random.random() < 0.4:
                scene.wait(seconds / 4)
                missions -= 1
                self._complete_mission(scene, community, missions)
            scene.now = left
            scene.happens(
                "world.zone.exited",
                {"zone_type": zone, "duration_seconds": seconds, "community_id": community},
                purpose=_TELEMETRY,
                producer="server",
            )
            if zone.startswith("portal"):
                self._travel(scene, community, zone)

    def _complete_mission(self, scene: Scene, community: int, remaining: int) -> None:
        random = scene.random
        mission = random.choices(list(_MISSIONS), [w for w, _ in _MISSIONS.values()])[0]
        xp = _MISSIONS[mission][1] + random.choice((0, 0, 0, 5, 10))
        scene.happens(
            "gamification.mission.completed",
            {
                "mission_type": mission,
                "xp_awarded": xp,
                "community_id": community,
                "missions_remaining": remaining,
            },
            purpose=_TELEMETRY,
        )
        award = {"amount": xp, "source": "mission", "community_id": community}
        scene.happens("gamification.xp.awarded", award, purpose=_TELEMETRY)
        if random.random() < 0.08:
            level = random.randrange(2, 30)
            up = {"old_level": level - 1, "new_level": level, "community_id": community}
            scene.happens("gamification.level.up", up, purpose=_TELEMETRY)

    def _travel(self, scene: Scene, community: int, zone: str) -> None:
        direction = zone.removeprefix("portal_").upper()
        target = scene.random.choice([c for _, c in _COMMUNITIES if c != community])
        scene.happens(
            "world.portal.activated",
            {"portal_direction": direction, "destination_community_id": target},
            purpose=_TELEMETRY,
            producer="server",
        )
        scene.wait(scene.random.uniform(2, 6))
        scene.happens(
            "world.portal.traveled",
            {
                "source_community_id": community,
                "destination_community_id": target,
                "portal_direction": direction,
                "travel_reason": "curiosity",
            },
            purpose=_TELEMETRY,
            producer="server",
        )

    def _write_in_whatsapp(self, scene: Scene, community: int) -> None:
        kinds = ("whatsapp.message.sent", "whatsapp.reaction.added", "whatsapp.reply.sent")
        for _ in range(scene.random.randrange(1, 5)):
            scene.wait(lasting(scene.random, 70.0))
            scene.happens(
                scene.random.choices(kinds, (6, 3, 2))[0],
                {
                    "community_id": community,
                    "timestamp_bucket": scene.now.date().isoformat(),
                },
                purpose=_WHATSAPP,
                producer="webhooks",
            )
