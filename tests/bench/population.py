"""The people of the benchmark: who they are, from where they come, and what they have agreed to."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

# Purposes that a person may refuse, the apps in which no answer counts as a rejection of it, and a
# purpose that few people grant.
REFUSABLE = {
    "unofficial_communities": "telemetry",
    "social_live": "analytics",
    "mlc_lms": "learning_progress",
    "ip_assets": "analytics",
}
OPT_IN = frozenset({"unofficial_communities"})
# What people of those apps granted before the benchmark begins.
GRANTED = frozenset((REFUSABLE[app_id], True) for app_id in OPT_IN)
# The age band of all people of apps that ask for one.
AGE_BANDS = {"mlc_lms": "from_13"}
WHATSAPP = "whatsapp_activity"
# Apps keep their people's numbers at one length, so that messages about them have one size.
_FIRST_NUMBER = 1_000_001
_LOCALES = ("en-GB", "en-US", "pt-BR", "de-DE", "es-MX", "fr-FR", "ja-JP", "hi-IN")
_ZONES = ("Europe/London", "America/New_York", "America/Sao_Paulo", "Europe/Berlin", "Asia/Tokyo")


@dataclass(frozen=True, slots=True)
class Person:
    """One person of one app. Empty texts stand for what the app does not send."""

    subject_id: str
    group_id: str
    user_agent: str
    ip: str
    platform: str
    locale: str
    timezone: str
    # Recorded choices by purpose; a purpose that is not there has the catalog's default.
    choices: tuple[tuple[str, bool], ...]

    @property
    def has_whatsapp(self) -> bool:
        """Whether the person has linked WhatsApp."""
        return (WHATSAPP, True) in self.choices


def make_people(app_id: str, count: int, groups: int, random: Random) -> Sequence[Person]:
    """`count` people in `groups` groups, a few of them large. 5 % have refused the app's purpose, all
    others have granted it or need not, and 3 % of the members of communities have granted WhatsApp
    activity."""
    agents = [_user_agent(random) for _ in range(max(20, count // 60))]
    people = []
    for number in range(_FIRST_NUMBER, _FIRST_NUMBER + count):
        platform, agent = random.choice(agents)
        choices = []
        refuses = random.random() < 0.05
        if refuses or app_id in OPT_IN:
            choices.append((REFUSABLE[app_id], not refuses))
        if app_id == "unofficial_communities" and random.random() < 0.03:
            choices.append((WHATSAPP, True))
        people.append(
            Person(
                subject_id=str(number),
                group_id=str(101 + int(groups * random.random() ** 2)) if groups else "",
                user_agent=agent,
                ip=_address(random),
                platform=platform,
                locale=random.choice(_LOCALES),
                timezone=random.choice(_ZONES),
                choices=tuple(choices),
            )
        )
    random.shuffle(people)
    return people


def _address(random: Random) -> str:
    if random.random() < 0.1:
        return f"2a0{random.randrange(10)}:{random.getrandbits(16):x}:{random.getrandbits(16):x}::1"
    return f"{random.randrange(1, 224)}.{random.randrange(256)}.{random.randrange(256)}.7"


def _user_agent(random: Random) -> tuple[str, str]:
    """A platform and the User-Agent of a browser or game client there, of some recent version."""
    chrome = (
        f"{random.randrange(110, 142)}.0.{random.randrange(5000, 7500)}.{random.randrange(200)}"
    )
    apple = f"{random.randrange(15, 19)}_{random.randrange(8)}"
    webkit = "AppleWebKit/537.36 (KHTML, like Gecko)"
    mobile_webkit = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
    return random.choice(
        (
            (
                "web",
                f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {webkit} Chrome/{chrome} Safari/537.36",
            ),
            (
                "web",
                f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {webkit} "
                f"Chrome/{chrome} Safari/537.36",
            ),
            (
                "web",
                "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 "
                f"Firefox/{random.randrange(110, 142)}.0",
            ),
            (
                "ios",
                f"Mozilla/5.0 (iPhone; CPU iPhone OS {apple} like Mac OS X) {mobile_webkit} "
                f"Version/{apple.replace('_', '.')} Mobile/15E148 Safari/604.1",
            ),
            (
                "ios",
                f"Mozilla/5.0 (iPad; CPU OS {apple} like Mac OS X) {mobile_webkit} "
                f"Version/{apple.replace('_', '.')} Mobile/15E148 Safari/604.1",
            ),
            (
                "android",
                f"Mozilla/5.0 (Linux; Android {random.randrange(10, 16)}; Pixel "
                f"{random.randrange(4, 10)}) {webkit} Chrome/{chrome} Mobile Safari/537.36",
            ),
            (
                "desktop",
                f"UnityPlayer/2022.3.{random.randrange(60)}f1 "
                "(UnityWebRequest/1.0, libcurl/8.1.1-DEV)",
            ),
        )
    )
