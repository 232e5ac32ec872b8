"""What people do in one visit to each product: the events, in order, with believable properties."""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any, NamedTuple

from weir.common.v1 import event_pb2 as pb

from tests.bench.population import Person

_ZONES = ("central_hub", "workshop", "social_east", "social_west", "brand_zone", "quiet_refuge")
_MISSIONS = ("send_messages", "invite_friend", "visit_zone", "daily_checkin", "host_event")
_CONTENT = ("video", "post", "product", "live", "profile")
_ACTIONS = ("like", "comment", "share", "follow")
_CURRENCIES = ("EUR", "USD", "USD", "GBP")
_GAMES = tuple(f"G-{number:05d}" for number in range(1, 41))
_QUERIES = ("city at night", "portrait", "waves", "logo", "drone footage")
_STAGES = ("learn", "play", "quiz", "challenge", "review")


class Happening(NamedTuple):
    """One event of a visit, before it gets an id, a person and a time."""

    name: str
    producer: pb.Producer
    properties: dict[str, Any]
    schema_version: str = ""
    entity_type: str = ""
    entity_id: str = ""
    assignment_id: str = ""


Visit = Callable[[Person, Random], Iterator[Happening]]

# The events by whose person the bench finds a frame in the database. That person has not been asked for
# consent, so these are events that are stored without it.
COMMUNITY_MARKER = Happening("user.login.completed", pb.PRODUCER_API, {})
SOCIAL_MARKER = Happening("session", pb.PRODUCER_FRONTEND, {"action": "marker"}, "1.1.0")
LESSON_MARKER = Happening("menu_click", pb.PRODUCER_FRONTEND, {})
ASSET_MARKER = Happening("page_viewed", pb.PRODUCER_FRONTEND, {})


def community_visit(person: Person, random: Random) -> Iterator[Happening]:
    """Unofficial Communities: a walk through the world, missions in the app, a signup, WhatsApp."""
    community = int(person.group_id)
    kind = random.random()
    if (person.has_whatsapp and kind < 0.5) or kind < 0.003:
        for _ in range(random.randrange(1, 4)):
            name = random.choice(("whatsapp.message.sent", "whatsapp.reaction.added"))
            yield Happening(name, pb.PRODUCER_WEBHOOKS, {"community_id": community})
    elif kind < 0.37:
        yield from _world(community, random)
    elif kind < 0.70:
        yield from _mission(community, random)
        if random.random() < 0.5:
            yield Happening(
                "gamification.streak.continued",
                pb.PRODUCER_API,
                {"streak_day": random.randrange(2, 60), "community_id": community},
            )
    elif kind < 0.86:
        yield Happening(
            "user.login.completed",
            pb.PRODUCER_API,
            {"session_id_hash": f"{random.getrandbits(64):x}"},
        )
        yield from _mission(community, random)
    elif kind < 0.92:
        yield Happening("user.signup.started", pb.PRODUCER_FRONTEND, {"phone_prefix": "+44"})
        yield Happening("user.signup.otp_sent", pb.PRODUCER_API, {"delivery_method": "sms"})
        yield Happening("user.signup.otp_verified", pb.PRODUCER_API, {"attempts_used": 1})
        yield Happening(
            "user.signup.completed",
            pb.PRODUCER_API,
            {
                "has_avatar": True,
                "community_id": community,
                "signup_duration_seconds": random.randrange(20, 300),
            },
        )
        yield Happening(
            "community.member.joined",
            pb.PRODUCER_API,
            {"method": "invite", "community_id": community},
        )
    else:
        yield Happening("community.invite.created", pb.PRODUCER_API, {"community_id": community})


def social_visit(person: Person, random: Random) -> Iterator[Happening]:
    """Social Live: content looked at, liked and sometimes bought."""
    if random.random() < 0.7:
        yield _social("session", {"action": "start"})
    for _ in range(random.randrange(1, 3)):
        kind, content = random.choice(_CONTENT), f"content-{random.randrange(5_000)}"
        yield _social(
            "view",
            {
                "contentType": kind,
                "contentId": content,
                "viewDuration": random.randrange(1, 400),
                "scrollDepth": round(random.random(), 2),
            },
            kind,
            content,
        )
        if random.random() < 0.4:
            yield _social(
                "engagement",
                {"action": random.choice(_ACTIONS), "targetType": kind, "targetId": content},
                kind,
                content,
            )
    if random.random() < 0.06:
        yield _social(
            "purchase",
            {
                "productId": f"product-{random.randrange(400)}",
                "orderId": f"order-{random.getrandbits(40):x}",
                "amount": random.randrange(199, 9_999) / 100,
                "currency": random.choice(_CURRENCIES),
                "quantity": random.randrange(1, 4),
                "paymentMethod": "card",
            },
        )
    if random.random() < 0.15:
        yield _social(
            "stream",
            {
                "streamId": f"stream-{random.randrange(300)}",
                "action": "join",
                "viewerCount": random.randrange(3, 900),
            },
        )
    if random.random() < 0.6:
        yield _social("session", {"action": "end", "duration": random.randrange(10, 3_000)})


