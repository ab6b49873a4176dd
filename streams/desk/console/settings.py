"""The settings of the console, from environment variables that begin with `TOCSIN_CONSOLE_`."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from streams.running.worker.environment import CONSOLE_PREFIX, HostName, Port, load_prefixed

# A browser runs addresses of other kinds, and these characters would end the attribute or the address.
_ADDRESS = re.compile(r"https?://[^\s\"'<>{}]+")


def _viewer(name: str, *others: str) -> AfterValidator:
    """Check the template of an address: it must have {name}, and may have {others}."""
    holders = ", ".join(f"{{{each}}}" for each in (name, *others))

    def checked(template: str | None) -> str | None:
        if template is None:
            return None
        filled = template
        for each in (name, *others):
            filled = filled.replace(f"{{{each}}}", "x")
        if f"{{{name}}}" not in template or not _ADDRESS.fullmatch(filled):
            raise ValueError(
                f"must begin with https:// or http:// and have {{{name}}}, without spaces, quotes, < and >; "
                f"of what is in braces it may have {holders} only"
            )
        return template

    return AfterValidator(checked)


class ConsoleSettings(BaseSettings):
    """One field per variable: `host` is TOCSIN_CONSOLE_HOST.

    The brokers are those of the settings of workers.
    """

    model_config = SettingsConfigDict(env_prefix=CONSOLE_PREFIX, extra="forbid", frozen=True)

    host: Annotated[HostName, Field(description="Address on which the console serves.")] = "127.0.0.1"
    port: Annotated[Port, Field(description="Port of the console. 0 uses a free port and prints it.")] = 8460
    metrics_host: Annotated[
        HostName,
        Field(
            description="Address on which the console serves /metrics, /livez, /readyz and /status. They "
            "need no sign-in, so let only those reach them who may read them.",
        ),
    ] = "127.0.0.1"
    metrics_port: Annotated[
        Port, Field(description="Port of these pages. 0 uses a free port and logs it.")
    ] = 9465
    database: Annotated[
        Path,
        Field(
            description="File of the read model, made if it is missing. It can be deleted while the console "
            "does not run; each console needs its own."
        ),
    ] = Path("tocsin-console.sqlite")
    message_link: Annotated[
        str | None,
        _viewer("message", "channel"),
        Field(
            description="Address of the platform's own viewer of messages, with {message} and, if it needs "
            "it, {channel}, as in https://viewer.example/{channel}/{message}."
        ),
    ] = None
    channel_link: Annotated[
        str | None,
        _viewer("channel"),
        Field(description="Address of the platform's own viewer of channels, with {channel}."),
    ] = None
    request_link: Annotated[
        str | None,
        _viewer("request"),
        Field(
            description="Address at which the platform shows an authority's request, with {request}: its id "
            "as your intake gave it."
        ),
    ] = None
    terms_file: Annotated[
        Path | None,
        Field(
            description="Rules of your terms, from which people choose by which they decide (YAML). If not "
            "set, those of an example."
        ),
    ] = None
    hold_seconds: Annotated[
        int,
        Field(
            ge=0,
            le=60,
            description="For how many seconds decisions, signatures and ends of clocks can be undone before "
            "they are sent. 0 sends them at once, and so is what is due within the minute.",
        ),
    ] = 10
    sign_in: Annotated[
        Literal["none", "proxy", "openid"],
        Field(
            description="How people sign in: `none` on loopback only, for trying it out; `proxy` believes "
            "the header of a proxy that knows a secret; `openid` asks an OpenID Connect provider."
        ),
    ] = "none"
    people_file: Annotated[
        Path | None,
        Field(description="Who may use the console, in which role, for which categories (YAML)."),
    ] = None
    address: Annotated[
        str | None,
        Field(
            pattern=r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?$",
            description="Address by which browsers reach the console, such as https://desk.example.org; no "
            "path, no / at its end.",
        ),
    ] = None
    proxy_header: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$",
            description="Header in which the proxy says who signed in.",
        ),
    ] = "X-Forwarded-User"
    proxy_secret: Annotated[
        SecretStr | None,
        Field(
            description="Secret that the proxy sends as X-Tocsin-Proxy-Secret, 32 characters or more. Never "
            "logged."
        ),
    ] = None
    proxy_secret_file: Annotated[
        Path | None, Field(description="File with that secret, instead of the variable.")
    ] = None
    openid_issuer: Annotated[
        str | None,
        Field(
            pattern=r"^https?://[^\s?#\"'<>]+$",
            description="Issuer of the OpenID Connect provider, as its discovery document says it.",
        ),
    ] = None
    openid_client_id: Annotated[
        str | None, Field(min_length=1, description="Id of the console as a client of the provider.")
    ] = None
    openid_client_secret: Annotated[
        SecretStr | None, Field(description="Secret of the console as a client. Never logged.")
    ] = None
    openid_client_secret_file: Annotated[
        Path | None, Field(description="File with that secret, instead of the variable.")
    ] = None
    session_secret: Annotated[
        SecretStr | None,
        Field(
            description="Secret that signs sessions, 32 characters or more, the same for consoles behind one "
            "address. If not set, one is made up at each start, and people sign in again. Never logged."
        ),
    ] = None
    session_secret_file: Annotated[
        Path | None, Field(description="File with that secret, instead of the variable.")
    ] = None


def load_console_settings(environment: Mapping[str, str] | None = None) -> ConsoleSettings:
    """Load the settings from the environment.

    Raises SettingsError, also for unknown TOCSIN_CONSOLE_ variables.
    """
    return load_prefixed(ConsoleSettings, os.environ if environment is None else environment)
