"""Which kind of device a user agent names: bot, console, tv, vr, watch, tablet, mobile or desktop."""

import re
from collections.abc import Set

from services.enrich.steps.device_rules import (
    ANDROID_DESKTOP,
    ANDROID_PHONE,
    BOT_PARTS,
    BOT_WORDS,
    DESKTOP_PARTS,
    NOT_PHONE_PARTS,
    PHONE_PARTS,
    RULES,
)

_WORD = re.compile(r"[a-z0-9]+")
# A system of the Android family, its version, perhaps a locale, and then the device's own name.
_MODEL = re.compile(
    r"(?:android|tizen|harmonyos)[ /-]?[a-z0-9.]*[;,] ?"
    r"(?:[a-z]{2}[-_][a-z]{2,4}(?:[-_][a-z]{2,3})? ?; ?)?([^;)/]+)"
)
_AFTER_MODEL = re.compile(r"\s*\bbuild\b|\s+applewebkit")
# How to reach the operator: robots say so, people's browsers do not.
_PAGE = ("http://", "https://")
_CONTACT = (*_PAGE, "www.", "@")


def device_type(header: str) -> str:
    """The kind of device, "" if the header names none that is known."""
    text = header.lower()
    found = _MODEL.search(text)
    model = _AFTER_MODEL.split(found[1], 1)[0].strip() if found else ""
    words = frozenset(_WORD.findall(text))
    # A phone may be called "Spider" or "XBot": then the rest of the header decides.
    if _is_bot(text, words) and (
        not model or _is_bot(rest := text.replace(model, ""), frozenset(_WORD.findall(rest)))
    ):
        return "bot"
    kind = _named(text, words, model)
    if kind:
        return "bot" if "mozilla/" in text and _has(_PAGE, text) else kind
    return "bot" if _has(_CONTACT, text) or _is_pretender(text) else ""


def _is_bot(text: str, words: Set[str]) -> bool:
    return (
        _has(BOT_PARTS, text)
        or not words.isdisjoint(BOT_WORDS)
        or ("bot" in text and any(w.endswith(("bot", "bots")) and w != "cubot" for w in words))
        or ("spider" in text and any(word.endswith("spider") for word in words))
        # Its link previews; from a phone, it names the device.
        or ("whatsapp/" in text and "device/" not in text)
    )


def _named(text: str, words: Set[str], model: str) -> str:
    for rule in RULES:
        if (
            _has(rule.parts, text)
            or not words.isdisjoint(rule.words)
            or (model and rule.model.search(model))
        ):
            return rule.kind
    if "android" in text:
        return _android(text, model)
    if _has(PHONE_PARTS, text) and not _has(NOT_PHONE_PARTS, text):
        return "mobile"
    return "desktop" if _has(DESKTOP_PARTS, text) else ""


def _android(text: str, model: str) -> str:
    if ANDROID_DESKTOP.search(model):
        return "desktop"
    # A browser on a phone says "Mobile"; other programs say nothing of the kind, and what is cut off
    # before "Safari" may have lost the word.
    is_whole_browser = "mozilla/" in text and "safari/" in text
    if "mobile" in text or not is_whole_browser or ANDROID_PHONE.search(model):
        return "mobile"
    return "tablet"


def _is_pretender(text: str) -> bool:
    """Whether it calls itself compatible with browsers and names no system that it would run on."""
    return text.startswith("mozilla/") and "(compatible;" in text


def _has(parts: tuple[str, ...], text: str) -> bool:
    return any(map(text.__contains__, parts))
