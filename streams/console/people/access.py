"""How people get into a console, from its settings: refuses what would let somebody in without a decision."""

import ipaddress
import secrets
import socket
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from streams.console.people.console_secrets import (
    LEAST_CHARACTERS,
    needed_secret,
    optional_secret,
    sign_in_said,
    variable,
)
from streams.console.people.watched_people import WatchedPeople
from streams.console.settings import ConsoleSettings
from streams.registry.errors import UnreadableFile
from streams.worker.environment import SettingsError


@dataclass(frozen=True, slots=True)
class NoSignIn:
    """Everybody who reaches the console may choose whom to be. It serves on loopback only."""


@dataclass(frozen=True, slots=True)
class ProxySignIn:
    """A proxy says who asks in `header`, and proves with `secret` that it is the proxy."""

    header: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OpenIDSignIn:
    """A provider of OpenID Connect says who asks."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Access:
    """Who may come in, and how. `people` is None only without sign-in; `address` is the one that browsers use."""

    sign_in: NoSignIn | ProxySignIn | OpenIDSignIn
    people: WatchedPeople | None
    session_secret: str = field(repr=False)
    address: str | None

    @property
    def encrypted(self) -> bool:
        """Whether browsers reach the console by https."""
        return self.address is not None and self.address.startswith("https://")


def load_access(own: ConsoleSettings) -> Access:
    """Check the settings, and read the secrets and the people file.

    Raises SettingsError if settings contradict each other or would let anybody in, RegistryError if the people file is not
    valid.
    """
    _refuse_unused(own)
    sign_in = _sign_in(own)
    if isinstance(sign_in, NoSignIn):
        _require_loopback(own)
    elif own.people_file is None:
        raise SettingsError(
            f"{variable('people_file')} is missing: with {sign_in_said(own)} nobody can come in without it. "
            "docs/console-operations.md shows one."
        )
    return Access(
        sign_in,
        _people(own),
        optional_secret(own, "session_secret", LEAST_CHARACTERS) or secrets.token_urlsafe(32),
        own.address,
    )


def _people(own: ConsoleSettings) -> WatchedPeople | None:
    if own.people_file is None:
        return None
    try:
        return WatchedPeople(own.people_file)
    except UnreadableFile as error:
        raise SettingsError(f"{variable('people_file')}: {error}.") from None


def _sign_in(own: ConsoleSettings) -> NoSignIn | ProxySignIn | OpenIDSignIn:
    if own.sign_in == "none":
        return NoSignIn()
    _require_encryption(own, "address")
    if own.sign_in == "proxy":
        return ProxySignIn(own.proxy_header, needed_secret(own, "proxy_secret", LEAST_CHARACTERS))
    _require_encryption(own, "openid_issuer")
    if own.openid_client_id is None:
        raise SettingsError(
            f"{variable('openid_client_id')} is missing: {sign_in_said(own)}, which needs it."
        )
    assert own.openid_issuer is not None
    return OpenIDSignIn(
        own.openid_issuer, own.openid_client_id, needed_secret(own, "openid_client_secret", 1)
    )


def _require_loopback(own: ConsoleSettings) -> None:
    remedy = f"Set {variable('sign_in')} to proxy or openid (docs/console-operations.md), or {variable('host')} to 127.0.0.1."
    try:
        found = {row[4][0] for row in socket.getaddrinfo(own.host, own.port, type=socket.SOCK_STREAM)}
    except OSError as error:
        raise SettingsError(
            f"{variable('host')}={own.host}: no address of it is known ({error}). {remedy}"
        ) from None
    beyond = sorted(str(each) for each in found if not is_loopback(str(each)))
    if beyond:
        raise SettingsError(
            f"{variable('host')}={own.host} is reached from beyond this machine ({', '.join(beyond)}), and {sign_in_said(own)}: "
            f"everybody there could decide cases. {remedy}"
        )
    if own.address is not None and not _is_local(own.address):
        raise SettingsError(
            f"{variable('address')}={own.address} is not on this machine, and {sign_in_said(own)}: everybody there could decide cases. "
            f"{remedy}"
        )


def is_loopback(host: str) -> bool:
    """Whether a host is written as an address of this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _require_encryption(own: ConsoleSettings, name: str) -> None:
    value = getattr(own, name)
    if value is None:
        description = ConsoleSettings.model_fields[name].description
        raise SettingsError(
            f"{variable(name)} is missing: {sign_in_said(own)}, which needs it. {description}"
        )
    if not value.startswith("https://") and not _is_local(value):
        raise SettingsError(
            f"{variable(name)}={value}: must begin with https://, as {sign_in_said(own)}; without encryption anybody on the way could "
            "take over a session."
        )


def _is_local(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    return host == "localhost" or is_loopback(host)


def _refuse_unused(own: ConsoleSettings) -> None:
    for start in ("proxy", "openid"):
        given = [name for name in sorted(own.model_fields_set) if name.startswith(f"{start}_")]
        if given and own.sign_in != start:
            names = ", ".join(variable(name) for name in given)
            raise SettingsError(
                f"{names} set, but not used: set {variable('sign_in')}={start}, or unset them."
            )
