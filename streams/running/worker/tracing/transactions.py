"""One span for each transaction, with links to the traces of the records that led to what it decides."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    Tracer,
    TraceState,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import Attributes, AttributeValue

from streams.contract.wire.envelope import TRACEPARENT
from streams.contract.wire.topics import (
    AUTHORITY_ROUTING,
    DEAD_LETTERS,
    ESCALATIONS,
    ESCALATIONS_SHADOW,
    without_prefix,
)
from streams.running.errors import OwnershipLost
from streams.running.log.claims import StatePartition
from streams.running.log.log import Write
from streams.running.partitions.prepared import Prepared
from streams.running.worker.tracing.causes import causes, traceparents

# The SDK's own limit for a span. We look for no more causes than that of each kind in a partition: a flood of
# dead letters has thousands.
MOST_LINKS: Final = 128

ALWAYS_SAMPLED: Final = "tocsin.always_sampled"

# The attribute that counts each, in the order in which they get links: dead letters must not displace
# escalations.
_NOTABLE: Final = {
    ESCALATIONS: "tocsin.escalations",
    ESCALATIONS_SHADOW: "tocsin.escalations_shadow",
    AUTHORITY_ROUTING: "tocsin.authority_routings",
    DEAD_LETTERS: "tocsin.dead_letters",
}

# Not dead letters: they keep their publisher's, so that a record that is redriven stays in its trace.
_CARRIES_TRACEPARENT: Final = (ESCALATIONS, ESCALATIONS_SHADOW, AUTHORITY_ROUTING)

_propagator = TraceContextTextMapPropagator()


class KeepNotable(Sampler):
    """Samples every span with the attribute ALWAYS_SAMPLED; of the others, those that `others` samples."""

    def __init__(self, others: Sampler) -> None:
        self._others = others

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Decide on a span that is about to start."""
        if attributes and attributes.get(ALWAYS_SAMPLED):
            return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes)
        return self._others.should_sample(
            parent_context, trace_id, name, kind, attributes, links, trace_state
        )

    def get_description(self) -> str:
        """Return the description of the sampler."""
        return f"KeepNotable({self._others.get_description()})"


@dataclass(frozen=True, slots=True)
class _Described:
    """What is known of a transaction before it is written. `began` is in ns since the epoch."""

    name: str
    began: int
    attributes: Mapping[str, AttributeValue]
    links: Sequence[Link]


class TransactionSpans:
    """Makes the spans of a worker, whose consumer group has the id `group`. For `Cycle.trace`.

    No attribute holds a key, a ref or the id of an event, and of a publisher's headers only the ids in
    `traceparent` are exported: `tracestate` may contain anything.
    """

    def __init__(self, tracer: Tracer, group: str) -> None:
        self._tracer = tracer
        self._group = group

    @contextmanager
    def __call__(self, prepared: Mapping[StatePartition, Prepared], began: int) -> Iterator[None]:
        """Enclose the writing of a transaction in a span that began at `began` (ns since the epoch).

        The escalations and judgements in it get the header `traceparent`, with the ids of the span.
        """
        described = self._describe(prepared, began)
        span = self._start(described)
        _add_traceparent(prepared, span.get_span_context())
        result = "not_committed"
        try:
            yield
            result = "committed"
        except OwnershipLost as lost:
            result = "fenced" if lost.fenced else result
            if not span.is_recording():
                span = self._start(described, always=True)
            span.set_attribute("error.type", result)
            span.set_status(StatusCode.ERROR)
            raise
        finally:
            span.set_attribute("tocsin.result", result)
            span.end()

    def _start(self, described: _Described, *, always: bool = False) -> Span:
        attributes = described.attributes
        return self._tracer.start_span(
            described.name,
            # A batch has many publishers: their spans are linked, and none is the parent.
            Context(),
            SpanKind.CONSUMER,
            {**attributes, ALWAYS_SAMPLED: True} if always else attributes,
            described.links,
            described.began,
        )

    def _describe(self, prepared: Mapping[StatePartition, Prepared], began: int) -> _Described:
        topics = sorted({topic for each in prepared.values() for topic in each.progress.records})
        notable = [_notable(each) for each in prepared.values()]
        decided = {
            _NOTABLE[topic]: sum(len(writes.get(topic, ())) for writes in notable) for topic in _NOTABLE
        }
        attributes: dict[str, AttributeValue] = {
            "messaging.system": "kafka",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.consumer.group.name": self._group,
            "messaging.batch.message_count": sum(
                sum(each.progress.records.values()) for each in prepared.values()
            ),
            "tocsin.stages": sorted({place.stage for place in prepared}),
            "tocsin.partitions": len(prepared),
            **decided,
            ALWAYS_SAMPLED: any(decided.values()),
        }
        name = "process"
        if len(topics) == 1:
            name += f" {topics[0]}"
            attributes["messaging.destination.name"] = topics[0]
        if len(prepared) == 1:
            (place,) = prepared
            attributes["messaging.destination.partition.id"] = str(place.partition)
        return _Described(name, began, attributes, _links(prepared.values(), notable))


def _notable(prepared: Prepared) -> Mapping[str, list[Write]]:
    """What a partition writes to the topics of _NOTABLE, by topic without prefix."""
    found: dict[str, list[Write]] = {}
    for (name, _), writes in prepared.writes.items():
        if (topic := without_prefix(name)) in _NOTABLE:
            found.setdefault(topic, []).extend(writes)
    return found


def _links(prepared: Iterable[Prepared], notable: Iterable[Mapping[str, Sequence[Write]]]) -> list[Link]:
    headers: dict[str, list[bytes]] = {topic: [] for topic in _NOTABLE}
    for each, writes in zip(prepared, notable, strict=True):
        if not writes:
            continue
        places = {topic: list(islice(causes(topic, rows), MOST_LINKS)) for topic, rows in writes.items()}
        # Of the bundle after these, some reports may be applied.
        records = each.records[: each.result.finished_records + 1]
        found = traceparents(records, {place for of_topic in places.values() for place in of_topic})
        for topic, of_topic in places.items():
            headers[topic] += [found[place] for place in of_topic if place in found]
    # One report may open several escalations.
    distinct = dict.fromkeys(chain.from_iterable(headers.values()))
    contexts = filter(None, map(_context, distinct))
    return [Link(context) for context in islice(contexts, MOST_LINKS)]


def _context(traceparent: bytes) -> SpanContext | None:
    """What a publisher's header names, None if it is malformed."""
    carrier = {TRACEPARENT: traceparent.decode("ascii", "replace")}
    context = get_current_span(_propagator.extract(carrier, Context())).get_span_context()
    return context if context.is_valid else None


def _add_traceparent(prepared: Mapping[StatePartition, Prepared], context: SpanContext) -> None:
    carrier: dict[str, str] = {}
    _propagator.inject(carrier, set_span_in_context(NonRecordingSpan(context), Context()))
    header = (TRACEPARENT, carrier[TRACEPARENT].encode())
    for each in prepared.values():
        for (name, _), writes in each.writes.items():
            if without_prefix(name) in _CARRIES_TRACEPARENT:
                # New rows: the batch of the stage has the same headers.
                writes[:] = [(key, value, [*headers, header]) for key, value, headers in writes]