def lesson_visit(person: Person, random: Random) -> Iterator[Happening]:
    """MLC-LMS: a student logs in and plays stages of a game."""
    game, stage_type = random.choice(_GAMES), random.choice(_STAGES)
    assignment = f"A-{person.group_id}-{random.randrange(30)}"
    stage = {"game_id": game, "stage_id": f"{game}-{stage_type}", "stage_type": stage_type}
    if random.random() < 0.4:
        yield _lesson("user_login", {"login_method": "password", "mfa_used": False})
    # One in a hundred is kept: the catalog samples it.
    if random.random() < 0.15:
        yield _lesson("page_view", {"page_url": f"/games/{game}"})
    yield _lesson("game_launch", {"game_id": game}, assignment)
    yield _lesson("game_stage_start", stage, assignment)
    score = random.randrange(20, 101)
    attempts = random.randrange(1, 6)
    if random.random() < 0.8:
        yield _lesson(
            "game_stage_complete",
            {
                **stage,
                "score": score,
                "max_score": 100,
                "passed": score >= 60,
                "duration_ms": random.randrange(20_000, 400_000),
                "attempts": attempts,
                "mistake_count": random.randrange(12),
                "input_mode": "midi",
                "concept_tags": ["rhythm", "pitch"],
                "difficulty_level": random.randrange(1, 11),
            },
            assignment,
        )
    if score >= 80:
        yield _lesson(
            "target_met", {**stage, "target_score": 80, "actual_score": score}, assignment
        )
    if score >= 95:
        yield _lesson(
            "concept_mastered",
            {"game_id": game, "total_attempts": attempts, "time_to_mastery_ms": 900_000},
            assignment,
        )


def asset_visit(person: Person, random: Random) -> Iterator[Happening]:
    """IP assets: a person logs in, looks at assets, and in two visits of five searches, as in the demo."""
    yield _asset("user_logged_in", {"loginMethod": "password", "success": True})
    for _ in range(random.randrange(2, 7)):
        asset = f"asset-{random.randrange(500)}"
        yield _asset("asset_viewed", {"view_duration_ms": random.randrange(200, 60_000)}, asset)
        if random.random() < 0.1:
            yield _asset("asset_downloaded", {}, asset)
    if random.random() < 0.4:
        results = {"query": random.choice(_QUERIES), "resultCount": random.randrange(90)}
        yield _asset("search_performed", results)


def _world(community: int, random: Random) -> Iterator[Happening]:
    yield Happening(
        "world.session.started",
        pb.PRODUCER_SERVER,
        {"community_id": community, "room_population": random.randrange(1, 80)},
    )
    zone, seconds = "onboarding", 0
    for _ in range(random.randrange(1, 3)):
        came_from, zone = zone, random.choice(_ZONES)
        dwell = random.randrange(5, 600)
        seconds += dwell
        yield Happening(
            "world.zone.entered",
            pb.PRODUCER_SERVER,
            {"zone_type": zone, "from_zone": came_from, "community_id": community},
        )
        yield Happening(
            "world.zone.exited",
            pb.PRODUCER_SERVER,
            {"zone_type": zone, "duration_seconds": dwell, "community_id": community},
        )
    if random.random() < 0.3:
        yield from _mission(community, random)
    yield Happening(
        "world.session.ended",
        pb.PRODUCER_SERVER,
        {"duration_seconds": seconds, "community_id": community},
    )


def _mission(community: int, random: Random) -> Iterator[Happening]:
    xp = random.randrange(10, 100, 5)
    yield Happening(
        "gamification.mission.completed",
        pb.PRODUCER_API,
        {
            "mission_type": random.choice(_MISSIONS),
            "xp_awarded": xp,
            "community_id": community,
            "missions_remaining": random.randrange(3),
        },
    )
    yield Happening(
        "gamification.xp.awarded",
        pb.PRODUCER_API,
        {"amount": xp, "source": "mission", "community_id": community},
    )


def _social(
    name: str, properties: dict[str, Any], entity_type: str = "", entity_id: str = ""
) -> Happening:
    return Happening(name, pb.PRODUCER_FRONTEND, properties, "1.1.0", entity_type, entity_id)


def _asset(name: str, properties: dict[str, Any], asset_id: str = "") -> Happening:
    return Happening(name, pb.PRODUCER_FRONTEND, properties, "", "asset", asset_id)


def _lesson(name: str, properties: dict[str, Any], assignment_id: str = "") -> Happening:
    return Happening(name, pb.PRODUCER_FRONTEND, properties, assignment_id=assignment_id)
