"""Puts tracing together from the settings."""

from typing import Final, NamedTuple

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler, TraceIdRatioBased

from streams import __version__
from streams.running.identity import consumer_group
from streams.running.operations.values import Numbers
from streams.running.worker.environment import SettingsError
from streams.running.worker.settings import Settings
from streams.running.worker.tracing.exporting import CountedExporter, SpanQueue
from streams.running.worker.tracing.settings import OTEL_PREFIX, TracingSettings
from streams.running.worker.tracing.transactions import KeepNotable, TransactionSpans

# The version of the semantic conventions that the names of our attributes follow.
SCHEMA: Final = "https://opentelemetry.io/schemas/1.44.0"


class Tracing(NamedTuple):
    """What makes the spans of a worker, and what sends them."""

    spans: TransactionSpans
    queue: SpanQueue


def start_tracing(settings: Settings, tracing: TracingSettings, spans: Numbers) -> Tracing:
    """Start the thread that sends spans, and count in `spans` what becomes of them.

    Raises SettingsError for a variable that OpenTelemetry refuses.
    """
    try:
        exporter = OTLPSpanExporter()
        provider = TracerProvider(
            sampler=KeepNotable(_sampler(tracing)), resource=_resource(settings), shutdown_on_exit=False
        )
    except (ValueError, RuntimeError) as error:
        # Limits of spans and providers of credentials, which are rarely set. The message names the variable
        # or the provider.
        raise SettingsError(f"{OTEL_PREFIX}*: {error}") from None
    queue = SpanQueue(CountedExporter(exporter, spans), tracing, spans)
    provider.add_span_processor(queue)
    tracer = provider.get_tracer("tocsin", __version__, schema_url=SCHEMA)
    return Tracing(TransactionSpans(tracer, consumer_group(settings.topic_prefix)), queue)


def _sampler(tracing: TracingSettings) -> Sampler:
    # The span of a transaction has no parent, so `parentbased_` changes nothing.
    name = tracing.traces_sampler.removeprefix("parentbased_")
    if name == "traceidratio":
        return TraceIdRatioBased(tracing.traces_sampler_arg)
    return ALWAYS_ON if name == "always_on" else ALWAYS_OFF


def _resource(settings: Settings) -> Resource:
    """Who sends the spans; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES take precedence."""
    ours = {"service.name": "tocsin", "service.version": __version__}
    if settings.instance:
        ours["service.instance.id"] = settings.instance
    return Resource.create({**ours, **OTELResourceDetector().detect().attributes})
