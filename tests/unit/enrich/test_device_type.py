"""Kinds of devices: headers written by hand after the makers' and platforms' documentation."""

import pytest

from services.enrich.steps.device_rules import RULES
from services.enrich.steps.user_agent import parse_user_agent

CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0"
PHONE = f"{CHROME} Mobile Safari/537.36"
LARGE = f"{CHROME} Safari/537.36"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
LINUX = "Mozilla/5.0 (X11; Linux x86_64)"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.1 Mobile/15E148"
)


def android(model: str, rest: str) -> str:
    return f"Mozilla/5.0 (Linux; Android 13; {model}) {rest}"


HEADERS = {
    "bot": [
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        # Googlebot for phones says nearly all that a phone says.
        android("Nexus 5X Build/MMB29P", PHONE)
        + " (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        f"{LINUX} AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/120.0.0.0 Safari/537.36",
        android("moto g power (2022)", PHONE) + " Chrome-Lighthouse",
        f"{WINDOWS} {LARGE} Playwright/1.40.0",
        "kube-probe/1.27",
        "GoogleHC/1.0",
        "ELB-HealthChecker/2.0",
        "Amazon-Route53-Health-Check-Service (ref 2d1c; report http://amzn.to/1vsZADi)",
        "Prometheus/2.48.0",
        "Blackbox Exporter/0.24.0",
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        "WhatsApp/2.23.20.0 A",
        "Mozilla/5.0 (compatible; ExampleIndex/1.0)",
        "ExampleIndex (operator@example.org)",
    ],
    "console": [
        "Mozilla/5.0 (PlayStation; PlayStation 5/2.26) AppleWebKit/605.1.15 (KHTML, like Gecko)",
        "Mozilla/5.0 (PlayStation 4 11.00) AppleWebKit/605.1.15 (KHTML, like Gecko)",
        "Mozilla/5.0 (Nintendo Switch; WifiWebAuthApplet) AppleWebKit/606.4 (KHTML, like Gecko) "
        "NF/6.0.1.15.4 NintendoBrowser/5.1.0.20393",
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox One) {LARGE} Edge/44.18363.8131",
    ],
    "tv": [
        "Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/538.1 (KHTML, like Gecko) "
        "Version/6.0 TV Safari/538.1",
        f"Mozilla/5.0 (Web0S; Linux/SmartTV) {LARGE}",
        android("AFTMM Build/NS6265; wv", PHONE),
        android("BRAVIA 4K UR3", LARGE),
        android("Chromecast", LARGE),
        "Roku/DVP-12.0 (12.0.0.4182)",
        "AppleTV11,1/11.1",
        "HbbTV/1.5.1 (+DRM; Example; MB185; R2.0.0;)",
    ],
    "vr": [
        f"Mozilla/5.0 (X11; Linux x86_64; Quest 3) {CHROME} VR Safari/537.36 OculusBrowser/30.0",
        f"Mozilla/5.0 (Linux; Android 10; Quest 2) {CHROME} VR Safari/537.36 OculusBrowser/24.4",
        f"Mozilla/5.0 (X11; Linux x86_64; PICO 4 OS5.4.0 like Quest) {CHROME} PicoBrowser/3.3.22",
    ],
    "watch": [
        "atc/1.0 watchOS/9.4 model/Watch6,16 hwp/t8301 build/20T253",
        "Mozilla/5.0 (Linux; Tizen 5.5; SAMSUNG SM-R850) AppleWebKit/537.36 (KHTML, like Gecko) "
        "SamsungBrowser/2.0 Chrome/69.0.3497.106 Mobile Safari/537.36",
        android("TicWatch Pro 5", PHONE),
    ],
    "tablet": [
        IPHONE.replace("iPhone; CPU iPhone", "iPad; CPU") + " Safari/604.1",
        android("SM-X710", LARGE),
        android("Lenovo TB-X606F", LARGE),
        # Chrome since 110 hides the model; what is left is that "Mobile" is missing.
        android("K", LARGE),
        android("KFMAWI Build/PS7326; wv", f"{CHROME} Mobile Safari/537.36"),
        "Mozilla/5.0 (Linux; U; Android 4.0.3; en-us; KFTT Build/IML74K) AppleWebKit/537.36 "
        "(KHTML, like Gecko) Silk/3.68 like Chrome/39.0.2171.93 Safari/537.36",
        "Mozilla/5.0 (Android 13; Tablet; rv:120.0) Gecko/120.0 Firefox/120.0",
        "Mozilla/5.0 (PlayBook; U; RIM Tablet OS 2.1.0; en-US) AppleWebKit/536.2+ (KHTML, like Gecko)",
    ],
    "mobile": [
        IPHONE + " Safari/604.1",
        android("Pixel 7", PHONE),
        android("K", PHONE),
        # A foldable phone, open: its browser leaves "Mobile" out.
        android("SM-F946B", LARGE),
        # Phones whose names are also words for something else.
        android("Cubot X50", PHONE),
        android("Coolpad 3632", PHONE),
        android("Spider 8", PHONE),
        "Dalvik/2.1.0 (Linux; U; Android 13; Pixel 7 Build/TQ3A.230901.001)",
        "okhttp/4.12.0 (Android 13; Pixel 7)",
        "Mozilla/5.0 (Mobile; Nokia_8110_4G; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5",
        "Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1; Microsoft; Lumia 950) AppleWebKit/537.36 "
        "(KHTML, like Gecko) Chrome/52.0.2743.116 Mobile Safari/537.36 Edge/15.15063",
        f"Mozilla/5.0 (Phone; OpenHarmony 5.0) {CHROME} Safari/537.36 ArkWeb/4.1.6.1 Mobile",
        "Nokia6300/2.0 (05.00) Profile/MIDP-2.0 Configuration/CLDC-1.1",
        "Opera/9.80 (J2ME/MIDP; Opera Mini/7.1.32052/191.273; U; en) Presto/2.8.119 Version/11.10",
        "BlackBerry9700/5.0.0.862 Profile/MIDP-2.1 Configuration/CLDC-1.1 VendorID/331",
        "WhatsApp/2.17.427 Android/4.4.4 Device/Xiaomi-2014811",
    ],
    "desktop": [
        # As the IP assets document has it in its test.
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)...",
        f"{WINDOWS} {LARGE}",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/17.1 Safari/605.1.15",
        f"{LINUX} {LARGE}",
        f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {LARGE}",
        "Mozilla/5.0 (X11; FreeBSD amd64; rv:120.0) Gecko/20100101 Firefox/120.0",
        "Mozilla/5.0 (X11; OpenBSD amd64; rv:120.0) Gecko/20100101 Firefox/120.0",
        "Mozilla/5.0 (X11; NetBSD amd64; rv:120.0) Gecko/20100101 Firefox/120.0",
        "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 6.1; Trident/7.0; Tablet PC 2.0)",
        f"Mozilla/5.0 (PC; OpenHarmony 5.0) {CHROME} Safari/537.36 ArkWeb/4.1.6.1",
        android("Samsung Chromebook 3", LARGE),
    ],
    "engine": [
        "UnityPlayer/2022.3.10f1 (UnityWebRequest/1.0, libcurl/8.1.1-DEV)",
        "game/++UE5+Release-5.3-CL-29314046 Windows/10.0.19045.1.256.64bit",
        "GodotEngine/4.2.1 (Linux)",
        "Roblox/WinInet",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 "
        "(KHTML, like Gecko) Mobile/15E148 ROBLOX iOS App 2.600 Hybrid RobloxApp/2.600",
    ],
    "": [
        "",
        "Mozilla/5.0...",
        "\x00\ufffd😀",
        # Libraries run on anything.
        "python-requests/2.31.0",
        "curl/8.4.0",
        "Go-http-client/2.0",
        # Any of Apple's devices.
        "Example/12 CFNetwork/1404.0.5 Darwin/22.3.0",
    ],
}


