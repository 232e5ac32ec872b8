"""Whether the services of a running suite accept the token that callers would send."""

from collections.abc import Iterator, Mapping

from cli.findings import Finding, State
from suite.home import Addresses, Home

# No service has it: authentication comes first, so only a wrong token gets another answer than this.
_METHOD = "/weir.doctor.v1.NoService/CheckToken"
_SECONDS = 2.0
_SETTING = "WEIR_AUTH_TOKEN"


def token_findings(
    addresses: Addresses, environment: Mapping[str, str], home: Home
) -> Iterator[Finding]:
    """Tries the token in `weir.json`, which commands send, and the one in the environment if there is
    another. Finds nothing about services that do not answer."""
    refusing = _refusing(addresses, addresses.token)
    if refusing:
        detail = (
            f"{', '.join(refusing)} refused the token in {home.addresses_file}: restart the suite"
        )
        yield Finding("token", State.BROKEN, detail)
    else:
        yield Finding("token", State.OK, f"the one in {home.addresses_file} is accepted")
    given = environment.get(_SETTING)
    if given and given != addresses.token and (refusing := _refusing(addresses, given)):
        detail = (
            f"{', '.join(refusing)} refused the token in {_SETTING}: "
            f"the running suite has another, which is in {home.addresses_file}"
        )
        yield Finding(_SETTING, State.BROKEN, detail)


def _refusing(addresses: Addresses, token: str) -> list[str]:
    """The services that answer UNAUTHENTICATED to the token."""
    import grpc

    from libs.rpc.channels import bearer, open_channel

    refusing = []
    for name, address in addresses.services.items():
        with open_channel(address, retry=False) as channel:
            call = channel.unary_unary(_METHOD)
            try:
                call(b"", timeout=_SECONDS, metadata=bearer(token))
            except grpc.RpcError as error:
                if error.code() is grpc.StatusCode.UNAUTHENTICATED:
                    refusing.append(name)
            except ValueError:
                # gRPC cannot even send it as metadata: a line break, for example.
                refusing.append(name)
    return refusing
