"""Which system is asked for reports, where it is, and how it knows who asks."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field
from yarl import URL

from streams.registry.document import Row
from streams.running.clients.https.addresses import Network

Service = Literal["synapse-rooms", "synapse-accounts", "mastodon", "ozone"]
"""A kind of system and what of it is asked for; the mapping of the same name goes with it."""

_LOOPBACK: Final = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


def _check_address(address: str) -> str:
    url = URL(address)
    # Between two processes of one machine nobody listens who could not read the secret, too.
    secure = url.scheme == "https" or (url.scheme == "http" and _is_loopback(url.host))
    if not secure or not url.host or url.user or url.password or url.path != "/" or url.query_string:
        raise ValueError(
            "must be an https address without a path, such as https://matrix.example.org; http is for "
            "127.0.0.1, ::1 and localhost alone"
        )
    return address


def _check_network(network: str) -> str:
    ip_network(network)
    return network


class _AskedRow(Row):
    """A system that is asked for reports. `secret_file` is relative to the file of sources."""

    address: Annotated[str, AfterValidator(_check_address)]
    secret_file: Annotated[str, Field(min_length=1)]
    allowed_networks: list[Annotated[str, AfterValidator(_check_network)]] = Field(default_factory=list)
    ca_file: Annotated[str, Field(min_length=1)] | None = None
    every_seconds: Annotated[float, Field(ge=0.1, le=3600)] = 15.0


class TokenRow(_AskedRow):
    """A system that knows a token: of an administrator of Synapse, of an application of Mastodon."""

    service: Literal["synapse-rooms", "synapse-accounts", "mastodon"]


class OzoneRow(_AskedRow):
    """An Ozone, by way of the server of an account in its team; the secret is an app password of it."""

    service: Literal["ozone"]
    identifier: Annotated[str, Field(min_length=1)]
    moderation_service: Annotated[str, Field(pattern=r"^did:[a-z]+:[A-Za-z0-9._%:-]+$")]


PollRow = Annotated[TokenRow | OzoneRow, Field(discriminator="service")]


@dataclass(frozen=True, slots=True)
class Poll:
    """How to ask a system for reports; the secret is that of `row`."""

    row: TokenRow | OzoneRow
    secret: str
    ca_file: Path | None
    request_seconds: float = 10.0

    def networks(self) -> Sequence[Network]:
        """The networks to which a connection may lead besides public ones."""
        allowed = [ip_network(network) for network in self.row.allowed_networks]
        return [*allowed, *_LOOPBACK] if _is_loopback(URL(self.row.address).host) else allowed

    def tls(self) -> ssl.SSLContext:
        """How to verify the server. Raises OSError if the file of certificate authorities cannot be used."""
        return ssl.create_default_context(cafile=self.ca_file)


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return host is not None and ip_address(host).is_loopback
    except ValueError:
        return False
