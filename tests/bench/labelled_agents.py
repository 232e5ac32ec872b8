"""User agents with the kind of device that other projects' own tests expect of them.

Nothing of these lists is in this repository: they are read from packages that a user downloads.
"""

import io
import json
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

# Matomo's kinds in Weir's words. It has no word for VR, whose headsets are "wearable" as watches are,
# and Weir has none for cars, cameras, speakers, scanners and music players: they are UNNAMED.
MATOMO_KINDS = {
    "smartphone": "mobile",
    "phablet": "mobile",
    "feature phone": "mobile",
    "tablet": "tablet",
    "tv": "tv",
    "console": "console",
    "wearable": "worn",
    "desktop": "desktop",
    "": "",
}
UNNAMED = "unnamed"
# Weir's answers that agree with an expectation, where the word is another.
ALSO_RIGHT = {"worn": ("watch", "vr"), UNNAMED: ("",)}
_FIXTURES = "/fixtures/upstream/"


@dataclass(frozen=True, slots=True)
class Labelled:
    """A header and the kind of device that is expected."""

    header: str
    kind: str

    def agrees(self, answer: str) -> bool:
        """Whether `answer`, one of Weir's words, says the same."""
        return answer in ALSO_RIGHT.get(self.kind, (self.kind,))

    @property
    def is_held_out(self) -> bool:
        """Whether it is in the half on which no rule was tried while the rules were written."""
        return zlib.crc32(self.header.encode()) % 2 == 1


def read_labelled(package: Path) -> list[Labelled]:
    """Each header once, in the order of the package.

    `package` is the source distribution of `device_detector` (PyPI), which carries Matomo's fixtures,
    or the package `user-agents` of npm, real browsers with the kind that their screens tell.
    Raises ValueError for anything else.
    """
    labelled = {item.header: item for name, data in _files(package) for item in _read(name, data)}
    if not labelled:
        raise ValueError(f"{package} has neither Matomo's fixtures nor user-agents.json")
    return list(labelled.values())


def _files(package: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(package) as archive:
            for member in archive:
                if member.isfile() and (
                    _FIXTURES in member.name or member.name.endswith("/dist/user-agents.json")
                ):
                    file = archive.extractfile(member)
                    yield member.name, file.read() if file else b""
    except tarfile.TarError as error:
        raise ValueError(f"{package} is no package: {error}") from None


def _read(name: str, data: bytes) -> Iterator[Labelled]:
    if name.endswith(".json"):
        for entry in json.loads(data):
            yield Labelled(entry["userAgent"], entry["deviceCategory"])
    elif name.endswith(".yml"):
        for entry in yaml.load(io.BytesIO(data), Loader=yaml.CSafeLoader):
            # With client hints, the header alone does not tell what is expected.
            if "headers" not in entry:
                yield Labelled(entry["user_agent"], _matomo_kind(entry))


def _matomo_kind(entry: dict[str, object]) -> str:
    if "bot" in entry:
        return "bot"
    device = entry["device"]
    kind = (device.get("type") or "") if isinstance(device, dict) else ""
    return MATOMO_KINDS.get(kind, UNNAMED)
