"""Countries of addresses, as ingest truncates them: IPv4 to /24, IPv6 to /48."""

from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import structlog
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from cli.doctor import examine
from cli.findings import State
from libs.common.errors import ConfigurationError
from services.enrich.server import open_countries
from services.enrich.steps.country import country_lookup, unknown_kinds
from suite.home import Home

# Amazon publishes which of its networks is in which region (ip-ranges.json), and the region's country.
AMAZON = {
    "52.4.0.0": "US",  # us-east-1
    "64.252.81.0": "BR",  # sa-east-1
    "18.200.0.0": "IE",  # eu-west-1
    "52.95.150.0": "GB",  # eu-west-2
    "35.180.0.0": "FR",  # eu-west-3
    "52.219.168.0": "DE",  # eu-central-1
    "52.46.220.0": "SE",  # eu-north-1
    "99.78.152.0": "ZA",  # af-south-1
    "15.185.0.0": "BH",  # me-south-1
    "13.248.117.0": "IN",  # ap-south-1
    "13.236.0.0": "AU",  # ap-southeast-2
    "54.248.0.0": "JP",  # ap-northeast-1
    "52.219.60.0": "KR",  # ap-northeast-2
    "52.95.226.0": "HK",  # ap-east-1
}
OTHERS = {
    "8.8.8.0": "US",  # Google's DNS
    "200.160.0.0": "BR",  # NIC.br, Brazil's registry of names
    "193.0.6.0": "NL",  # RIPE NCC, Amsterdam
}
# The registries' published allocations (delegated-*-extended-latest), to whom is common knowledge.
IPV6 = {
    "2001:4860:4860::": "US",  # Google's DNS
    "2606:4700:4700::": "US",  # Cloudflare's DNS
    "2601::": "US",  # Comcast
    "2804:14c::": "BR",  # Claro
    "2001:12ff::": "BR",  # NIC.br
    "2001:13c7:7002::": "UY",  # LACNIC, Montevideo
    "2001:67c:2e8::": "NL",  # RIPE NCC
    "2001:7fd::": "NL",  # the K root server, RIPE NCC
    "2001:7fe::": "SE",  # the I root server, Netnod
    "2a02:6b8::": "RU",  # Yandex' DNS
    "2003::": "DE",  # Deutsche Telekom
    "2001:638::": "DE",  # DFN, the research network
    "2a01:cb00::": "FR",  # Orange
    "2001:660::": "FR",  # Renater
    "2a00:23c4::": "GB",  # BT
    "2001:630::": "GB",  # Janet
    "2001:720::": "ES",  # RedIRIS
    "2001:760::": "IT",  # GARR
    "2001:700::": "NO",  # Uninett
    "2001:708::": "FI",  # Funet
    "2001:dc3::": "JP",  # the M root server, WIDE
    "2001:200::": "JP",  # WIDE
    "2400:3200::": "CN",  # Alibaba's DNS
    "2409:8000::": "CN",  # China Mobile
    "2405:200::": "IN",  # Jio
    "2001:388::": "AU",  # AARNet
}
NOWHERE = [
    "",
    "nowhere",
    "1.2.3",
    "192.168.1.0",
    "10.0.0.0",
    "::",
    "2001:db8::",
    "fe80::",
    "fd00::",
]


@pytest.mark.parametrize(("address", "code"), [*AMAZON.items(), *OTHERS.items()])
def test_the_country_of_an_ipv4_network_is_known(address: str, code: str) -> None:
    assert country_lookup(None)(address) == code


@pytest.mark.parametrize(("address", "code"), IPV6.items())
def test_the_country_of_an_ipv6_network_is_known(address: str, code: str) -> None:
    assert str(ip_network(f"{address}/48").network_address) == address  # as ingest cuts it
    assert country_lookup(None)(address) == code


@pytest.mark.parametrize("address", NOWHERE)
def test_an_address_in_no_country_has_none(address: str) -> None:
    assert country_lookup(None)(address) == ""


