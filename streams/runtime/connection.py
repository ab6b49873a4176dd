"""Broker addresses, TLS and SASL, for every Kafka client of Tocsin, and the codec of what is written."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import faust
from faust.types.auth import CredentialsT

Compression = Literal["none", "lz4", "zstd"]

# Disk: enriched reports of 2,430 bytes take 110 in full batches (lz4 239) and 220 at 1,000 reports a second. CPU of a busy
# worker: 56 us per report instead of 62, because fewer bytes are checksummed and sent (lz4 65: aiokafka compresses it at
# level 9). Small batches get lz4 (see patches/producer.py). docs/performance-design.md has the rest.
DEFAULT_COMPRESSION: Compression = "zstd"


@dataclass(frozen=True, slots=True)
class Connection:
    """Broker addresses and credentials. `security_protocol` is PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL.

    `compression` is the codec of the batches that a Writer writes; readers need no setting.
    """

    bootstrap_servers: str
    security_protocol: str = "PLAINTEXT"
    ssl_context: ssl.SSLContext | None = None
    sasl_mechanism: str | None = None
    sasl_username: str | None = None
    sasl_password: str | None = field(default=None, repr=False)
    compression: Compression = DEFAULT_COMPRESSION

    def client_options(self) -> Mapping[str, Any]:
        """Keyword arguments for any aiokafka client."""
        options: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap_servers,
            "security_protocol": self.security_protocol,
        }
        if self.ssl_context is not None:
            options["ssl_context"] = self.ssl_context
        if self.sasl_mechanism is not None:
            options |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.sasl_username,
                "sasl_plain_password": self.sasl_password,
            }
        return options

    def faust_broker(self) -> list[str]:
        """Broker addresses in the form of Faust's setting `broker`."""
        return [f"kafka://{address.strip()}" for address in self.bootstrap_servers.split(",")]

    def faust_credentials(self) -> CredentialsT | None:
        """The credentials for Faust's setting `broker_credentials`; None for PLAINTEXT."""
        if self.sasl_mechanism is not None:
            return faust.SASLCredentials(
                username=self.sasl_username,
                password=self.sasl_password,
                mechanism=self.sasl_mechanism,
                ssl_context=self.ssl_context,
            )
        if self.ssl_context is not None:
            return faust.SSLCredentials(context=self.ssl_context)
        return None
