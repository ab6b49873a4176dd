"""All settings of Tocsin, from environment variables that begin with `TOCSIN_`."""

import os
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypedDict

from pydantic import AfterValidator, Field, SecretStr
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from streams.deciding.partition.settings import DEFAULTS, MOST_DUPLICATES, PartitionSettings
from streams.running.log.connection import Connection
from streams.running.operations.logs import LogFormat
from streams.running.topics.topic_catalogue import DEFAULT_MIN_INSYNC, DEFAULT_PARTITIONS, DEFAULT_REPLICAS
from streams.running.worker.environment import OTHER_PREFIXES, HostName, Port, SettingsError, load_prefixed

PREFIX = "TOCSIN_"


class RegistryFiles(TypedDict):
    """Where to load rules from; None means the built-in file or folder."""

    policies: Path | None
    scoring: Path | None
    categories: Path | None
    sources: Path | None
    platform: Path | None
    law: Path | None


def _check_addresses(brokers: str) -> str:
    for address in brokers.split(","):
        found = re.fullmatch(r"[^\s,/]+:([0-9]{1,5})", address)
        if not (found and 1 <= int(found[1]) <= 65535):
            raise PydanticCustomError(
                "addresses",
                "must be host:port, several separated by commas, with no scheme; a port is from 1 to 65535",
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
        Field(description="Protocol of connections to the brokers; SSL and SASL_SSL are encrypted."),
    ] = "PLAINTEXT"
    kafka_ssl_ca_file: Annotated[
        Path | None,
        Field(description="PEM file of trusted certificate authorities; if not set, those of the system."),
    ] = None
    kafka_ssl_certificate_file: Annotated[
        Path | None, Field(description="PEM file of the client certificate, for mutual TLS.")
    ] = None
    kafka_ssl_key_file: Annotated[
        Path | None, Field(description="PEM file of the client certificate's key.")
    ] = None
    kafka_sasl_mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None,
        Field(description="SASL mechanism; required with SASL_PLAINTEXT and SASL_SSL."),
    ] = None
    kafka_sasl_username: Annotated[
        str | None, Field(description="SASL user name; required with SASL_PLAINTEXT and SASL_SSL.")
    ] = None
    kafka_sasl_password: Annotated[
        SecretStr | None,
        Field(description="SASL password; required with SASL_PLAINTEXT and SASL_SSL. Never logged."),
    ] = None
    topic_prefix: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9._-]{0,100}$",
            description="Prefix of every topic name, of the consumer group's id and of the transactional "
            "ids.",
        ),
    ] = ""
    instance: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9._-]{0,100}$",
            description="Name of a worker that no other live worker has and that it keeps when it restarts, "
            "such as a pod's. The restarted worker then ends at once what it left open when it was "
            "killed.",
        ),
    ] = ""
    partitions: Annotated[
        int, Field(ge=1, le=1000, description="Partitions of the topics that `tocsin topics create` creates.")
    ] = DEFAULT_PARTITIONS
    replication_factor: Annotated[
        int, Field(ge=1, le=9, description="Replicas of every topic; 1 with a single broker.")
    ] = DEFAULT_REPLICAS
    min_insync_replicas: Annotated[
        int, Field(ge=1, le=9, description="Replicas that must have a record before it counts as written.")
    ] = DEFAULT_MIN_INSYNC
    policies_file: Annotated[
        Path | None, Field(description="Policies (YAML); replaces the built-in file.")
    ] = None
    scoring_file: Annotated[
        Path | None,
        Field(
            description="Weights of reporters and classifiers in a report's risk (YAML); replaces the "
            "built-in file."
        ),
    ] = None
    categories_file: Annotated[
        Path | None,
        Field(
            description="Categories of your own, and severities and priors that differ from the built-in "
            "ones (YAML)."
        ),
    ] = None
    sources_file: Annotated[
        Path | None,
        Field(
            description="What reports may claim in each topic to which they are published (YAML); replaces "
            "the built-in file."
        ),
    ] = None
    law_folder: Annotated[
        Path | None,
        Field(
            description="Folder of law files; replaces the built-in folder. Check it with `tocsin registry "
            "check`."
        ),
    ] = None
    platform_file: Annotated[
        Path | None,
        Field(description="Facts about your platform (YAML); replaces the example in the law folder."),
    ] = None
    replaces_rules: Annotated[
        str,
        Field(
            pattern=r"^([0-9a-f]{16})?$",
            description="Id of the rules that those of this worker replace in a rolling restart, which "
            "`/status` shows as `rules_id`. Without it a worker does not join others that have other rules.",
        ),
    ] = ""
    rule_keys_file: Annotated[
        Path | None,
        Field(
            description="Keys of the people who may propose and approve sets of rules (YAML). Without it, no "
            "act in rule-changes counts, and the files of the installation rule."
        ),
    ] = None
    rule_approvals: Annotated[
        Literal["signed", "unsigned"],
        Field(
            description="`signed` counts acts on rules with a signature of a listed key only. `unsigned` "
            "counts all, so that whoever may write to rule-changes can act in the name of two people."
        ),
    ] = "signed"
    rule_signing_key_file: Annotated[
        Path | None,
        Field(
            description="Private Ed25519 key (PEM) with which `tocsin rules` signs what you decide; no "
            "worker needs it."
        ),
    ] = None
    core: Annotated[
        Literal["auto", "python", "native"],
        Field(
            description="Who reads reports where they are published, and stamps them, with the same result: "
            "`native` is the extension tocsin_native, `auto` is native if that is installed in this version, "
            "else Python."
        ),
    ] = "auto"
    tracing: Annotated[
        Literal["on", "off"],
        Field(
            description="`on` sends a span for each transaction to an OpenTelemetry receiver, which the "
            "standard OTEL_ variables name, and marks escalations with its ids; needs the packages of "
            "the extra `tracing`."
        ),
    ] = "off"
    dead_letter_breaker: Annotated[
        Literal["on", "off"],
        Field(
            description="`on` reads a source slowly while more than half of the last 1,000 records of the "
            "partition are invalid; `off` writes them to dead-letters as fast as they arrive."
        ),
    ] = "on"
    duplicates_hours: Annotated[
        int,
        Field(
            ge=1,
            le=720,
            description="Hours of a partition's time for which the ids of applied records are remembered, so "
            "that a repeat is recognised. A report that occurred before what is remembered is not counted.",
        ),
    ] = DEFAULTS.duplicates_hours
    duplicates_most: Annotated[
        int,
        Field(
            ge=10_000,
            le=MOST_DUPLICATES,
            description="Most ids that a stage remembers per partition, with up to 24 bytes of memory each: "
            "with more records than this within the hours, the oldest ids are forgotten earlier.",
        ),
    ] = DEFAULTS.duplicates_most
    new_reporters_per_hour: Annotated[
        int,
        Field(
            ge=1_000,
            description="Reporters not known yet that a publisher (ce_source) may bring to a partition "
            "within an hour of its time. Beyond that, reports that bring another one go to dead-letters.",
        ),
    ] = DEFAULTS.new_reporters_per_hour
    new_channels_per_hour: Annotated[
        int,
        Field(ge=1_000, description="The same for channels without counts, once for each category."),
    ] = DEFAULTS.new_channels_per_hour
    new_messages_per_hour: Annotated[
        int, Field(ge=1_000, description="The same for messages not reported yet.")
    ] = DEFAULTS.new_messages_per_hour
    actor: Annotated[
        str | None,
        Field(
            pattern=r"^[A-Za-z0-9._:~-]{1,128}$",
            description="Pseudonym of the person or program on whose decision `tocsin clock` reports an "
            "outcome, if not given as --actor; never a name, an e-mail address or a telephone number.",
        ),
    ] = None
    hash_key: Annotated[
        SecretStr | None,
        Field(
            description="Secret key for hashing reporters' refs, 64 to 128 hex digits; workers need one, all "
            "the same. Never logged."
        ),
    ] = None
    hash_key_file: Annotated[
        Path | None, Field(description="File with that key, instead of the variable; for mounted secrets.")
    ] = None
    hash_key_previous: Annotated[
        SecretStr | None,
        Field(
            description="The key used before; needed for 31 days after a change, so that no reporter counts "
            "twice. Never logged."
        ),
    ] = None
    hash_key_previous_file: Annotated[
        Path | None, Field(description="File with the previous key, instead of the variable.")
    ] = None
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], Field(description="Least severe level that is logged.")
    ] = "INFO"
    log_format: Annotated[
        LogFormat,
        Field(
            description="Logs on standard error: `console` for people, `json` for one JSON object per line. "
            "`auto` is `console` on a terminal and `json` elsewhere."
        ),
    ] = "auto"
    http_host: Annotated[
        HostName,
        Field(
            description="Address on which a worker serves /metrics, /livez, /readyz and /status. They need "
            "no password, so let only those reach them who may read them.",
        ),
    ] = "127.0.0.1"
    http_port: Annotated[
        Port,
        Field(
            description="Port of these pages; each worker on a machine needs its own. 0 uses a free port and "
            "logs it.",
        ),
    ] = 9464
    # Three times the timeout of a transaction (20 s): until then a stall may still end by itself.
    watchdog_seconds: Annotated[
        int,
        Field(
            ge=5,
            le=3600,
            description="A worker exits after applying nothing for this long although records are waiting, "
            "or after its event loop was blocked for this long.",
        ),
    ] = 60

    def registry_files(self) -> RegistryFiles:
        """Return the arguments for `load_rules`."""
        return RegistryFiles(
            policies=self.policies_file,
            scoring=self.scoring_file,
            categories=self.categories_file,
            sources=self.sources_file,
            platform=self.platform_file,
            law=self.law_folder,
        )

    def partition_settings(self) -> PartitionSettings:
        """Return the settings that all stages have in common."""
        return PartitionSettings(
            dead_letter_breaker=self.dead_letter_breaker == "on",
            duplicates_hours=self.duplicates_hours,
            duplicates_most=self.duplicates_most,
            new_reporters_per_hour=self.new_reporters_per_hour,
            new_channels_per_hour=self.new_channels_per_hour,
            new_messages_per_hour=self.new_messages_per_hour,
        )

    def connection(self) -> Connection:
        """Return how to reach the brokers. Raises SettingsError if TLS and SASL settings do not match."""
        uses_tls = self.kafka_security_protocol in ("SSL", "SASL_SSL")
        uses_sasl = self.kafka_security_protocol.startswith("SASL_")
        if uses_sasl and not (
            self.kafka_sasl_mechanism and self.kafka_sasl_username and self.kafka_sasl_password
        ):
            raise SettingsError(
                f"{PREFIX}KAFKA_SECURITY_PROTOCOL is {self.kafka_security_protocol}: set "
                f"{PREFIX}KAFKA_SASL_MECHANISM, {PREFIX}KAFKA_SASL_USERNAME and {PREFIX}KAFKA_SASL_PASSWORD "
                "too."
            )
        if not uses_sasl:
            self._refuse_unused(
                "kafka_sasl_", "SASL_PLAINTEXT or SASL_SSL; otherwise the credentials would not be used."
            )
        if not uses_tls:
            # A CA file shows that TLS is expected; without TLS all traffic would be unencrypted.
            self._refuse_unused(
                "kafka_ssl_", "SSL or SASL_SSL; otherwise the files would not be used and nothing encrypted."
            )
        if self.kafka_ssl_key_file and not self.kafka_ssl_certificate_file:
            raise SettingsError(
                f"{PREFIX}KAFKA_SSL_KEY_FILE is set: set {PREFIX}KAFKA_SSL_CERTIFICATE_FILE too; otherwise "
                "the key would not be used."
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
                f"{PREFIX}KAFKA_SSL_*: a file cannot be used ({error}). CA, certificate and key must be PEM "
                "files that this user can read."
            ) from error
        return context


