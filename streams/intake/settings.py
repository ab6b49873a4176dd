"""The settings of the intake, from environment variables that begin with `TOCSIN_INTAKE_`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from streams.running.worker.environment import INTAKE_PREFIX, HostName, Port


class IntakeSettings(BaseSettings):
    """One field per variable: `port` is TOCSIN_INTAKE_PORT. Brokers and rules are those of workers."""

    model_config = SettingsConfigDict(env_prefix=INTAKE_PREFIX, extra="forbid", frozen=True)

    sources_file: Annotated[
        Path | None,
        Field(description="The systems that may send reports (YAML); docs/intake.md shows one."),
    ] = None
    pseudonym_key: Annotated[
        SecretStr | None,
        Field(
            description="Secret key that makes pseudonyms of reporters, channels and messages, 32 characters "
            "or more: make one with `openssl rand -hex 32`, and give it here or in the file that "
            "TOCSIN_INTAKE_PSEUDONYM_KEY_FILE names. Never logged, never in Kafka."
        ),
    ] = None
    pseudonym_key_file: Annotated[
        Path | None, Field(description="File with that key, instead of the variable.")
    ] = None
    host: Annotated[
        HostName,
        Field(
            description="Address on which reports are taken. There is no TLS: a proxy in front of it ends "
            "that, and checks certificates of clients if there are any."
        ),
    ] = "127.0.0.1"
    port: Annotated[Port, Field(description="Port of this address. 0 uses a free port and logs it.")] = 8490
    metrics_host: Annotated[
        HostName,
        Field(
            description="Address on which the intake serves /metrics, /livez, /readyz and /status. They need "
            "no password, so let only those reach them who may read them."
        ),
    ] = "127.0.0.1"
    metrics_port: Annotated[
        Port, Field(description="Port of these pages. 0 uses a free port and logs it.")
    ] = 9476
