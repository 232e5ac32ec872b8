"""How often enrich's bundled data name the right country, and what a look-up costs.

    npm pack @ip-location-db/dbip-country
    python -m tests.bench.countries ip-location-db-dbip-country-*.tgz

Compares with a list of ranges and countries that the user downloads, `first,last,country` in files that
end in `ipv4.csv` and `ipv6.csv`. Addresses are drawn by chance, each as likely as any other, and cut as
ingest cuts them; so large networks count for much, and the small ones of routers and data centers little.
"""

import argparse
import csv
import io
import random
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path

from iptocc import country_code
from rich.console import Console
from rich.table import Table

from services.enrich.steps.country import country_lookup

_SEED = 20_260_101
_PREFIX = {4: 24, 6: 48}
# No network is larger than a /16 of IPv6: lists fill unassigned space with larger ranges.
_LARGEST = 2**112


def main() -> int:
    """Prints a table; 2 for a package without such a list."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.countries", description=__doc__)
    parser.add_argument("package", type=Path)
    parser.add_argument("--addresses", type=int, default=20_000, help="how many of each kind")
    options = parser.parse_args()
    try:
        expected = dict(read_expected(options.package, options.addresses))
    except (OSError, tarfile.TarError) as error:
        print(error, file=sys.stderr)
        return 2
    if not expected:
        print(f"{options.package} has no file ipv4.csv or ipv6.csv", file=sys.stderr)
        return 2
    bundled = country_lookup(None)
    bundled("8.8.8.0")  # reads the data, which is not to be measured with the look-ups
    table = Table("kind", "data", "agrees", "unknown", "agrees of known", "of", "cold µs")
    for kind, addresses in expected.items():
        for name, find in (("bundled", bundled), ("iptocc", lambda a: country_code(a) or "")):
            table.add_row(kind, name, *_compare(find, addresses))
    Console().print(table)
    return 0


def read_expected(package: Path, count: int) -> Iterator[tuple[str, dict[str, str]]]:
    """Kind → truncated address → country, for `count` addresses drawn by chance, the same each time."""
    with tarfile.open(package) as archive:
        for member in archive:
            kind = {"ipv4.csv": "IPv4", "ipv6.csv": "IPv6"}.get(member.name.rpartition("-")[2])
            file = archive.extractfile(member) if kind else None
            if kind and file:
                ranges = list(csv.reader(io.TextIOWrapper(file, "utf-8")))
                sizes = [
                    int(ip_address(last)) - int(ip_address(first)) + 1 for first, last, _ in ranges
                ]
                weights = [0 if size > _LARGEST else size for size in sizes]
                draw = random.Random(_SEED)
                drawn = draw.choices(ranges, weights, k=count)
                yield kind, {_address(first, last, draw): code for first, last, code in drawn}


def _address(first: str, last: str, draw: random.Random) -> str:
    address = type(ip_address(first))(draw.randint(int(ip_address(first)), int(ip_address(last))))
    network = ip_network((address, _PREFIX[address.version]), strict=False)
    return str(network.network_address)


def _compare(find: Callable[[str], str], expected: dict[str, str]) -> tuple[str, ...]:
    start = time.process_time()
    answers = [find(address) for address in expected]
    cold = (time.process_time() - start) / len(expected)
    right = sum(map(str.__eq__, answers, expected.values()))
    unknown = answers.count("")
    return (
        f"{right / len(expected):.1%}",
        f"{unknown / len(expected):.1%}",
        f"{right / max(1, len(expected) - unknown):.1%}",
        f"{len(expected):,}",
        f"{cold * 1e6:.1f}",
    )


if __name__ == "__main__":
    sys.exit(main())
