"""The standard OpenTelemetry variables that tracing obeys.

OpenTelemetry itself ignores a wrong value; we refuse it.
"""

import os
from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, FilePath, HttpUrl, SecretStr
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from streams.running.worker.environment import SettingsError, checked

OTEL_PREFIX: Final = "OTEL_"

_Protocol = Annotated[
    Literal["http/protobuf"], Field(description="Protocol of the exporter: only http/protobuf is supported.")
]
_Seconds = Annotated[
    float,
    Field(gt=0, le=3600, description="Seconds that sending a batch of spans may take, retries included."),
]
_CompressionName = Annotated[
    Literal["none", "gzip", "deflate"], Field(description="Compression of what is sent.")
]


def _check_headers(headers: SecretStr) -> SecretStr:
    # The message must not quote them: they hold the password of the receiver.
    for pair in headers.get_secret_value().split(","):
        name, equals, value = pair.partition("=")
        if not (name.strip() and equals and value.strip()):
            raise PydanticCustomError("headers", "must be name=value, several separated by commas")
    return headers


def _check_url(url: HttpUrl | None) -> HttpUrl | None:
    if url is not None and (url.username or url.password):
        raise PydanticCustomError(
            "credentials", "must be without user name and password: put these into OTEL_EXPORTER_OTLP_HEADERS"
        )
    return url


# Shown by `tocsin config show`, and logged when the receiver does not answer.
_Url = Annotated[HttpUrl | None, AfterValidator(_check_url)]
_Authority = Annotated[FilePath | None, Field(description="PEM file of trusted certificate authorities.")]
_Certificate = Annotated[
    FilePath | None, Field(description="PEM file of the client certificate, for mutual TLS.")
]
_Key = Annotated[FilePath | None, Field(description="PEM file of the client certificate's key.")]
_Headers = Annotated[
    SecretStr | None,
    AfterValidator(lambda headers: headers and _check_headers(headers)),
    Field(description="Headers of each request, name=value, several separated by commas. Never logged."),
]


class TracingSettings(BaseSettings):
    """One field per variable: `traces_sampler` is OTEL_TRACES_SAMPLER.

    The exporter reads most of them itself.
    """

    model_config = SettingsConfigDict(
        env_prefix=OTEL_PREFIX, env_ignore_empty=True, extra="forbid", frozen=True
    )

    sdk_disabled: Annotated[
        Literal["false"],
        Field(description="true would turn off what TOCSIN_TRACING=on turns on: unset one of them."),
    ] = "false"
    traces_exporter: Annotated[
        Literal["otlp"], Field(description="Only otlp is supported. TOCSIN_TRACING=off sends nothing.")
    ] = "otlp"
    exporter_otlp_endpoint: Annotated[
        _Url, Field(description="URL of the receiver, to which /v1/traces is added.")
    ] = None
    exporter_otlp_traces_endpoint: Annotated[
        _Url, Field(description="Whole URL of the receiver of traces, used as it is.")
    ] = None
    exporter_otlp_protocol: _Protocol = "http/protobuf"
    exporter_otlp_traces_protocol: _Protocol = "http/protobuf"
    exporter_otlp_timeout: _Seconds = 10.0
    exporter_otlp_traces_timeout: _Seconds = 10.0
    exporter_otlp_compression: _CompressionName = "none"
    exporter_otlp_traces_compression: _CompressionName = "none"
    exporter_otlp_headers: _Headers = None
    exporter_otlp_traces_headers: _Headers = None
    exporter_otlp_certificate: _Authority = None
    exporter_otlp_traces_certificate: _Authority = None
    exporter_otlp_client_certificate: _Certificate = None
    exporter_otlp_traces_client_certificate: _Certificate = None
    exporter_otlp_client_key: _Key = None
    exporter_otlp_traces_client_key: _Key = None
    traces_sampler: Annotated[
        Literal[
            "always_on",
            "always_off",
            "traceidratio",
            "parentbased_always_on",
            "parentbased_always_off",
            "parentbased_traceidratio",
        ],
        Field(description="Which of the other transactions are sampled (docs/tracing.md)."),
    ] = "parentbased_always_on"
    traces_sampler_arg: Annotated[
        float, Field(ge=0, le=1, description="Share that the samplers named traceidratio keep.")
    ] = 1.0
    bsp_max_queue_size: Annotated[
        int, Field(ge=1, le=1_000_000, description="Spans that may wait to be sent; more are dropped.")
    ] = 2048
    bsp_max_export_batch_size: Annotated[
        int, Field(ge=1, le=1_000_000, description="Spans in one request, at most OTEL_BSP_MAX_QUEUE_SIZE.")
    ] = 512
    bsp_schedule_delay: Annotated[
        int, Field(ge=1, le=3_600_000, description="Milliseconds between two requests.")
    ] = 5000


def load_tracing_settings(environment: Mapping[str, str] | None = None) -> TracingSettings:
    """Load them from the environment. Raises SettingsError; other OTEL_ variables are none of ours."""
    variables = os.environ if environment is None else environment
    values = {
        name: text
        for name in TracingSettings.model_fields
        if (text := variables.get(OTEL_PREFIX + name.upper()))
    }
    settings = checked(TracingSettings, OTEL_PREFIX, values)
    if settings.bsp_max_export_batch_size > settings.bsp_max_queue_size:
        raise SettingsError(
            f"{OTEL_PREFIX}BSP_MAX_EXPORT_BATCH_SIZE is {settings.bsp_max_export_batch_size} and "
            f"{OTEL_PREFIX}BSP_MAX_QUEUE_SIZE {settings.bsp_max_queue_size}: set the first to at most the "
            "second."
        )
    return settings
