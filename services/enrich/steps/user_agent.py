"""User agent: which kind of device, which operating system, which browser or game engine."""

import re
from functools import lru_cache

import ua_parser

from services.enrich.model import Device

# Headers longer than this are cut: a parser must not be fed what an attacker grows.
MAX_LENGTH = 512
# ua-parser knows no game engines; these stand before its own answer.
GAME_ENGINES = (
    (re.compile(r"UnityPlayer/|UnityWebRequest/"), "Unity"),
    (re.compile(r"\+\+UE[45]\+|UnrealEngine/|UE[45]-CL-"), "Unreal Engine"),
    (re.compile(r"GodotEngine/"), "Godot"),
    (re.compile(r"Roblox/|RobloxStudio/"), "Roblox"),
)
# The operating systems' names as people write them today.
OS_NAMES = {"Mac OS X": "macOS"}
DESKTOP_OS = frozenset({"Windows", "macOS", "Linux", "Ubuntu", "Debian", "Fedora", "Chrome OS"})
TABLET_FAMILY = re.compile(r"iPad|Tablet|Kindle", re.IGNORECASE)


def parse_user_agent(header: str) -> Device:
    """What the header says; `device_type` is desktop, mobile, tablet, bot, engine or empty."""
    return _parse(header[:MAX_LENGTH])


@lru_cache(maxsize=20_000)
def _parse(header: str) -> Device:
    if not header:
        return Device()
    parsed = ua_parser.parse(header)
    os = parsed.os.family if parsed.os else ""
    os = OS_NAMES.get(os, os)
    for pattern, engine in GAME_ENGINES:
        if pattern.search(header):
            return Device("engine", os, engine)
    browser = parsed.user_agent.family if parsed.user_agent else ""
    return Device(_device_type(os, parsed.device), os, browser)


def _device_type(os: str, device: ua_parser.Device | None) -> str:
    family, brand = (device.family or "", device.brand or "") if device else ("", "")
    if family == "Spider":
        return "bot"
    if TABLET_FAMILY.search(family) or TABLET_FAMILY.search(brand):
        return "tablet"
    if os in {"iOS", "Android"}:
        return "mobile"
    return "desktop" if os in DESKTOP_OS else ""