def test_the_bundled_data_know_both_kinds() -> None:
    assert unknown_kinds(country_lookup(None)) == []


def database(folder: Path, record: dict[str, Any], *networks: str) -> Path:
    """A database in MaxMind's format that has the same record for all networks."""
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type="Countries")
    writer.insert_network(IPSet(networks), record)
    path = folder / "countries.mmdb"
    writer.to_db_file(str(path))
    return path


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ({"country": {"iso_code": "FI", "names": {"en": "Finland"}}}, "FI"),  # MaxMind, DB-IP
        ({"country": "Finland", "country_code": "FI", "continent": "Europe"}, "FI"),  # IPinfo
        ({"country_code": "fi"}, "FI"),
        ({"country": "FI", "country_name": "Finland"}, "FI"),
        ({"country": {"iso_code": "EU"}}, ""),  # what registries write for no country
        ({"country": {"names": {"en": "Finland"}}}, ""),
        ({"country_code": 246}, ""),
        ({"asn": "AS1741"}, ""),
    ],
)
def test_an_operators_database_is_read_nested_or_flat(
    tmp_path: Path, record: dict[str, Any], code: str
) -> None:
    country = country_lookup(database(tmp_path, record, "193.166.0.0/16", "2001:708::/32"))
    assert country("193.166.3.0") == country("2001:708:10::") == code
    assert country("8.8.8.0") == country("nowhere") == ""


def test_a_database_without_ipv6_is_reported_at_the_start(tmp_path: Path) -> None:
    path = database(tmp_path, {"country_code": "US"}, "8.8.8.0/24")
    with structlog.testing.capture_logs() as logs:
        country = open_countries(path)
    assert country("8.8.8.0") == "US"
    assert [(line["log_level"], line["kind"], line["path"]) for line in logs] == [
        ("warning", "IPv6", str(path))
    ]


def test_a_database_of_something_else_is_reported_for_both_kinds(tmp_path: Path) -> None:
    path = database(tmp_path, {"asn": "AS15169"}, "8.8.8.0/24", "2001:4860::/32")
    with structlog.testing.capture_logs() as logs:
        open_countries(path)
    assert [line["kind"] for line in logs] == ["IPv4", "IPv6"]


def test_nothing_is_reported_of_a_complete_database(tmp_path: Path) -> None:
    path = database(tmp_path, {"country_code": "US"}, "8.8.8.0/24", "2001:4860::/32")
    with structlog.testing.capture_logs() as logs:
        open_countries(path)
        open_countries(None)
    assert logs == []


def test_a_path_without_a_database_is_named_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"missing\.mmdb: No such file"):
        open_countries(tmp_path / "missing.mmdb")
    for content in (b"", b"no database"):
        (tmp_path / "text.mmdb").write_bytes(content)
        with pytest.raises(ConfigurationError, match=r"text\.mmdb: it is no database in MaxMind's"):
            open_countries(tmp_path / "text.mmdb")


def test_doctor_looks_at_the_country_database(tmp_path: Path) -> None:
    def finding(path: Path) -> tuple[State, str]:
        findings = examine(Home(tmp_path), {"WEIR_ENRICH_GEOIP_MMDB_PATH": str(path)}, None)
        [found] = [found for found in findings if found.name == "country database"]
        return found.state, found.detail

    path = database(tmp_path, {"country_code": "US"}, "8.8.8.0/24", "2001:4860::/32")
    assert finding(path) == (State.OK, str(path))
    path = database(tmp_path, {"country_code": "US"}, "8.8.8.0/24")
    assert finding(path) == (State.NOTE, f"{path} knows no well-known IPv6 address")
    path = database(tmp_path, {"asn": "AS15169"}, "8.8.8.0/24", "2001:4860::/32")
    unknown = f"{path} knows no well-known IPv4 and no IPv6 address"
    assert finding(path) == (State.BROKEN, unknown)
    missing = tmp_path / "missing.mmdb"
    assert finding(missing) == (State.BROKEN, f"{missing}: No such file or directory")
