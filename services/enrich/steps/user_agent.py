"""User agent: which kind of device, whose and which, which operating system, browser or game engine.

ua-parser knows systems, browsers, brands and models; `device_type` says which kind of device it is.
"""

import re
from functools import cache, lru_cache
from sys import intern
from typing import NamedTuple

import ua_parser
from ua_parser.loaders import load_lazy_builtins
from ua_parser.re2 import Resolver

from services.enrich.steps.contract import ContextStep
from services.enrich.steps.device_type import device_type

# Headers longer than this are cut: a parser must not be fed what an attacker grows.
MAX_LENGTH = 512
# A name or version longer than this is cut, for the same reason.
MAX_NAME_LENGTH = 64
# ua-parser knows no game engines; these are tried first. The group is the version.
GAME_ENGINES = (
    (re.compile(r"(?:UnityPlayer|UnityWebRequest)/([\w.]*)"), "Unity"),
    (
        re.compile(r"\+\+UE[45]\+(?:Release-)?([\d.]*)|UnrealEngine/([\d.]*)|UE[45]-CL-()"),
        "Unreal Engine",
    ),
    (re.compile(r"GodotEngine/([\d.]*)"), "Godot"),
    (re.compile(r"RobloxApp/([\d.]*)"), "Roblox"),
    (re.compile(r"Roblox(?:Studio)?/"), "Roblox"),
)
# The operating systems' names as people write them today.
OS_NAMES = {"Mac OS X": "macOS"}
# Systems that ua-parser does not know.
OTHER_SYSTEMS = re.compile(r"(?:Open)?Harmony(?:OS)?[ /]([\d.]+)")


class Device(NamedTuple):
    """What a User-Agent header says, by the names of the enriched fields; empty if it does not."""

    device_type: str = ""
    os: str = ""
    browser: str = ""
    os_version: str = ""
    browser_version: str = ""
    device_brand: str = ""
    device_model: str = ""


def parse_user_agent(header: str) -> Device:
    """What the header says.

    `device_type` is engine, bot, console, tv, vr, watch, tablet, mobile, desktop or empty. Versions are
    as the header has them, up to three numbers with dots. Browsers freeze some of what they send: macOS
    is 10.15.7 for all since 2020, Windows 10 includes 11, and Chrome says `K` for every Android model,
    which counts as no model.
    """
    return _parse(header[:MAX_LENGTH])


@lru_cache(maxsize=20_000)
def _parse(header: str) -> Device:
    if not header:
        return Device()
    parsed = _parser().parse(header)
    os, os_version = _system(header, parsed.os)
    brand, model = _hardware(parsed.device)
    for pattern, engine in GAME_ENGINES:
        found = pattern.search(header)
        if found:
            version = next((group for group in found.groups() if group), "")
            return Device("engine", os, engine, os_version, _name(version), brand, model)
    kind = "bot" if parsed.device and parsed.device.family == "Spider" else device_type(header)
    browser = parsed.user_agent
    return Device(
        kind,
        os,
        _name(browser.family) if browser else "",
        os_version,
        _version(browser.major, browser.minor, browser.patch) if browser else "",
        brand,
        model,
    )


@cache
def _parser() -> ua_parser.Parser:
    # `ua_parser.parse` would keep a second cache behind ours, and without RE2 fall back to a matcher that
    # takes a millisecond, silently.
    resolver = Resolver(load_lazy_builtins())
    for expressions, matchers in (
        (resolver.ua, resolver.user_agent_matchers),
        (resolver.os, resolver.os_matchers),
        (resolver.devices, resolver.device_matchers),
    ):
        for position, matcher in enumerate(matchers):
            # Otherwise it takes headers apart with `re`, which backtracks, and permits shorter ones (ADR 64).
            matcher.pattern = expressions.re(position)
    return ua_parser.Parser(resolver)


def _system(header: str, os: ua_parser.OS | None) -> tuple[str, str]:
    if os:
        return _name(OS_NAMES.get(os.family, os.family)), _version(os.major, os.minor, os.patch)
    other = OTHER_SYSTEMS.search(header)
    return ("HarmonyOS", _name(other[1])) if other else ("", "")


def _hardware(device: ua_parser.Device | None) -> tuple[str, str]:
    """Brand and model; empty for robots, and for what ua-parser calls generic."""
    if device is None or device.family == "Spider":
        return "", ""
    brand = device.brand or ""
    model = device.model or ""
    if brand.startswith("Generic"):
        # `Generic_Android` goes with a model that the header names, `Generic` with "Smartphone".
        brand, model = "", model if brand.startswith("Generic_Android") else ""
    # What Chrome has for every model since version 110.
    return _name(brand), _name("" if model == "K" else model)


def _version(*parts: str | None) -> str:
    """`17.1` of "17", "1" and None; empty when there is none."""
    return _name(".".join(part for part in parts if part))


def _name(text: str) -> str:
    """One string for all devices that have it: thousands of them are remembered."""
    return intern(text[:MAX_NAME_LENGTH])


USER_AGENT_STEP = ContextStep(
    name="user_agent", inputs=("user_agent",), outputs=Device._fields, find=parse_user_agent
)
