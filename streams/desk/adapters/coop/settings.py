"""The settings of the adapter for Coop, from environment variables that begin with `TOCSIN_COOP_`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from streams.desk.adapters.settings import AdapterSettings, HttpsOrigin
from streams.running.worker.environment import COOP_PREFIX, HostName, Port


class CoopSettings(AdapterSettings):
    """One field per variable: `address` is TOCSIN_COOP_ADDRESS."""

    model_config = SettingsConfigDict(env_prefix=COOP_PREFIX, extra="forbid", frozen=True)

    name: Annotated[str, AdapterSettings.model_fields["name"]] = "coop"
    address: Annotated[
        HttpsOrigin | None, Field(description="Https address of Coop, such as https://coop.example.org.")
    ] = None
    api_key: Annotated[
        SecretStr | None, Field(description="API key of your organisation in Coop. Never logged.")
    ] = None
    api_key_file: Annotated[
        Path | None, Field(description="File with that key, instead of the variable.")
    ] = None
    mapping_file: Annotated[
        Path | None,
        Field(
            description="Which item, reporter and policies of Coop a report uses, and what its actions mean "
            "(YAML); docs/adapters.md shows one."
        ),
    ] = None
    public_key_file: Annotated[
        Path | None,
        Field(
            description="PEM file with Coop's webhook signature verification key; while it changes, with the "
            "new one and the old one."
        ),
    ] = None
    reviewer_key: Annotated[
        SecretStr | None,
        Field(
            description="Secret key that makes pseudonyms of moderators' addresses, 32 characters or more. "
            "Never logged."
        ),
    ] = None
    reviewer_key_file: Annotated[
        Path | None, Field(description="File with that key, instead of the variable.")
    ] = None
    callback_host: Annotated[
        HostName,
        Field(
            description="Address on which the adapter takes Coop's action callbacks, at any path. It speaks "
            "HTTP: let a proxy with a certificate reach it, and nobody else."
        ),
    ] = "127.0.0.1"
    callback_port: Annotated[
        Port, Field(description="Port for these callbacks. 0 uses a free port and logs it.")
    ] = 8470
