"""All settings of Tocsin, from environment variables that begin with `TOCSIN_`."""

import os
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypedDict

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from streams.runtime.connection import Connection

PREFIX = "TOCSIN_"


class SettingsError(Exception):
    """The environment is not usable; one line per variable says what is wrong and what would be valid."""


class RegistryFiles(TypedDict):
    """Where rules come from; None: what is shipped."""

    policies: Path | None
    scoring: Path | None
    categories: Path | None
    platform: Path | None
    law: Path | None


def _check_addresses(brokers: str) -> str:
    for address in brokers.split(","):
        found = re.fullmatch(r"[^\s,/]+:([0-9]{1,5})", address)
        if not (found and 1 <= int(found[1]) <= 65535):
            raise PydanticCustomError(
                "addresses",
                "must be host:port, several separated by commas; no scheme stands before a host, and a port is 1 to 65535",
            )
    return brokers


class Settings(BaseSettings):
    """One field per variable: `kafka_bootstrap` is TOCSIN_KAFKA_BOOTSTRAP."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    kafka_bootstrap: Annotated[
        str,
        Field(description="Brokers, `host:port[,host:port...]`."),
        AfterValidator(_check_addresses),
    ] = "127.0.0.1:9092"
    kafka_security_protocol: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"],
        Field(description="As for any Kafka client."),
    ] = "PLAINTEXT"
    kafka_ssl_ca_file: Annotated[
        Path | None, Field(description="PEM file of the authorities to trust; the system's when not set.")
    ] = None
    kafka_ssl_certificate_file: Annotated[
        Path | None, Field(description="PEM file of the client certificate, for mutual TLS.")
    ] = None
    kafka_ssl_key_file: Annotated[
        Path | None, Field(description="PEM file of the client certificate's key.")
    ] = None
    kafka_sasl_mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None, Field(description="Needed with SASL_*.")
    ] = None
    kafka_sasl_username: Annotated[str | None, Field(description="Needed with SASL_*.")] = None
    kafka_sasl_password: Annotated[
        SecretStr | None, Field(description="Needed with SASL_*. Never logged.")
    ] = None
    topic_prefix: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9._-]{0,100}$", description="Put before every topic name and the group's id."
        ),
    ] = ""
    app_id: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9._-]{1,100}$",
            description="Consumer group and start of the transactional ids. Workers of one deployment share it.",
        ),
    ] = "tocsin"
    partitions: Annotated[
        int, Field(ge=1, le=1000, description="Partitions of the topics that `tocsin topics create` makes.")
    ] = 4
    replication_factor: Annotated[
        int, Field(ge=1, le=9, description="Replicas of every topic; 1 on one broker.")
    ] = 3
    min_insync_replicas: Annotated[
        int, Field(ge=1, le=9, description="Replicas that must have a record before it counts as written.")
    ] = 2
    policies_file: Annotated[
        Path | None, Field(description="Policies to use instead of the shipped ones (YAML).")
    ] = None
    scoring_file: Annotated[
        Path | None, Field(description="What a report weighs, instead of the shipped numbers (YAML).")
    ] = None
    categories_file: Annotated[
        Path | None,
        Field(
            description="How grave each category is, and how likely a report in it is right, instead (YAML)."
        ),
    ] = None
    law_folder: Annotated[
        Path | None,
        Field(
            description="Folder of law to use instead of the shipped one; `tocsin registry check` checks it."
        ),
    ] = None
    platform_file: Annotated[
        Path | None,
        Field(description="Facts about your platform (YAML) instead of the example in the folder of law."),
    ] = None
    dead_letter_breaker: Annotated[
        Literal["on", "off"],
        Field(
            description="`off` lets a flood of unreadable records pass into dead-letters instead of stopping."
        ),
    ] = "on"
    duplicates_remembered: Annotated[
        int,
        Field(
            ge=1000,
            le=10_000_000,
            multiple_of=1000,
            description="Reports per partition whose ids are remembered; must not change while state is kept.",
        ),
    ] = 200_000
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], Field(description="What is logged.")
    ] = "INFO"
    log_format: Annotated[
        Literal["console", "json"],
        Field(description="`console` for people, `json` for one JSON object per line. To standard error."),
    ] = "console"
    http_host: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9.:-]+$",
            description="Address on which a worker serves /metrics, /livez, /readyz and /status. They ask for no "
            "password: open them to those alone who may read them.",
        ),
    ] = "127.0.0.1"
    http_port: Annotated[
        int,
        Field(
            ge=0,
            le=65535,
            description="Port for the same; workers on one machine need one each. 0 takes a free one and logs it.",
        ),
    ] = 9464
    # Three times what a transaction may take until it is given up (20 s): until then a silence may still end by itself.
    watchdog_seconds: Annotated[
        int,
        Field(
            ge=5,
            le=3600,
            description="A worker ends itself when it applies nothing for so long although reports wait, or when its "
            "event loop hangs for so long.",
        ),
    ] = 60

    def registry_files(self) -> RegistryFiles:
        """What to give to `load_rules`."""
        return RegistryFiles(
            policies=self.policies_file,
            scoring=self.scoring_file,
            categories=self.categories_file,
            platform=self.platform_file,
            law=self.law_folder,
        )

    def connection(self) -> Connection:
        """How to reach the brokers. Raises SettingsError when TLS or SASL settings do not fit together."""
        uses_tls = self.kafka_security_protocol in ("SSL", "SASL_SSL")
        uses_sasl = self.kafka_security_protocol.startswith("SASL_")
        if uses_sasl and not (
            self.kafka_sasl_mechanism and self.kafka_sasl_username and self.kafka_sasl_password
        ):
            raise SettingsError(
                f"{PREFIX}KAFKA_SECURITY_PROTOCOL is {self.kafka_security_protocol}: set "
                f"{PREFIX}KAFKA_SASL_MECHANISM, {PREFIX}KAFKA_SASL_USERNAME and {PREFIX}KAFKA_SASL_PASSWORD too."
            )
        if not uses_sasl:
            self._refuse_unused(
                "kafka_sasl_", "SASL_PLAINTEXT or SASL_SSL, or the credentials would not be used."
            )
        if not uses_tls:
            # Somebody who names an authority counts on TLS; without it everything would cross the network in the clear.
            self._refuse_unused(
                "kafka_ssl_", "SSL or SASL_SSL, or the files would not be used and nothing encrypted."
            )
        if self.kafka_ssl_key_file and not self.kafka_ssl_certificate_file:
            raise SettingsError(
                f"{PREFIX}KAFKA_SSL_KEY_FILE is set: set {PREFIX}KAFKA_SSL_CERTIFICATE_FILE too, or the key would not be "
                "used."
            )
        password = self.kafka_sasl_password
        return Connection(
            bootstrap_servers=self.kafka_bootstrap,
            security_protocol=self.kafka_security_protocol,
            ssl_context=self._ssl_context() if uses_tls else None,
            sasl_mechanism=self.kafka_sasl_mechanism,
            sasl_username=self.kafka_sasl_username,
            sasl_password=password.get_secret_value() if password else None,
        )

    def _refuse_unused(self, start: str, needed: str) -> None:
        names = [name for name in Settings.model_fields if name.startswith(start) and getattr(self, name)]
        if names:
            listed = ", ".join(PREFIX + name.upper() for name in names)
            raise SettingsError(f"{listed} set: {PREFIX}KAFKA_SECURITY_PROTOCOL must be {needed}")

    def _ssl_context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.kafka_ssl_ca_file)
            if self.kafka_ssl_certificate_file is not None:
                context.load_cert_chain(self.kafka_ssl_certificate_file, self.kafka_ssl_key_file)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(
                f"{PREFIX}KAFKA_SSL_*: a file cannot be used ({error}). CA, certificate and key must be PEM files "
                "that this user can read."
            ) from error
        return context


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment. Raises SettingsError; unknown TOCSIN_ variables are refused."""
    variables = os.environ if environment is None else environment
    values = {
        name.removeprefix(PREFIX).lower(): text for name, text in variables.items() if name.startswith(PREFIX)
    }
    unknown = sorted(values.keys() - Settings.model_fields.keys())
    if unknown:
        known = ", ".join(PREFIX + name.upper() for name in Settings.model_fields)
        raise SettingsError(
            "\n".join(f"{PREFIX}{name.upper()}: there is no such setting." for name in unknown)
            + f"\nKnown: {known}."
        )
    try:
        settings = Settings(**values)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError("\n".join(_explained(row) for row in error.errors())) from None
    if settings.min_insync_replicas > settings.replication_factor:
        raise SettingsError(
            f"{PREFIX}MIN_INSYNC_REPLICAS is {settings.min_insync_replicas} and {PREFIX}REPLICATION_FACTOR "
            f"{settings.replication_factor}: a record could never be written. Set the first to the second at most, and "
            "to less where a broker may be away."
        )
    return settings


def _explained(row: Mapping[str, object]) -> str:
    name = str(row["loc"][0])  # type: ignore[index]
    description = Settings.model_fields[name].description
    return f"{PREFIX}{name.upper()}: {row['msg']}. {description}"
