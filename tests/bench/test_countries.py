"""How lists of countries are read, on a small package made here."""

import io
import tarfile
from pathlib import Path

from tests.bench.countries import read_expected


def test_one_address_of_each_drawn_range_is_cut_as_ingest_cuts_it(tmp_path: Path) -> None:
    files = {
        "package/list-ipv4.csv": "192.0.2.0,192.0.2.255,AA\n",
        # The second is no network but a filler: nothing is drawn from it.
        "package/list-ipv6.csv": "2001:db8::,2001:db8:0:ffff:ffff:ffff:ffff:ffff,BB\n3000::,3fff::,CC\n",
        "package/list-ipv4-num.csv": "1,2,DD\n",
    }
    path = tmp_path / "package.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    assert dict(read_expected(path, 10)) == {
        "IPv4": {"192.0.2.0": "AA"},
        "IPv6": {"2001:db8::": "BB"},
    }
