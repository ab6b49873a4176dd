"""The cost of tracing, on and off: in this process, without a broker, and in a worker.

In this process the core prepares transactions as in a worker, and then each is traced. Both are timed one
after the other. The share in a worker is smaller, because it also fetches, compresses and writes.
"""

import asyncio
import signal
import time
from collections.abc import Sequence
from itertools import count as numbers
from typing import NamedTuple

import requests
from aiokafka import TopicPartition
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider

from streams.deciding.reports.rules import compile_report_rules
from streams.deciding.reports.stage import report_stage
from streams.registry.loader import load_rules
from streams.running.app.garbage_collection import leave_out_what_stays
from streams.running.cycle.trace import Trace, untraced
from streams.running.log.claims import StatePartition
from streams.running.log.destinations import Troubles
from streams.running.log.position import SourcePosition
from streams.running.operations.process_metric_catalogue import SPANS
from streams.running.operations.values import Numbers
from streams.running.partitions.prepared import Prepared, prepare
from streams.running.partitions.progress import NewRecords
from streams.running.partitions.setback import Attempt
from streams.running.worker.tracing.exporting import CountedExporter, SpanQueue
from streams.running.worker.tracing.settings import load_tracing_settings
from streams.running.worker.tracing.transactions import TransactionSpans
from tests.bench import traffic
from tests.bench.hops import Record
from tests.bench.load import Load
from tests.bench.place import ONE_TOPIC, Place, Site, cpu_seconds
from tests.bench.scenarios.core import HOUR_MS
from tests.kafka.harness.spans import SpanReceiver

REPORTS = 100_000
# A cycle of a busy worker, and one at 1,000 reports a second.
BATCHES = (5_000, 10)
# Enough for a stable figure; more would take minutes with small batches.
MOST_TRANSACTIONS = 500
RATE = 1_000
SECONDS = 15.0
WARM_UP_SECONDS = 4.0
# Tracing that is off takes less than the clock can resolve.
REPEATS_OFF = 100


class Cost(NamedTuple):
    """CPU seconds of the core, of tracing, and the number of transactions."""

    core: float
    tracing: float
    transactions: int

    @property
    def percent(self) -> float:
        return self.tracing / (self.core + self.tracing) * 100

    @property
    def microseconds(self) -> float:
        return self.tracing / self.transactions * 1e6


class _Taken(requests.Session):
    """Takes every request without sending it: a receiver is another process."""

    def request(self, *_: object, **__: object) -> requests.Response:
        response = requests.Response()
        response.status_code = 200
        return response


def measure(place: Place) -> dict[str, float]:
    """Percent of the CPU time of a worker, and of core and tracing; microseconds per transaction.

    In this process every report has a traceparent.
    """
    begin = 1_800_000_000_000
    number = place.amount(REPORTS)
    trace_ids = numbers(1)
    records = [
        Record(
            "message-reports",
            0,
            offset,
            begin + HOUR_MS,
            report.key,
            report.value,
            [*report.headers, ("traceparent", b"00-%032x-%016x-01" % (next(trace_ids), 1))],
        )
        for offset, report in enumerate(traffic.usual(number, begin, HOUR_MS))
    ]
    figures = {f"tracing {switch}: CPU at 1,000/s": _worker_cpu(place, switch) for switch in ("off", "on")}
    for size in BATCHES:
        some = records[: size * MOST_TRANSACTIONS]
        for switch, cost in (("off", _off(some, size)), ("on", _on(some, size))):
            figures[f"tracing {switch}, batches of {size:,}: share of CPU"] = cost.percent
            figures[f"tracing {switch}, batches of {size:,}: per transaction"] = cost.microseconds
    return figures


def _worker_cpu(place: Place, switch: str) -> float:
    """CPU of a worker in percent of a core. The receiver is in this process."""
    seconds = 6.0 if place.quick else SECONDS
    receiver = SpanReceiver()
    try:
        settings = {"TOCSIN_TRACING": switch, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}
        with Site(place, settings=settings) as site:
            worker = site.start_worker()
            load = Load(site, RATE, seconds, 70)
            began = load.begin()
            time.sleep(max(0.0, began + WARM_UP_SECONDS - time.monotonic()))
            before = cpu_seconds(worker)
            time.sleep(max(0.0, began + seconds - time.monotonic()))
            measured = time.monotonic() - began - WARM_UP_SECONDS
            percent = 100 * (cpu_seconds(worker) - before) / measured
            load.finish()
            site.stop(worker, signal.SIGTERM)
        assert bool(receiver.spans) == (switch == "on")
        return percent
    finally:
        receiver.close()


def _off(records: Sequence[Record], size: int) -> Cost:
    core, prepared = _prepared(records, size)
    tracing = sum(_traced(prepared, untraced) for _ in range(REPEATS_OFF)) / REPEATS_OFF
    return Cost(core, tracing, len(prepared))


def _on(records: Sequence[Record], size: int) -> Cost:
    core, prepared = _prepared(records, size)
    spans = Numbers(SPANS)
    exporter = OTLPSpanExporter("http://127.0.0.1:4318/v1/traces", session=_Taken())
    settings = load_tracing_settings({"OTEL_BSP_MAX_QUEUE_SIZE": str(max(len(prepared), 512))})
    queue = SpanQueue(CountedExporter(exporter, spans), settings, spans)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(queue)
    began = time.process_time()
    _traced(prepared, TransactionSpans(provider.get_tracer("bench"), "tocsin"))
    # With what the thread takes to send them.
    queue.shutdown()
    tracing = time.process_time() - began
    assert spans.of("sent") == len(prepared), "spans were lost"
    return Cost(core, tracing, len(prepared))


def _traced(prepared: Sequence[Prepared], trace: Trace) -> float:
    partition = StatePartition("reports", 0)
    started = time.process_time()
    for each in prepared:
        with trace({partition: each}, time.time_ns()):
            pass
    return time.process_time() - started


def _prepared(records: Sequence[Record], size: int) -> tuple[float, list[Prepared]]:
    """CPU seconds of the core, and a transaction for each batch."""
    rules = compile_report_rules(load_rules(sources=ONE_TOPIC))
    stage = report_stage(rules)
    state = stage.restore(0, 1)
    log = TopicPartition("channel-state", 0)
    position = {"message-reports": SourcePosition(0, 1, None)}
    leave_out_what_stays()

    async def prepare_all() -> list[Prepared]:
        made = []
        for start in range(0, len(records), size):
            batch = records[start : start + size]
            new = [NewRecords("message-reports", batch, batch[-1].offset + 1)]
            made.append(await prepare(stage, state, Attempt(batch), new, position, {}, log, _Writer(), None))
        return made

    started = time.process_time()
    prepared = asyncio.run(prepare_all())
    return time.process_time() - started, prepared


class _Writer:
    """What the outputs ask of the writer."""

    prefix = ""
    troubles = Troubles()

    async def partition_count(self, _topic: str) -> int:
        return 4
