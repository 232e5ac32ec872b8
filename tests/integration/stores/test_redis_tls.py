"""TLS to a real Redis, through a proxy that ends it: the embedded Redis is built without."""

import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis.asyncio.connection import parse_url

from libs.common.errors import ConfigurationError
from libs.stores.redis_client import create_redis
from libs.stores.redis_connection import RedisConnection
from tests.support.tcp_proxy import redis_target, tcp_proxy

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl, which makes the certificate, is not installed"
)


@dataclass(frozen=True)
class Proxy:
    """Where it listens, and the file with the certificate that it shows."""

    url: str
    certificate: Path


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A certificate for 127.0.0.1 that no authority has signed, and its key in the same file."""
    path = tmp_path_factory.mktemp("tls") / "redis.pem"
    subprocess.run(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=redis"
        f" -addext subjectAltName=IP:127.0.0.1 -keyout {path.with_suffix('.key')} -out {path}".split(),
        check=True,
        capture_output=True,
    )
    yield path
    shutil.rmtree(path.parent)


@pytest.fixture
async def proxy(redis_url: str, certificate: Path) -> AsyncIterator[Proxy]:
    """Passes what arrives over TLS on to Redis."""
    password = dict(parse_url(redis_url))["password"]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    async with tcp_proxy(redis_target(redis_url), context) as port:
        yield Proxy(f"rediss://:{password}@127.0.0.1:{port}/0", certificate)


async def _answers(url: str) -> bool:
    connection = RedisConnection(url)
    await connection.start()
    try:
        return bool(await connection.execute("PING") == b"PONG")
    except ConnectionError:
        return False
    finally:
        await connection.aclose()


@pytest.mark.parametrize(
    ("options", "answers"),
    [
        ("", False),  # no authority has signed the certificate
        ("?ssl_ca_certs={certificate}", True),
        ("?ssl_cert_reqs=none", True),
    ],
)
async def test_the_options_of_the_url_decide_which_certificate_is_trusted(
    proxy: Proxy, options: str, answers: bool
) -> None:
    url = proxy.url + options.format(certificate=proxy.certificate)
    assert await _answers(url) is answers
    # The other client of the same process understands the URL alike.
    async with create_redis(url) as client:
        if answers:
            assert await client.ping()
        else:
            with pytest.raises(Exception, match="CERTIFICATE_VERIFY_FAILED"):
                await client.ping()


@pytest.mark.parametrize(
    "options",
    [
        "ssl_ca_certs=/no/such/file.pem",
        "ssl_cert_reqs=perhaps",
        "ssl_colour=red",
        "ssl_min_version=x",
    ],
)
def test_tls_options_that_cannot_be_used_are_refused_by_name(options: str) -> None:
    with pytest.raises(ConfigurationError, match=options.partition("=")[0]):
        RedisConnection(f"rediss://127.0.0.1:6379/0?{options}")
