"""Spans of transactions without a broker: links, headers, sampling, attributes, and a queue whose exporter is
stuck.
"""

import asyncio
import subprocess
import sys
import threading
import time
from itertools import groupby
from typing import Any

import pytest
from aiokafka import TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON
from opentelemetry.semconv._incubating.attributes import messaging_attributes
from opentelemetry.semconv.schemas import Schemas

from streams.deciding.partition.hash_key import DEMONSTRATION_KEY
from streams.deciding.reports.stage import report_stage
from streams.distribution import packages_missing
from streams.running.cycle.trace import untraced
from streams.running.errors import OwnershipLost
from streams.running.log.destinations import Troubles
from streams.running.log.claims import StatePartition
from streams.running.log.position import SourcePosition
from streams.running.operations.process_metric_catalogue import SPANS
from streams.running.operations.values import Numbers
from streams.running.partitions.prepared import Prepared, prepare
from streams.running.partitions.progress import NewRecords
from streams.running.partitions.setback import Attempt
from streams.running.worker.environment import SettingsError
from streams.running.worker.settings import load_settings
from streams.running.worker.tracing import exporting
from streams.running.worker.tracing.exporting import CountedExporter, SpanQueue
from streams.running.worker.tracing.settings import load_tracing_settings
from streams.running.worker.tracing.start import SCHEMA, start_tracing
from streams.running.worker.tracing.transactions import MOST_LINKS, KeepNotable, TransactionSpans
from streams.running.log.destinations import Troubles
from tests.kafka.harness.workers import clean_environment
from tests.unit.traffic import EXTERNAL, START, Record, arriving, compiled, policy, report

PREFIX = "live."
RULES = compiled(policy())
PARTITION = StatePartition("reports", 0)


class Writer:
    prefix = PREFIX
    troubles = Troubles()

    async def partition_count(self, _topic: str) -> int:
        return 1


def traceparent(number: int) -> bytes:
    return b"00-%032x-%016x-01" % (number, number)


def traced(record: Record, header: bytes | None, offset: int) -> Record:
    headers = [*record.headers, ("traceparent", header), ("tracestate", b"vendor=a-ref")]
    return record._replace(topic=PREFIX + EXTERNAL, offset=offset, headers=headers)


def escalating(*headers: bytes | None) -> list[Record]:
    """Reports of one channel at its home; the third one opens an escalation."""
    return arriving(RULES, [traced(report(n, START), header, n) for n, header in enumerate(headers)])


def bad(count: int, offset: int) -> list[Record]:
    record = report(0, START, category="witchcraft")
    return [traced(record, traceparent(10_000 + n), offset + n) for n in range(count)]


def prepared(records: list[Record]) -> Prepared:
    stage = report_stage(RULES)
    new = []
    for topic, found in groupby(records, lambda record: record.topic):
        rows = list(found)
        new.append(NewRecords(topic, rows, rows[-1].offset + 1))
    log = TopicPartition(PREFIX + stage.state_topic, 0)
    position = {each.topic: SourcePosition(0, 1, None) for each in new}
    return asyncio.run(
        prepare(stage, stage.restore(0, 1), Attempt(records), new, position, {}, log, Writer(), None)
    )


