"""Which system is asked for reports, where it is, and how it knows who asks."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from yarl import URL

from streams.registry.reading.document import Row
from streams.running.clients.https.addresses import Network, check_server, keeps_secrets, with_this_machine

Service = Literal["synapse-rooms", "synapse-accounts", "mastodon", "ozone", "discourse", "nostr"]
"""A kind of system and what of it is asked for; the mapping of the same name goes with it."""


def _check_relay(address: str) -> str:
    if not keeps_secrets(URL(address), "wss", "ws"):
        raise ValueError(
            "must be a wss address, such as wss://relay.example.org; ws is for 127.0.0.1, ::1 and localhost "
            "alone"
        )
    return address


def _check_network(network: str) -> str:
    ip_network(network)
    return network


class _ReachedRow(Row):
    """Where a connection may lead, and how often one is made."""

    allowed_networks: list[Annotated[str, AfterValidator(_check_network)]] = Field(default_factory=list)
    ca_file: Annotated[str, Field(min_length=1)] | None = None
    every_seconds: Annotated[float, Field(ge=0.1, le=3600)] = 15.0


class _AskedRow(_ReachedRow):
    """A system that is asked for reports. `secret_file` is relative to the file of sources."""

    address: Annotated[str, AfterValidator(check_server)]
    secret_file: Annotated[str, Field(min_length=1)]


class TokenRow(_AskedRow):
    """A system that knows a token: of an administrator of Synapse, of an application of Mastodon."""

    service: Literal["synapse-rooms", "synapse-accounts", "mastodon"]


class OzoneRow(_AskedRow):
    """An Ozone, by way of the server of an account in its team; the secret is an app password of it."""

    service: Literal["ozone"]
    identifier: Annotated[str, Field(min_length=1)]
    moderation_service: Annotated[str, Field(pattern=r"^did:[a-z]+:[A-Za-z0-9._%:-]+$")]


class DiscourseRow(_AskedRow):
    """A Discourse; the secret is an API key that may read, for all users or for a moderator of this name."""

    service: Literal["discourse"]
    username: Annotated[str, Field(pattern=r"^[^\s\x00-\x1f\x7f]{1,60}$")]


class NostrRow(_ReachedRow):
    """Nostr relays, each asked by itself. They know nobody, so there is no secret."""

    service: Literal["nostr"]
    relays: Annotated[list[Annotated[str, AfterValidator(_check_relay)]], Field(min_length=1, max_length=20)]


AnyRow = TokenRow | OzoneRow | DiscourseRow | NostrRow
PollRow = Annotated[AnyRow, Field(discriminator="service")]


@dataclass(frozen=True, slots=True)
class Poll:
    """How to ask one system for reports; the secret is that of `row`, empty for a relay."""

    row: AnyRow
    address: str
    secret: str
    ca_file: Path | None
    request_seconds: float = 10.0

    def networks(self) -> Sequence[Network]:
        """The networks to which a connection may lead besides public ones."""
        return with_this_machine(map(ip_network, self.row.allowed_networks), self.address)

    def tls(self) -> ssl.SSLContext:
        """How to verify the server. Raises OSError if the file of certificate authorities cannot be used."""
        return ssl.create_default_context(cafile=self.ca_file)
