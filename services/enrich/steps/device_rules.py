"""The words by which a user agent shows its kind of device, in the order in which the kinds are tried.

Robots come first because they copy a browser's whole header; consoles, televisions, headsets and
watches before tablets and phones because most of them run Android or a browser made for desktops.
All words are in lower case. They were chosen by hand, from what makers and platforms document and from
one half of a public list of headers (`tests/bench/user_agents.py`); no other project's rules are copied.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DeviceRule:
    """A kind of device, and what shows it.

    `parts` stand anywhere in the header, `words` stand in it as whole words (letters and digits), and
    `model` is searched in the device's own name, which Android and its relatives give.
    """

    kind: str
    parts: tuple[str, ...]
    words: frozenset[str]
    model: re.Pattern[str]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Search engines, link previews, health checkers, monitors, headless browsers. An address after a plus
# sign is a robot's own page.
BOT_PARTS = (
    "+http", "+ http", "+www.", "headless", "phantomjs", "selenium", "playwright", "puppeteer",
    "lighthouse", "page speed", "pagespeed", "gtmetrix", "webpagetest", "ptst/", "screenshot",
    "crawl", "slurp", "scrap", "archiver", "indexer", "fetcher", "scanner", "scanning", "inspector",
    "validator", "verifier", "verification", "checker", "analyzer", "extractor", "transcoder",
    "monitor", "uptim", "preview", "prefetch", "thumbnail", "favicon", "synthetic", "measurement",
    "probe", "health check", "healthcheck", "health-check", "googlehc", "pingdom", "statuscake",
    "site24x7", "siteimprove", "cloudflare", "keycdn-tools", "google-", "googleads", "google page",
    "google web", "google favicon", "google search console", "compatible; google", "apis-google",
    "mediapartners", "facebookexternal", "facebookcatalog", "meta-external", "skypeuri", "vkshare",
    "image proxy", "imageproxy", "emailproxy", "mail proxy", "-proxy/", "yahoocache", "feedburner",
    "-user/",
)  # fmt: skip
BOT_WORDS = _words(
    "spider archive robot kube zgrab nmap nikto masscan sqlmap heritrix nutch larbin httrack ahrefs"
    " semrush yeti prometheus blackbox grafana k6 jmeter apachebench nagios wappalyzer dataprovider"
    " embedly iframely feedly feedbin netvibes newsblur inoreader zeus seobility seokicks catchpoint"
    " datanyze arachni detectify browsershots wordpress newrelicpinger"
)

_CONSOLE = DeviceRule(
    "console",
    (
        "playstation", "nintendo", "xbox;", "xbox)", "xbox one", "xbox_", "steam deck",
        "steam gamepad",
    ),
    _words("ps4 ps5 psp xbox steamdeck segasaturn dreamcast"),
    re.compile(
        r"^(?:ouya|shield(?: portable)?$|switch(?: lite)?$|retroid|rg\d{3}[hvx]|rgcube|odin|gpd"
        r"|razer edge)"
    ),
)  # fmt: skip

_TV = DeviceRule(
    "tv",
    (
        "hbbtv", "hybridcast", "ce-html", "smarttv", "smart-tv", "smart_tv", "smart tv", "googletv",
        "google tv", "androidtv", "android tv", "apple tv", "appletv", "tvos", "tv safari", "web0s",
        "webos.tv", "netcast", "nettv", "netrange", "bravia", "smarthub", "iptv", "set top",
        "set-top", "settop", "crkey", "chromecast", "firetv", "fire tv", "mibox", "mitv", "tvbox",
        "tv box", "brightsign", "tivo-", "large screen", "largescreen", "inettvbrowser",
        "qtembedded", "boxee", "westerndigital", "vidaa", "linuxtv", "philipstv", "bdplayer",
        "sonycebrowser", "youview", "sagemcom", "gw-device", "linux mips", "andr0id", "omi/4",
        "_vlc/", ".bd.",
    ),
    _words("tv stb ott atv espial vizio vewd viera aquostv roku kepler coolita"),
    re.compile(
        # What makers call televisions, boxes and sticks; a telephone may receive DTV.
        r"\baft[a-z0-9]+$|(?:^|[^d])tv(?:$|[^a-z0-9m])|tv ?box|\bbox|[^ro]box\d?\b"
        r"|stream(?:er|ing)?\b|projector|set-?top|stick\b|dongle"
        r"|\buhd\b|[_ ]4k\b|^4k|[_ ]fhd$|(?:\b|_)shell(?:\b|_)"
        r"|\b[eqou]{0,2}led[-_ ]?\d|[-_ ](?:q|u|o)?led"
        # The diagonal in inches, with which televisions' names begin.
        r"|^(?:[a-z]+[ _-]){0,3}(?:td|le-?|[fhlpu])?(?:19|2[248]|32|39|4[0235689]|5[058]|65|75|8[56])"
        r"[a-z]{1,4}[-_]?[a-z]{0,3}\d{2}"
        # Boxes that are sold a lot.
        r"|^(?:a95x|h96|x96|x88|t95|mxq|m8s|km\d\b|hk1|evpad|ugoos|beelink|minix|neo-x|formuler"
        r"|supermax)"
    ),
)  # fmt: skip

_VR = DeviceRule(
    "vr",
    ("oculus", "picobrowser", "wolvic", "vr safari", "firefox reality", "visionos", "mobile vr"),
    frozenset(),
    re.compile(r"^quest\b|^pico\b|^vive\b"),
)

_WATCH = DeviceRule(
    "watch",
    ("watchos", "watch os", "apple watch", "applewatch", "wear os", "wearos", "model/watch"),
    frozenset(),
    re.compile(r"watch|^(?:samsung )?sm-[rl]\d{3}|\bwear\b|^moto 360"),
)

_TABLET = DeviceRule(
    "tablet",
    (
        "ipad", "tablet;", "tablet)", "tablet/", "tablet os", "/apad", "kindle", "silk/", "playbook",
        "touchpad", "pocketbook", "kobo", "fbid/tablet", "remarkable", "; touch; ma", "; touch; md",
    ),
    _words("nook xoom apad"),
    re.compile(
        r"\btab|tab\b|tab[_-]?\d|tablet|(?<!cool)pad(?:$|[ _-]|\d|pro|air|mini|plus|go\b|[xt]\b)"
        # Samsung, LG, Amazon, Google, Huawei, Lenovo, Asus, BQ, Irbis, Prestigio and others.
        r"|^(?:samsung[ -])?(?:sm|gt)-[tpx]\d|^sm-[tpx]|^kf[a-z]{2,6}$|nexus (?:7|9|10)\b|^pixel c\b"
        r"|^[a-z]{3}\d?-w\d|^(?:lenovo )?tb-?[x\d]|xoom|transformer|^tf\d{3}|^asus[ _]p"
        r"|^ep\d{3}|\bpm[tp]\d|\bmid[-_]?\d|^mid\b|\bslate|kids|^surface duo|^iplay"
        r"|^archos ?(?:[789]|1[0-3])\d{0,2}\b|^lg-v\d|^bq-?(?:[78]\d|10)\d{2}|^tz\d|^numy|^nomi_c\d|^optima "
        r"|^(?:ags|bah|bzt|cmr|jdn|kob|mrr|mrx|scm|sht)\d?-"
        # The diagonal in inches behind a dash, and the variant with a modem of its own.
        r"|-7\d\d\w?$|[ _]3g$|_[34]g_"
    ),
)  # fmt: skip

RULES = (_CONSOLE, _TV, _VR, _WATCH, _TABLET)

# Laptops and desktops that run Android.
ANDROID_DESKTOP = re.compile(
    r"chromebook|chromebox|inspiron|latitude|aspire|satellite|travelmate|elitebook|probook|vostro"
    r"|thinkpad|netbook|easynote|remix mini"
)
# Phones that leave "Mobile" out: folded open, or when an app of the maker shows the page.
ANDROID_PHONE = re.compile(
    r"^(?:samsung )?sm-[acefgjmns]\d|^[a-z]{3}-(?:an|al|tn|tl|l|lx)\d"
    r"|^(?:rmx|cph|v2|m2|2[0-9]{3}|red?mi|pixel \d|moto |lg-|lm-|sc[gv]|so-|sh-|one?plus|iphone)"
)

PHONE_PARTS = (
    "mobile", "phone", "ipod", "dv(iph", "windows ce", "wpdesktop", "lumia", "nokia", "symbian",
    "series60", "series 60", "s60;", "series40", "midp", "cldc", "maui", "blackberry", "bb10",
    "kaios", "opera mini", "opera mobi", "ucweb", "docomo", "kddi", "softbank", "vodafone",
    "j-phone", "willcom", "up.browser", "sonyericsson", "samsung-", "mot-", "lg-", "lge-", "sie-",
    "alcatel", "palm", "webos/", "maemo", "meego", "sailfish", "bada", "tizen", "brew",
    "jig browser", "openharmony", "harmonyos", "hmos",
)  # fmt: skip
# A desktop's Harmony or Windows header has words of phones in it.
NOT_PHONE_PARTS = ("2in1;", "(pc;", "tablet pc")
DESKTOP_PARTS = (
    "windows", "win98", "win95", "win32", "win64", "win10", "macintosh", "mac os", "mac_powerpc",
    "macos", "osx/", "macbook", "imac", "macmini", "macpro", "x86_64", "x11", "linux", "cros ",
    "ubuntu", "freebsd", "openbsd", "netbsd", "dragonfly", "sunos", "solaris", "irix", "hp-ux",
    "beos", "haiku", "amiga", "os/2", "cygwin", "ms-office", "desktop", "(pc;", "2in1;",
)  # fmt: skip
