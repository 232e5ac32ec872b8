"""Country: where a truncated address lies."""

import socket
from array import array
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from pathlib import Path

from iptocc import country_code

from libs.common.errors import ConfigurationError
from services.enrich.steps.contract import ContextStep

Lookup = Callable[[str], str]

# Networks that every database of countries knows, as ingest truncates them. One that knows none of a kind
# was made for the other kind only, holds something else than countries, or is damaged.
WELL_KNOWN = {
    "IPv4": ("8.8.8.0", "193.0.6.0", "200.160.0.0"),  # Google, RIPE NCC, NIC.br
    "IPv6": ("2001:4860:4860::", "2001:67c:2e8::", "2001:12ff::"),  # the same three
}
# What registries write if no country is meant: Europe, Asia and the Pacific, unknown.
_NO_COUNTRY = frozenset({"EU", "AP", "ZZ", "--"})


def country_lookup(mmdb_path: Path | None) -> Lookup:
    """A function from an address to an ISO 3166-1 alpha-2 country, empty when it is not known.

    `mmdb_path` is an operator's database in MaxMind's format. Without one, IPv4 addresses are looked up in
    ip3country's data, and IPv6 addresses in iptocc's, which has the country that the registry gave the
    network to. Raises ConfigurationError with the path and the reason if `mmdb_path` is no database.
    """
    find = _from_mmdb(mmdb_path) if mmdb_path else _from_packages

    # A look-up takes 3 µs, and most of those that repeat are among the remembered contexts. 50,000 took 9 MB.
    @lru_cache(maxsize=4_096)
    def country(address: str) -> str:
        if not address:
            return ""
        try:
            return find(address)
        except ValueError:  # not an address, or of a kind that the database does not have
            return ""

    return country


def country_step(country: Lookup) -> ContextStep:
    """The step that looks addresses up with `country`."""
    return ContextStep(
        name="country",
        inputs=("ip",),
        outputs=("country",),
        find=lambda address: (country(address),),
    )


def unknown_kinds(country: Lookup) -> list[str]:
    """The kinds of addresses, of `IPv4` and `IPv6`, of which no well-known network is known."""
    return [kind for kind, addresses in WELL_KNOWN.items() if not any(map(country, addresses))]


def _from_mmdb(path: Path) -> Lookup:
    # Here, because most processes have no database of their own and never need it.
    import maxminddb

    try:
        reader = maxminddb.open_database(path, maxminddb.MODE_MMAP)
    except OSError as error:
        raise ConfigurationError(f"country database {path}: {error.strerror}") from None
    except (maxminddb.InvalidDatabaseError, ValueError):  # ValueError: it is empty
        reason = "it is no database in MaxMind's format"
        raise ConfigurationError(f"country database {path}: {reason}") from None

    def find(address: str) -> str:
        record = reader.get(address)
        return _code(record) if isinstance(record, dict) else ""

    return find


def _code(record: dict[str, object]) -> str:
    """The country's code in the three forms in which databases have it: `country.iso_code` (MaxMind,
    DB-IP), and flat, `country_code` (IPinfo, IPLocate) or `country`, when that is no full name."""
    country = record.get("country")
    nested = country.get("iso_code") if isinstance(country, dict) else None
    for code in (nested, record.get("country_code"), country):
        if isinstance(code, str) and len(code) == 2 and code.isalpha():
            return "" if code.upper() in _NO_COUNTRY else code.upper()
    return ""


def _from_packages(address: str) -> str:
    if ":" in address:
        code = country_code(address) or ""
    else:
        try:
            number = int.from_bytes(socket.inet_pton(socket.AF_INET, address), "big")
        except OSError:
            return ""
        ends, codes, names = _ip3country()
        # The library's own search is a loop in Python.
        code = names[codes[min(bisect_right(ends, number >> 8), len(codes) - 1)]]
    return "" if code in _NO_COUNTRY else code


@cache
def _ip3country() -> tuple[Sequence[int], bytes, list[str]]:
    """The ranges' exclusive ends in /24 networks, the position of each range's country, and the countries.

    Read when it is needed first, and kept in a tenth of the memory that the library's own lists take.
    """
    from ip3country import CountryLookup

    table = CountryLookup()
    names = sorted(set(table.countryCodes))
    position = {name: index for index, name in enumerate(names)}
    return (
        array("I", (end >> 8 for end in table.ipRanges)),
        bytes(map(position.__getitem__, table.countryCodes)),
        names,
    )