@pytest.mark.parametrize(
    ("kind", "header"), [(kind, header) for kind, headers in HEADERS.items() for header in headers]
)
def test_the_kind_of_device_is_recognized(kind: str, header: str) -> None:
    assert parse_user_agent(header).device_type == kind


def test_rules_are_tried_from_the_surest_to_the_least_sure() -> None:
    assert [rule.kind for rule in RULES] == ["console", "tv", "vr", "watch", "tablet"]


@pytest.mark.parametrize(
    ("header", "os", "browser"),
    [
        (IPHONE + " Safari/604.1", ("iOS", "17.1"), ("Mobile Safari", "17.1")),
        (android("Pixel 7", PHONE), ("Android", "13"), ("Chrome Mobile", "120.0.0")),
        # Chrome and Safari say 10.15.7 whatever macOS it is.
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)...", ("macOS", "10.15.7"), ("", "")),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0",
            ("Linux", ""),
            ("Firefox", "120.0"),
        ),
        (
            "Mozilla/5.0 (Phone; OpenHarmony 5.0) ArkWeb/4.1.6.1 Mobile",
            ("HarmonyOS", "5.0"),
            ("", ""),
        ),
        ("UnityPlayer/2022.3.10f1 (UnityWebRequest/1.0)", ("", ""), ("Unity", "2022.3.10f1")),
        (
            "game/++UE5+Release-5.3-CL-29314046 Windows/10.0.19045.1.256.64bit",
            ("Windows", ""),
            ("Unreal Engine", "5.3"),
        ),
        ("GodotEngine/4.2.1 (Linux)", ("Linux", ""), ("Godot", "4.2.1")),
        ("Roblox/iOS RobloxApp/2.600", ("", ""), ("Roblox", "2.600")),
    ],
)
def test_systems_and_browsers_have_versions(
    header: str, os: tuple[str, str], browser: tuple[str, str]
) -> None:
    device = parse_user_agent(header)
    assert ((device.os, device.os_version), (device.browser, device.browser_version)) == (
        os,
        browser,
    )


@pytest.mark.parametrize(
    ("header", "brand", "model"),
    [
        (IPHONE, "Apple", "iPhone"),
        (android("Pixel 7", PHONE), "Google", "Pixel 7"),
        (android("SM-X710", LARGE), "", "SM-X710"),  # ua-parser knows the model's name, no maker
        (android("K", PHONE), "", ""),  # what Chrome says for every model
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "", ""),
        (f"{WINDOWS} {LARGE}", "", ""),
    ],
)
def test_brand_and_model_are_what_the_header_says(header: str, brand: str, model: str) -> None:
    device = parse_user_agent(header)
    assert (device.device_brand, device.device_model) == (brand, model)
