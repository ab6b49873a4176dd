"""How people get into a console, from its settings: refuses what would let somebody in without a decision."""

import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from streams.desk.console.people.watched_people import WatchedPeople
from streams.desk.console.settings import ConsoleSettings
from streams.registry.category import CategoryRules
from streams.registry.reading.errors import UnreadableFile
from streams.running.clients.https.addresses import is_loopback, is_this_machine
from streams.running.worker.environment import CONSOLE_PREFIX, SettingsError, given_secret

# The number of hex digits of 128 random bits: nobody guesses that, however long they try.
_LEAST_CHARACTERS: Final = 32

_MAKE_ONE = "Make one with `openssl rand -hex 32`"


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
    """Who may come in, and how.

    `people` is None only without sign-in; `address` is the one that browsers use.
    """

    sign_in: NoSignIn | ProxySignIn | OpenIDSignIn
    people: WatchedPeople | None
    session_secret: str = field(repr=False)
    address: str | None

    @property
    def encrypted(self) -> bool:
        """Whether browsers reach the console by https."""
        return self.address is not None and self.address.startswith("https://")


def load_access(own: ConsoleSettings, categories: Mapping[str, CategoryRules]) -> Access:
    """Check the settings, and read the secrets and the people file, which may name `categories`.

    Raises SettingsError as `check_sign_in` does, RegistryError if the people file is not valid.
    """
    return Access(
        check_sign_in(own),
        _people(own, categories),
        _session_secret(own) or secrets.token_urlsafe(32),
        own.address,
    )


def check_sign_in(own: ConsoleSettings) -> NoSignIn | ProxySignIn | OpenIDSignIn:
    """Return how people sign in.

    Raises SettingsError if settings contradict each other or would let anybody in.
    """
    _refuse_unused(own)
    sign_in = _sign_in(own)
    if isinstance(sign_in, NoSignIn):
        _require_loopback(own)
    elif own.people_file is None:
        raise SettingsError(
            f"{_variable('people_file')} is missing: with {_sign_in_said(own)} nobody can come in without "
            "it. docs/console-operations.md shows one."
        )
    _session_secret(own)
    return sign_in


def _session_secret(own: ConsoleSettings) -> str | None:
    return _optional_secret(own, "session_secret", _LEAST_CHARACTERS)


def _people(own: ConsoleSettings, categories: Mapping[str, CategoryRules]) -> WatchedPeople | None:
    if own.people_file is None:
        return None
    try:
        return WatchedPeople(own.people_file, categories)
    except UnreadableFile as error:
        raise SettingsError(f"{_variable('people_file')}: {error}.") from None


def _sign_in(own: ConsoleSettings) -> NoSignIn | ProxySignIn | OpenIDSignIn:
    if own.sign_in == "none":
        return NoSignIn()
    _require_encryption(own, "address")
    if own.sign_in == "proxy":
        return ProxySignIn(own.proxy_header, _needed_secret(own, "proxy_secret", _LEAST_CHARACTERS))
    _require_encryption(own, "openid_issuer")
    if own.openid_client_id is None:
        raise SettingsError(
            f"{_variable('openid_client_id')} is missing: {_sign_in_said(own)}, which needs it."
        )
    assert own.openid_issuer is not None
    return OpenIDSignIn(
        own.openid_issuer, own.openid_client_id, _needed_secret(own, "openid_client_secret", 1)
    )


def _require_loopback(own: ConsoleSettings) -> None:
    remedy = (
        f"Set {_variable('sign_in')} to proxy or openid (docs/console-operations.md), or "
        f"{_variable('host')} to 127.0.0.1."
    )
    try:
        found = {row[4][0] for row in socket.getaddrinfo(own.host, own.port, type=socket.SOCK_STREAM)}
    except OSError as error:
        raise SettingsError(
            f"{_variable('host')}={own.host}: no address of it is known ({error}). {remedy}"
        ) from None
    beyond = sorted(str(each) for each in found if not is_loopback(str(each)))
    if beyond:
        raise SettingsError(
            f"{_variable('host')}={own.host} is reached from beyond this machine ({', '.join(beyond)}), and "
            f"{_sign_in_said(own)}: everybody there could decide cases. {remedy}"
        )
    if own.address is not None and not _is_local(own.address):
        raise SettingsError(
            f"{_variable('address')}={own.address} is not on this machine, and {_sign_in_said(own)}: "
            f"everybody there could decide cases. {remedy}"
        )


def _require_encryption(own: ConsoleSettings, name: str) -> None:
    value = getattr(own, name)
    if value is None:
        description = ConsoleSettings.model_fields[name].description
        raise SettingsError(
            f"{_variable(name)} is missing: {_sign_in_said(own)}, which needs it. {description}"
        )
    if not value.startswith("https://") and not _is_local(value):
        raise SettingsError(
            f"{_variable(name)}={value}: must begin with https://, as {_sign_in_said(own)}; without "
            "encryption anybody on the way could take over a session."
        )


def _is_local(address: str) -> bool:
    return is_this_machine(urlsplit(address).hostname or "")


def _refuse_unused(own: ConsoleSettings) -> None:
    for start in ("proxy", "openid"):
        given = [name for name in sorted(own.model_fields_set) if name.startswith(f"{start}_")]
        if given and own.sign_in != start:
            names = ", ".join(_variable(name) for name in given)
            raise SettingsError(
                f"{names} set, but not used: set {_variable('sign_in')}={start}, or unset them."
            )


def _needed_secret(own: ConsoleSettings, name: str, least: int) -> str:
    """A secret of at least `least` characters. Raises SettingsError, also if it is not given."""
    secret = _optional_secret(own, name, least)
    if secret is None:
        raise SettingsError(
            f"{_variable(name)} is missing, and {_variable(name)}_FILE too: {_sign_in_said(own)}, which "
            "needs one of them."
        )
    return secret


def _optional_secret(own: ConsoleSettings, name: str, least: int) -> str | None:
    """A secret of at least `least` characters, None if it is not given.

    Raises SettingsError, which does not say it.
    """
    given = given_secret(own, CONSOLE_PREFIX, name)
    return None if given is None else _checked(*given, least)


def _checked(named: str, text: str, least: int) -> str:
    # Messages may not contain the text.
    if len(text) < least or not (text.isascii() and text.isprintable()):
        raise SettingsError(
            f"{named}: must have at least {least} ASCII characters and no line breaks. {_MAKE_ONE}."
            if least > 1
            else f"{named}: must not be empty, and be ASCII text in one line."
        )
    return text


def _sign_in_said(own: ConsoleSettings) -> str:
    """How people sign in, as messages say it."""
    return f"{_variable('sign_in')} is {own.sign_in}"


def _variable(field: str) -> str:
    """The variable of a setting."""
    return CONSOLE_PREFIX + field.upper()
