"""Traces: from a publisher's record to the escalation, without any ref; a receiver that is down, a worker
that is fenced.
"""

import asyncio
import dataclasses
import itertools
import re
import urllib.request

import orjson
import pytest

from streams.running.log.claims import claimant_of
from streams.running.log.connection import Connection
from tests.kafka.harness.deployment import (
    CLAIMS,
    DEAD_LETTERS,
    ENRICHED,
    ESCALATIONS,
    ROUTING,
    SHADOW,
)
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.publisher import LIBRDKAFKA_DEFAULT
from tests.kafka.harness.reader import Reader
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import (
    Published,
    generate,
    now_ms,
    report,
    rfc3339,
    spam_report,
    take_it_down_request,
)
from tests.kafka.harness.requests import FORMS, complete_request, generate_requests
from tests.kafka.harness.spans import SpanReceiver

CONSUMER = 5
SAMPLED = 1


@pytest.fixture
def receiver():
    made = SpanReceiver()
    yield made
    made.close()


def tracing(receiver, **settings):
    return {
        "TOCSIN_TRACING": "on",
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        **settings,
    }


def traced(record, number):
    """The record with a trace of its own, and with what else a publisher's tracing may send."""
    headers = (
        ("traceparent", b"00-%032x-%016x-00" % (0xABC000 + number, number)),
        ("tracestate", b"vendor=channel-ref-in-tracestate"),
        ("baggage", b"reporter=reporter-ref-in-baggage"),
    )
    return dataclasses.replace(record, headers=(*record.headers, *headers))


def trace_of(number):
    return f"{0xABC000 + number:032x}", f"{number:016x}"


def header(row, name="traceparent"):
    found = [value for key, value in row.headers if key == name]
    assert len(found) <= 1
    return found[0] if found else None


def metric(worker, result):
    url = re.search(r"address=(http://\S+)", worker.text)[1]
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        found = re.search(
            rf'^tocsin_spans_total{{fate="{result}"}} (\S+)$', answer.read().decode(), re.MULTILINE
        )
    return float(found[1])