def spans_of(each: Prepared, others=ALWAYS_ON, fails_with: Exception | None = None) -> list[Any]:
    kept = InMemorySpanExporter()
    provider = TracerProvider(sampler=KeepNotable(others), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    trace = TransactionSpans(provider.get_tracer("test"), "live.tocsin")
    try:
        with trace({PARTITION: each}, time.time_ns()):
            if fails_with is not None:
                raise fails_with
    except OwnershipLost as lost:
        assert lost is fails_with
    return list(kept.get_finished_spans())


def escalation_headers(each: Prepared) -> list[tuple[str, bytes]]:
    ((_, _, headers),) = each.writes[f"{PREFIX}escalations", 0]
    return headers


def test_a_span_links_to_the_report_that_opened_an_escalation_and_to_no_other():
    each = prepared(escalating(*map(traceparent, (1, 2, 3))))
    (span,) = spans_of(each)
    assert [(link.context.trace_id, link.context.span_id) for link in span.links] == [(3, 3)]
    assert span.name == "process live.message-reports-internal" and span.parent is None
    assert span.end_time >= span.start_time
    assert dict(span.attributes) == {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.consumer.group.name": "live.tocsin",
        "messaging.batch.message_count": 3,
        "messaging.destination.name": "live.message-reports-internal",
        "messaging.destination.partition.id": "0",
        "tocsin.stages": ("reports",),
        "tocsin.partitions": 1,
        "tocsin.escalations": 1,
        "tocsin.escalations_shadow": 0,
        "tocsin.authority_routings": 0,
        "tocsin.dead_letters": 0,
        "tocsin.always_sampled": True,
        "tocsin.result": "committed",
    }


def test_names_of_attributes_are_those_of_the_semantic_conventions():
    (span,) = spans_of(prepared(escalating(None)))
    known = {value for name, value in vars(messaging_attributes).items() if name.startswith("MESSAGING_")}
    assert {name for name in span.attributes if name.startswith("messaging.")} <= known
    assert Schemas.V1_44_0.value == SCHEMA


def test_an_escalation_carries_the_ids_of_the_span_and_nothing_else_changes():
    off, on = (prepared(escalating(*map(traceparent, (1, 2, 3)))) for _ in range(2))
    with untraced({PARTITION: off}, 0):
        pass
    (span,) = spans_of(on)
    added = escalation_headers(on).pop()
    assert added == ("traceparent", b"00-%032x-%016x-03" % (span.context.trace_id, span.context.span_id))
    assert on.writes == off.writes
    # Neither does what the observers and a replay see.
    assert on.result.outputs == off.result.outputs
    assert [
        name for record in off.result.outputs for name, _ in record.headers if name == "traceparent"
    ] == []


@pytest.mark.parametrize(
    "header",
    [
        None,
        b"",
        b"channel-ref",
        b"\xff\xfe",
        traceparent(3)[:-1],
        traceparent(0),
        b"ff" + traceparent(3)[2:],
        b"00-%032X-%016x-01" % (0xABC, 3),
        traceparent(3) + b"-channel-ref",
    ],
)
def test_a_malformed_traceparent_is_ignored(header):
    (span,) = spans_of(prepared(escalating(traceparent(1), traceparent(2), header)))
    assert span.links == ()
    assert span.attributes["tocsin.escalations"] == 1


@settings(max_examples=50)
@given(
    st.from_regex(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.{0,20})?", fullmatch=True)
    | st.binary(max_size=80)
)
def test_of_a_header_nothing_but_ids_gets_into_a_span(header):
    (span,) = spans_of(prepared(escalating(None, None, header)))
    for link in span.links:
        context = link.context
        assert b"%032x-%016x" % (context.trace_id, context.span_id) in header
        assert not context.trace_state and not link.attributes


def test_dead_letters_are_linked_as_far_as_links_go_and_never_in_place_of_an_escalation():
    each = prepared([*escalating(*map(traceparent, (1, 2, 3))), *bad(2 * MOST_LINKS, 3)])
    (span,) = spans_of(each)
    assert span.attributes["tocsin.dead_letters"] == 2 * MOST_LINKS
    linked = [link.context.trace_id for link in span.links]
    assert len(linked) == MOST_LINKS
    assert linked[0] == 3 and linked[1:] == list(range(10_000, 10_000 + MOST_LINKS - 1))
    # They keep their publisher's.
    letters = each.writes[f"{PREFIX}dead-letters", 0]
    assert dict(letters[0][2])["traceparent"] == traceparent(10_000)


def test_what_decides_something_is_always_sampled_and_the_rest_as_configured():
    quiet = escalating(traceparent(1))
    assert spans_of(prepared(quiet), ALWAYS_OFF) == []
    assert len(spans_of(prepared(quiet), ALWAYS_ON)) == 1
    for records in (escalating(None, None, None), bad(1, 0)):
        (span,) = spans_of(prepared(records), ALWAYS_OFF)
        assert span.attributes["tocsin.always_sampled"]


@pytest.mark.parametrize("others", [ALWAYS_OFF, ALWAYS_ON])
@pytest.mark.parametrize(("fenced", "result"), [(True, "fenced"), (False, "not_committed")])
def test_a_transaction_that_fails_is_always_sampled(others, fenced, result):
    lost = OwnershipLost("s-1 of channel-ref", fenced=fenced)
    (span,) = spans_of(prepared(escalating(None)), others, lost)
    assert span.attributes["tocsin.result"] == span.attributes["error.type"] == result
    assert not span.status.is_ok and span.status.description is None
    # The SDK would add the message of an exception, which may quote anything.
    assert span.events == ()


def refusal(**variables: str) -> str:
    with pytest.raises(SettingsError) as refused:
        load_tracing_settings({f"OTEL_{name.upper()}": text for name, text in variables.items()})
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "text", "hint"),
    [
        ("exporter_otlp_endpoint", "localhost:4318", "'http' or 'https'"),
        ("exporter_otlp_traces_endpoint", "grpc://collector:4317", "'http' or 'https'"),
        ("exporter_otlp_endpoint", "https://me:geheim@collector", "OTEL_EXPORTER_OTLP_HEADERS"),
        ("exporter_otlp_protocol", "grpc", "'http/protobuf'"),
        ("exporter_otlp_timeout", "soon", "number"),
        ("exporter_otlp_timeout", "0", "greater than 0"),
        ("exporter_otlp_compression", "zstd", "'none', 'gzip' or 'deflate'"),
        ("exporter_otlp_certificate", "/no/such/file", "file"),
        ("traces_exporter", "console", "Only otlp"),
        ("traces_sampler", "sometimes", "'parentbased_traceidratio'"),
        ("traces_sampler_arg", "2", "less than or equal to 1"),
        ("bsp_max_queue_size", "0", "greater than or equal to 1"),
        ("bsp_max_queue_size", "100", "at most the second"),
        ("sdk_disabled", "true", "unset one of them"),
    ],
)
def test_an_invalid_variable_is_refused_with_what_would_be_valid(name, text, hint):
    message = refusal(**{name: text})
    assert f"OTEL_{name.upper()}" in message
    assert hint in message and "geheim" not in message