# Settings of earlier versions, with what to do now.
_REMOVED = {
    f"{PREFIX}DUPLICATES_REMEMBERED": "this setting no longer exists: ids are remembered for "
    f"{PREFIX}DUPLICATES_HOURS (24), whatever their number up to {PREFIX}DUPLICATES_MOST (5000000 per "
    "partition). Unset it; what is remembered is kept.",
    f"{PREFIX}APP_ID": "this setting no longer exists. The consumer group and the transactional ids follow "
    f"from {PREFIX}TOPIC_PREFIX alone, so that only one group of workers can own the state. If it is "
    "`tocsin`, which was the default, unset it. Otherwise stop every worker that runs with it, allow the "
    "group and the transactional ids of docs/deployment.md, and only then unset it: workers of earlier "
    "versions with another value would apply every record a second time.",
    f"{PREFIX}COMPRESSION": "this setting no longer exists: unset it. Workers compress what they write with "
    "zstd. What they have written with another codec is still read.",
    f"{PREFIX}REPORTERS": "this setting no longer exists: reports with a reporter's ref always go through "
    "the stage of reporters, as with `on`. Unset it. If it was `off` or not set, read docs/upgrading.md "
    "first: workers then need more capacity.",
}


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Load settings from the environment. Raises SettingsError, also for unknown TOCSIN_ variables."""
    variables = os.environ if environment is None else environment
    removed = [f"{name}: {why}" for name, why in _REMOVED.items() if name in variables]
    if removed:
        raise SettingsError("\n".join(removed))
    own = {name: text for name, text in variables.items() if not name.startswith(OTHER_PREFIXES)}
    settings = load_prefixed(Settings, own)
    if settings.min_insync_replicas > settings.replication_factor:
        raise SettingsError(
            f"{PREFIX}MIN_INSYNC_REPLICAS is {settings.min_insync_replicas} and {PREFIX}REPLICATION_FACTOR "
            f"{settings.replication_factor}: no record could ever be written. With a single broker set both "
            "to 1, with several the first below the second, so that writing goes on while a broker is down."
        )
    return settings