def test_a_report_is_followed_into_its_escalation_without_any_ref(deploy, receiver):
    """The reports of users pass through the stage of reporters; the others are re-keyed from any partition."""
    deployment = deploy(settings=tracing(receiver, OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer geheim"))
    worker = deployment.fleet.start()
    now = now_ms()
    spam = [traced(spam_report(n, "channel-x", now), n) for n in range(1, 41)]
    victim = traced(take_it_down_request(1, now), 100)
    invalid = traced(Published(b"k", orjson.dumps(report("bad-1", now, category="witchcraft"))), 101)
    deployment.publish([*spam, victim, invalid], LIBRDKAFKA_DEFAULT)
    request = traced(complete_request(FORMS[0], "request-1", now), 102)
    deployment.publish_requests([request], LIBRDKAFKA_DEFAULT)
    deployment.wait_until_applied()
    outputs = deployment.outputs()
    armed = next(
        event["escalation_id"]
        for event in map(orjson.loads, (row.value for row in outputs.all(deployment.name(ESCALATIONS))))
        if event["reason"] == "clock_armed"
    )
    fulfilled = {
        "outcome_id": "outcome-1",
        "clock_id": armed,
        "subject": "report",
        "key": "victims-1",
        "occurred_at": rfc3339(now),
        "outcome": "fulfilled",
    }
    deployment.publish_outcomes([traced(Published(b"k", orjson.dumps(fulfilled)), 103)], LIBRDKAFKA_DEFAULT)
    deployment.wait_until_applied()
    worker.terminate()

    outputs = deployment.outputs()
    numbers = {f"s-{n}": n for n in range(1, 41)} | {"v-1": 100}
    events = [
        (orjson.loads(row.value), header(row))
        for topic in (ESCALATIONS, SHADOW)
        for row in outputs.all(deployment.name(topic))
    ]
    assert {event["reason"] for event, _ in events} >= {"threshold_crossed", "clock_armed", "clock_fulfilled"}
    for event, traceparent in events:
        (span,) = receiver.of_trace(traceparent)
        number = 103 if event["reason"] == "clock_fulfilled" else numbers[event["trace"]["last_report_id"]]
        assert trace_of(number) in span.links, (event["reason"], number)
        assert int(traceparent[-2:], 16) & SAMPLED and span.parent_id == ""
        assert span.kind == CONSUMER and not span.failed and 0 < span.seconds < 30
        assert span.attributes["tocsin.result"] == "committed"
        assert span.attributes["messaging.consumer.group.name"] == deployment.group
    (judged,) = outputs.all(deployment.name(ROUTING))
    (span,) = receiver.of_trace(header(judged))
    assert trace_of(102) in span.links and span.attributes["tocsin.authority_routings"] == 1
    # It keeps the publisher's, and the span of its transaction links to that.
    (letter,) = outputs.all(deployment.name(DEAD_LETTERS))
    assert header(letter) == dict(invalid.headers)["traceparent"]
    (span,) = [span for span in receiver.spans if span.attributes["tocsin.dead_letters"]]
    assert trace_of(101) in span.links
    assert [row for row in outputs.all(deployment.name(ENRICHED)) if header(row)] == []
    # Reports that led to nothing are in no trace of ours.
    linked = {link for span in receiver.spans for link in span.links}
    assert 0 < len(linked & {trace_of(n) for n in range(1, 41)}) < 40

    assert {resource["service.name"] for resource in receiver.resources} == {"tocsin"}
    assert {request["authorization"] for request in receiver.requests} == {"Bearer geheim"}
    assert {request["path"] for request in receiver.requests} == {"/v1/traces"}
    assert "geheim" not in worker.text
    refs = {"channel-x", "victims-1", "request-1", "target-1", "bad-1", "outcome-1", "tracestate", "baggage"}
    refs |= {f"reporter-{n}" for n in range(1, 41)} | numbers.keys()
    refs |= {event[field] for event, _ in events for field in ("escalation_id", "channel_ref")}
    refs.add(orjson.loads(judged.value)["routing_id"])
    exported = b"".join(receiver.bodies)
    assert [ref for ref in refs if ref.encode() in exported] == []
    assert all(
        type(value) in (int, bool, str, list) for span in receiver.spans for value in span.attributes.values()
    )


@pytest.mark.nightly
def test_a_receiver_that_is_down_costs_spans_and_nothing_else(deploy, receiver):
    """Each record counts once, and a replay without tracing gives the same bytes except the header."""
    small = {"OTEL_BSP_MAX_QUEUE_SIZE": "1", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "1"}
    deployment = deploy(settings=tracing(receiver, OTEL_EXPORTER_OTLP_TIMEOUT="1", **small))
    worker = deployment.fleet.start()
    records = iter([traced(record, number) for number, record in enumerate(generate(5, 3_000), 1)])
    deployment.publish(list(itertools.islice(records, 10)))
    deployment.wait_until_applied()
    deployment.fleet.wait_for(lambda: metric(worker, "sent") > 0, 20, "a span that was sent")
    receiver.close()

    def lost():
        deployment.publish(list(itertools.islice(records, 10)))
        return metric(worker, "not_sent") > 0 and metric(worker, "no_room") > 0

    deployment.fleet.wait_for(lost, 30, "spans that were not sent, and spans without room")
    deployment.publish(list(records))
    deployment.publish_requests(generate_requests(5, 50))
    deployment.wait_until_applied()
    worker.terminate()
    assert deployment.fleet.ended == []

    outputs = deployment.outputs()
    for topic in map(deployment.name, (ESCALATIONS, SHADOW, ROUTING)):
        for partition, rows in outputs.rows[topic].items():
            assert all(map(header, rows))
            outputs.rows[topic][partition] = [
                dataclasses.replace(
                    row, headers=tuple(each for each in row.headers if each[0] != "traceparent")
                )
                for row in rows
            ]
    check_outputs(deployment, outputs)
    check_replay(deployment, outputs, shipped_rules())


def test_a_fenced_worker_sends_the_span_of_its_last_transaction(deploy, receiver):
    deployment = deploy(settings=tracing(receiver, OTEL_TRACES_SAMPLER="always_off"))
    worker = deployment.fleet.start()
    deployment.publish([spam_report(1, "channel-1", now_ms())])
    deployment.wait_until_applied()
    with Reader(deployment.bootstrap, [deployment.name(CLAIMS)]) as reader:
        (its_id,) = {claimant_of(row.key) for row in reader.catch_up().all(deployment.name(CLAIMS))} - {""}

    async def fence():
        async with Connection(deployment.bootstrap).producer(its_id):
            pass

    asyncio.run(fence())
    deployment.publish([spam_report(2, "channel-1", now_ms())])
    assert worker.wait(30) == 1
    (span,) = receiver.spans
    assert span.failed and span.attributes["tocsin.result"] == span.attributes["error.type"] == "fenced"
    assert span.attributes["messaging.batch.message_count"] == 1