def test_a_variable_that_only_opentelemetry_knows_is_refused_too(monkeypatch):
    monkeypatch.setenv("OTEL_SPAN_LINK_COUNT_LIMIT", "many")
    with pytest.raises(SettingsError, match="OTEL_SPAN_LINK_COUNT_LIMIT"):
        start_tracing(load_settings({}), load_tracing_settings({}), Numbers(SPANS))


@pytest.mark.parametrize("text", ["geheim", "=geheim", "authorization=", "a=b,geheim"])
def test_headers_are_refused_without_quoting_them(text):
    message = refusal(exporter_otlp_headers=text)
    assert "name=value" in message and "geheim" not in message


def test_variables_of_other_signals_and_empty_ones_are_no_concern():
    environment = {"OTEL_METRICS_EXPORTER": "none", "OTEL_TRACES_SAMPLER": "", "OTEL_SERVICE_NAME": "desk"}
    settings = load_tracing_settings(environment | {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=geheim"})
    assert settings.traces_sampler == "parentbased_always_on"
    assert "geheim" not in repr(settings)


class Stuck(SpanExporter):
    """An exporter that waits for `let_go`, and then fails."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.entered = threading.Event()

    def export(self, _spans):
        self.entered.set()
        self.let_go.wait(30)
        return SpanExportResult.FAILURE

    def shutdown(self):
        pass


SMALL = load_tracing_settings(
    {"OTEL_BSP_MAX_QUEUE_SIZE": "4", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4", "OTEL_BSP_SCHEDULE_DELAY": "1"}
)


def queued(exporter: SpanExporter) -> tuple[SpanQueue, Any, Numbers]:
    spans = Numbers(SPANS)
    queue = SpanQueue(CountedExporter(exporter, spans), SMALL, spans)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(queue)
    return queue, provider.get_tracer("test"), spans


def test_every_span_is_counted_once_while_the_exporter_is_stuck():
    stuck = Stuck()
    queue, tracer, spans = queued(stuck)
    tracer.start_span("first").end()
    assert stuck.entered.wait(10)
    began = time.monotonic()
    for _ in range(100):
        tracer.start_span("more").end()
    # Ending a span waits for nothing.
    assert time.monotonic() - began < 5
    assert spans.of("no_room") == 96
    stuck.let_go.set()
    queue.shutdown()
    assert (spans.of("sent"), spans.of("not_sent"), spans.of("no_room")) == (0, 5, 96)


def test_an_exporter_that_raises_is_counted_too():
    class Broken(Stuck):
        def export(self, _spans):
            raise RuntimeError

    queue, tracer, spans = queued(Broken())
    tracer.start_span("one").end()
    queue.shutdown()
    assert spans.of("not_sent") == 1


def test_a_worker_that_stops_does_not_wait_for_a_stuck_exporter(monkeypatch):
    monkeypatch.setattr(exporting, "ENDING_SECONDS", 0.2)
    stuck = Stuck()
    queue, tracer, _ = queued(stuck)
    tracer.start_span("one").end()

    async def stop() -> float:
        async with queue.running():
            pass
        return time.monotonic() - began

    began = time.monotonic()
    assert 0.2 <= asyncio.run(stop()) < 10
    stuck.let_go.set()


_WITHOUT_PACKAGES = """
import sys
class Missing:
    def find_spec(self, name, *_):
        if name.partition(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
from streams.commands.main import main
sys.argv = ["tocsin", "worker"]
main()
"""

_IMPORTED = """
import sys
from streams.running.worker.app import build_app
from streams.running.worker.settings import load_settings
build_app(load_settings())
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""


def run(program: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = clean_environment({f"TOCSIN_{name.upper()}": text for name, text in settings.items()})
    return subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60
    )


@pytest.mark.slow
def test_without_its_packages_a_worker_says_what_to_install():
    done = run(_WITHOUT_PACKAGES, tracing="on", hash_key=DEMONSTRATION_KEY.hex())
    assert done.returncode == 2
    assert packages_missing("TOCSIN_TRACING=on", "tracing", "opentelemetry") in done.stderr


@pytest.mark.slow
def test_a_worker_that_does_not_trace_imports_nothing_of_opentelemetry():
    done = run(_IMPORTED, hash_key=DEMONSTRATION_KEY.hex())
    assert done.stdout.strip() == "[]", done.stderr
