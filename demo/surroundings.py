"""Where people are and what they hold: devices, addresses, campaigns, and the hours they are awake."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

# Share of the day's visits by hour (UTC): a quiet night, a rise from seven, an evening peak at eight.
HOURS = (14, 9, 6, 4, 3, 4, 8, 18, 30, 38, 42, 46, 52, 50, 46, 48, 56, 68, 84, 98, 104, 92, 60, 30)
LAST_START_SECONDS = 86_399

# First two octets of a network in the country, its locale and its time zone.
_PLACES = (
    (30, "177.32", "pt-BR", "America/Sao_Paulo"),
    (22, "85.240", "pt-PT", "Europe/Lisbon"),
    (14, "24.0", "en-US", "America/New_York"),
    (9, "81.128", "en-GB", "Europe/London"),
    (8, "84.128", "de-DE", "Europe/Berlin"),
    (6, "90.0", "fr-FR", "Europe/Paris"),
    (6, "117.192", "en-IN", "Asia/Kolkata"),
    (5, "126.0", "ja-JP", "Asia/Tokyo"),
)
_IPV6 = "2001:8a0:{:x}:{:x}::{:x}"

GAME_CLIENTS = (
    (5, "desktop", "UnityPlayer/2022.3.21f1 (UnityWebRequest/1.0, libcurl/8.5.0-DEV)"),
    (2, "mobile", "UnityPlayer/2022.3.21f1 (UnityWebRequest/1.0, libcurl/8.5.0-DEV) Android"),
    (1, "desktop", "UnityPlayer/2021.3.35f1 (UnityWebRequest/1.0, libcurl/8.1.1-DEV)"),
)
BROWSERS = (
    (
        5,
        "desktop",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/126.0.0.0 Safari/537.36",
    ),
    (
        3,
        "desktop",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 "
        "(KHTML, like Gecko) Version/17.5 Safari/605.1.15",
    ),
    (
        4,
        "mobile",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
        "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
    ),
    (
        4,
        "mobile",
        "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/126.0.0.0 Mobile Safari/537.36",
    ),
    (1, "desktop", "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"),
)
_CAMPAIGNS: tuple[tuple[int, Mapping[str, str]], ...] = (
    (60, {}),
    (14, {"source": "google", "medium": "cpc", "campaign": "spring_launch", "term": "community"}),
    (10, {"source": "instagram", "medium": "social", "campaign": "creators"}),
    (8, {"source": "newsletter", "medium": "email", "campaign": "weekly", "content": "button_top"}),
    (8, {"source": "youtube", "medium": "video", "campaign": "spring_launch"}),
)


def choose(random: Random, weighted: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    """One of some tuples that begin with their weight."""
    return random.choices(weighted, [entry[0] for entry in weighted])[0]


def some(random: Random, weights: Sequence[tuple[str, int]]) -> str:
    """One of some words with their weights."""
    return random.choices([word for word, _ in weights], [weight for _, weight in weights])[0]


def some_context(
    random: Random, clients: Sequence[tuple[int, str, str]], versions: Sequence[str] = ()
) -> dict[str, str]:
    """A device and a place, as an event's context has them; one in twenty addresses is IPv6."""
    _, platform, user_agent = choose(random, clients)
    _, network, locale, timezone = choose(random, _PLACES)
    if random.random() < 0.05:
        address = _IPV6.format(*(random.randrange(1, 65_536) for _ in range(3)))
    else:
        address = f"{network}.{random.randrange(256)}.{random.randrange(1, 255)}"
    context = {
        "user_agent": user_agent,
        "ip": address,
        "platform": platform,
        "locale": locale,
        "timezone": timezone,
    }
    if versions:
        context["app_version"] = random.choice(versions)
    return context


def some_campaign(random: Random) -> Mapping[str, str]:
    """What brought a person; mostly nothing."""
    campaign: Mapping[str, str] = choose(random, _CAMPAIGNS)[1]
    return campaign


def start_of_visit(random: Random) -> float:
    """Seconds after midnight at which a visit begins, by the day's curve."""
    hour = random.choices(range(24), HOURS)[0]
    return hour * 3_600 + random.random() * 3_600


def lasting(random: Random, median_seconds: float, spread: float = 0.6) -> float:
    """How long something lasts: log-normal, to a hundredth of a second."""
    return round(median_seconds * random.lognormvariate(0.0, spread), 2)
