"""The settings that every adapter has; each adapter's own variables begin with a prefix of its own."""

import hashlib
import ssl
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings
from yarl import URL

from streams.running.clients.https.addresses import Network
from streams.running.worker.environment import HostName, Port, SettingsError


def _check_https(address: str) -> str:
    url = URL(address)
    if url.scheme != "https" or not url.host or url.user or url.password or url.fragment:
        raise PydanticCustomError(
            "https_address", "must be an https address without user, password and fragment"
        )
    return address


def _check_networks(listed: str) -> str:
    try:
        _networks(listed)
    except ValueError as error:
        raise PydanticCustomError(
            "networks",
            "must be networks such as 10.1.0.0/16, separated by commas: {why}",
            {"why": str(error)},
        ) from None
    return listed


def _networks(listed: str) -> tuple[Network, ...]:
    return tuple(ip_network(text.strip()) for text in listed.split(",") if text.strip())


def _check_origin(address: str) -> str:
    url = URL(_check_https(address))
    if url.path != "/" or url.query_string:
        raise PydanticCustomError(
            "origin", "must be an https address without a path, such as https://desk.example.org"
        )
    return address


HttpsOrigin = Annotated[str, AfterValidator(_check_origin)]
HttpsAddress = Annotated[str, AfterValidator(_check_https)]


def name_for(name: str, publisher: str) -> str:
    """The name of an adapter that serves one publisher, which no adapter for another one has.

    Processes with one name share the work: one for another publisher would pass over these events.
    """
    return f"{name}-{hashlib.sha256(publisher.encode()).hexdigest()[:8]}"


class AdapterSettings(BaseSettings):
    """What every adapter needs. The brokers are those of the settings of workers."""

    name: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9_-]{1,60}$",
            description="Name of this adapter. Its consumer group is tocsin-adapter-<name>; processes with "
            "one name share the work.",
        ),
    ]
    start: Annotated[
        Literal["beginning", "end"],
        Field(
            description="Where an adapter starts that has delivered nothing yet: at the beginning of its "
            "topics, which hold a year, or at their end."
        ),
    ] = "beginning"
    allowed_networks: Annotated[
        str,
        Field(
            description="Networks to which the adapter may connect although they are not public, such as "
            "10.1.0.0/16, separated by commas."
        ),
        AfterValidator(_check_networks),
    ] = ""
    ca_file: Annotated[
        Path | None,
        Field(
            description="PEM file of the certificate authorities that sign the receiver's certificate; if "
            "not set, those of the system."
        ),
    ] = None
    request_seconds: Annotated[
        float, Field(gt=0, le=120, description="How long a request to the receiver may take.")
    ] = 10.0
    set_aside_seconds: Annotated[
        int,
        Field(
            ge=1,
            le=86_400,
            description="An event is set aside if the receiver has refused it for this long and taken others "
            "meanwhile.",
        ),
    ] = 900
    metrics_host: Annotated[
        HostName,
        Field(
            description="Address on which the adapter serves /metrics, /livez, /readyz and /status. They "
            "need no password, so let only those reach them who may read them.",
        ),
    ] = "127.0.0.1"
    metrics_port: Annotated[
        Port, Field(description="Port of these pages. 0 uses a free port and logs it.")
    ] = 9466

    def networks(self) -> tuple[Network, ...]:
        """The networks in `allowed_networks`."""
        return _networks(self.allowed_networks)

    def tls(self) -> ssl.SSLContext:
        """How to verify the receiver. Raises SettingsError if the file cannot be used."""
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ssl.SSLError) as error:
            prefix = self.model_config["env_prefix"]
            raise SettingsError(
                f"{prefix}CA_FILE={self.ca_file}: cannot be used ({error}). It must be a PEM file that this "
                "user can read."
            ) from error
