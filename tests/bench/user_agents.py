"""How often Weir names the right kind of device, and what that costs, beside what libraries do.

    pip download --no-binary :all: --no-deps device_detector
    python -m tests.bench.user_agents device_detector-6.5.1.tar.gz

Libraries other than Weir's own are measured when they are installed. Each has a process of its own, so
that memory and import time are its own; times are CPU times, so that a busy machine changes them little.
"""

import argparse
import gc
import importlib
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from tests.bench.labelled_agents import Labelled, read_labelled

Detector = Callable[[str], str]
# What a slow library is measured on, so that it ends in minutes.
_SAMPLE = 4_000
_SEED = 20_260_101


def weir() -> Detector:
    """The rules and ua-parser together, as enrich has them, without the cache."""
    from services.enrich.steps import user_agent

    parse = user_agent._parse.__wrapped__
    return lambda header: parse(header[: user_agent.MAX_LENGTH]).device_type


def device_detector() -> Detector:
    """Matomo's rules, ported to Python."""
    detect = importlib.import_module("device_detector").DeviceDetector
    from tests.bench.labelled_agents import MATOMO_KINDS

    def kind(header: str) -> str:
        found = detect(header).parse()
        answer = MATOMO_KINDS.get(str(found.device_type() or ""), "")
        return "bot" if found.is_bot() else "watch" if answer == "worn" else answer

    return kind


def user_agents() -> Detector:
    """ua-parser with its own few rules for kinds."""
    parse = importlib.import_module("user_agents").parse

    def kind(header: str) -> str:
        found = parse(header)
        kinds = ("bot", "tablet", "mobile", "pc")
        answer = next((word for word in kinds if getattr(found, f"is_{word}")), "")
        return {"pc": "desktop"}.get(answer, answer)

    return kind


def woothee() -> Detector:
    """Substrings, the same in many languages."""
    parse = importlib.import_module("woothee").parse
    kinds = {
        "pc": "desktop",
        "smartphone": "mobile",
        "mobilephone": "mobile",
        "crawler": "bot",
        "appliance": "console",
    }
    return lambda header: kinds.get(parse(header)["category"], "")


def crawlerdetect() -> Detector:
    """Bots only."""
    detector = importlib.import_module("crawlerdetect").CrawlerDetect()
    return lambda header: "bot" if detector.isCrawler(header) else ""


DETECTORS = {
    detector.__name__: detector
    for detector in (weir, device_detector, user_agents, woothee, crawlerdetect)
}


def main() -> int:
    """Prints a table for the libraries and one for Weir's kinds; 2 for a package that is no list."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.user_agents", description=__doc__)
    parser.add_argument("package", type=Path)
    parser.add_argument("--half", choices=("held-out", "tried", "all"), default="held-out")
    parser.add_argument("--only", choices=DETECTORS, nargs="+", default=list(DETECTORS))
    parser.add_argument("--measure", choices=DETECTORS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    try:
        labelled = _half(read_labelled(options.package), options.half)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    if options.measure:
        print(json.dumps(_measure(DETECTORS[options.measure], labelled, options.measure)))
        return 0
    console = Console()
    table = Table("library", "agrees", "of", "cold µs", "MB", "first answer s", title=options.half)
    for name in options.only:
        arguments = [str(options.package), "--half", options.half, "--measure", name]
        command = [sys.executable, "-m", "tests.bench.user_agents", *arguments]
        output = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
        figures = json.loads(output)
        if figures is None:
            table.add_row(name, "not installed")
            continue
        if name == "weir":
            console.print(_kinds(figures["kinds"]))
        right = sum(right for right, _ in figures["kinds"].values())
        total = sum(total for _, total in figures["kinds"].values())
        table.add_row(
            name,
            f"{right / total:.1%}",
            f"{total:,}",
            f"{figures['cold_us']:.0f}",
            f"{figures['mb']:.0f}",
            f"{figures['first_s']:.2f}",
        )
    console.print(table)
    return 0


def _half(labelled: Sequence[Labelled], half: str) -> list[Labelled]:
    if half == "all":
        return list(labelled)
    return [item for item in labelled if item.is_held_out == (half == "held-out")]


def _measure(
    make: Callable[[], Detector], labelled: Sequence[Labelled], name: str
) -> dict[str, object] | None:
    """Kind → (right, all); None for a library that is not installed."""
    if name != "weir" and len(labelled) > _SAMPLE:
        labelled = random.Random(_SEED).sample(labelled, _SAMPLE)
    gc.collect()
    process = psutil.Process()
    before, start = process.memory_info().rss, time.process_time()
    try:
        detect = make()
    except ModuleNotFoundError:
        return None
    detect("Mozilla/5.0 (X11; Linux x86_64) Firefox/120.0")
    first = time.process_time() - start
    start = time.process_time()
    answers = [detect(item.header) for item in labelled]
    cold = (time.process_time() - start) / len(labelled)
    gc.collect()
    total = Counter(item.kind for item in labelled)
    right = Counter(
        item.kind for item, answer in zip(labelled, answers, strict=True) if item.agrees(answer)
    )
    return {
        "kinds": {kind: (right[kind], count) for kind, count in total.most_common()},
        "cold_us": cold * 1e6,
        "mb": (process.memory_info().rss - before) / 1e6,
        "first_s": first,
    }


def _kinds(kinds: dict[str, tuple[int, int]]) -> Table:
    table = Table("expected", "agrees", "of", title="weir, by kind")
    for kind, (right, total) in kinds.items():
        table.add_row(kind or "(none)", f"{right / total:.1%}", f"{total:,}")
    return table


if __name__ == "__main__":
    sys.exit(main())
