"""The webhook delivers every event at least once, in the order of its channel, signed, and only to its
receiver.
"""

import itertools
import signal
import threading
import time
from collections import Counter, defaultdict

import orjson
import pytest
import trustme
from standardwebhooks.webhooks import Webhook

from streams.desk.adapters.run import adapter_group
from tests.kafka.harness.adapters import Adapters, escalation, event_id, metric, rows, until
from tests.kafka.harness.deployment import ESCALATIONS
from tests.kafka.harness.group import evict_everybody
from tests.kafka.harness.receiver import Receiver, Reply

SECRET = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="
PREVIOUS = "whsec_" + "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXo="


@pytest.fixture
def deployment(deploy):
    return deploy(partitions=2)


@pytest.fixture
def receiver(tmp_path):
    with Receiver(tmp_path) as receiver:
        yield receiver


@pytest.fixture
def adapters(deployment, receiver, tmp_path):
    made = Adapters(
        "webhook",
        deployment,
        receiver,
        tmp_path,
        {"address": f"{receiver.address}/tocsin", "secret": SECRET},
    )
    yield made
    made.end()


def test_a_killed_adapter_loses_nothing_and_repeats_with_the_same_ids(deployment, receiver, adapters):
    numbers = range(200)
    arrived = Counter()

    def slowly(request):
        time.sleep(0.02)
        arrived[request.headers["webhook-id"]] += 1
        return Reply(204)

    receiver.reply = slowly
    deployment.publisher(topic=ESCALATIONS).publish([escalation(number) for number in numbers])
    for already in (40, 120):
        process = adapters.start(previous_secret=PREVIOUS)
        until(lambda already=already: len(arrived) >= already)
        process.signal(signal.SIGKILL)
        process.wait(10)
        # Spares the next one the ten seconds until the group notices.
        evict_everybody(deployment.bootstrap, adapter_group(deployment.prefix, "webhook"))
    # Two share the rest; the one that ends hands over what it has not sent.
    process, other = (adapters.start(previous_secret=PREVIOUS) for _ in range(2))
    until(lambda: len(arrived) >= 150)
    other.terminate()
    until(lambda: len(arrived) == len(numbers))
    until(lambda: metric(process, "tocsin_adapter_waiting") == 0)
    assert set(arrived) == {event_id(number) for number in numbers}
    first_seen, ids_of_bodies = defaultdict(list), defaultdict(set)
    for request in receiver.requests:
        # Both the current and the previous key verify, and another one does not.
        for secret in (SECRET, PREVIOUS):
            Webhook(secret).verify(request.body, dict(request.headers))
        with pytest.raises(Exception, match="No matching signature"):
            Webhook("whsec_" + "A" * 32).verify(request.body, dict(request.headers))
        event = orjson.loads(request.body)
        assert request.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
        assert event["id"] == request.headers["webhook-id"]
        assert event["data"]["channel_ref"] == event["subject"]
        ids_of_bodies[request.body].add(event["id"])
        if event["data"]["sequence"] not in first_seen[event["subject"]]:
            first_seen[event["subject"]].append(event["data"]["sequence"])
    assert len(ids_of_bodies) == len(numbers)
    assert all(seen == sorted(seen) for seen in first_seen.values())
    process.terminate()
    # What was committed is not sent again.
    before = len(receiver.requests)
    process = adapters.start()
    deployment.publisher(topic=ESCALATIONS).publish([escalation(200)])
    until(lambda: arrived[event_id(200)])
    assert len(receiver.requests) == before + 1


def test_what_the_receiver_refuses_is_set_aside_and_sent_again_on_demand(deployment, receiver, adapters):
    bad = "ch-0003"

    def picky(request):
        return Reply(500 if orjson.loads(request.body)["subject"] == bad else 200)

    receiver.reply = picky
    process = adapters.start(set_aside_seconds=2)
    deployment.publisher(topic=ESCALATIONS).publish([escalation(number) for number in range(40)])
    until(lambda: len({request.headers["webhook-id"] for request in receiver.requests}) >= 39)
    # Others are taken after the channel began to fail.
    steady = threading.Event()

    def publish():
        for number in itertools.count(100):
            if steady.wait(0.3):
                return
            deployment.publisher(topic=ESCALATIONS).publish([escalation(number, "ch-other")])

    others = threading.Thread(target=publish)
    others.start()
    try:
        until(lambda: len(rows(deployment)) == 2)
    finally:
        steady.set()
        others.join()
    first, second = rows(deployment)
    for row, number in ((first, 3), (second, 23)):
        headers = dict(row.headers)
        assert (row.key, headers["ce_id"]) == (bad.encode(), event_id(number).encode())
        assert headers["tocsin-adapter"] == b"webhook"
        assert headers["tocsin-failure"] == b"unavailable"
        assert headers["tocsin-detail"] == b"HTTP 500"
        assert headers["tocsin-topic"].endswith(b"escalations")
    assert metric(process, 'tocsin_adapter_set_aside_total{failure="unavailable"}') == 2
    # Not yet mended: set aside again, with the place where it was first. Then it is.
    again = adapters.start("--set-aside")
    assert again.wait(60) == 1
    assert "0 delivered, 2 set aside again" in again.text
    assert dict(rows(deployment)[2].headers)["tocsin-topic"].endswith(b"escalations")
    receiver.reply = lambda _: Reply()
    before = len(receiver.requests)
    again = adapters.start("--set-aside")
    assert again.wait(60) == 0
    assert "2 delivered, 0 set aside again" in again.text
    sent = [request.headers["webhook-id"] for request in receiver.requests[before:]]
    assert [one for one in sent if one in (event_id(3), event_id(23))] == [event_id(3), event_id(23)]


def test_it_waits_for_a_receiver_that_is_away_and_leaves_it_alone_as_long_as_it_asks(
    deployment, receiver, adapters
):
    answers = iter([Reply(503), Reply(429, {"Retry-After": "2"})])
    times = []

    def recovering(request):
        times.append(time.monotonic())
        return next(answers, Reply())

    receiver.reply = recovering
    process = adapters.start(set_aside_seconds=1)
    deployment.publisher(topic=ESCALATIONS).publish([escalation(0)])
    until(lambda: len(times) == 3)
    until(lambda: metric(process, "tocsin_adapter_waiting") == 0)
    assert times[2] - times[1] >= 2
    # Nothing else was taken meanwhile, so the receiver was the reason and not the event.
    assert rows(deployment) == []
    assert metric(process, 'tocsin_adapter_retried_total{failure="unavailable"}') == 2
    assert metric(process, 'tocsin_adapter_delivered_total{topic="escalations"}') == 1


def test_redirects_are_not_followed(deployment, receiver, adapters):
    receiver.reply = lambda _: Reply(307, {"Location": "https://169.254.169.254/latest/meta-data"})
    process = adapters.start()
    deployment.publisher(topic=ESCALATIONS).publish([escalation(0)])
    until(lambda: len(receiver.requests) == 2)
    assert {request.path for request in receiver.requests} == {"/tocsin"}
    assert "why='HTTP 307'" in process.text


def test_addresses_that_are_not_public_are_refused_unless_a_setting_names_them(
    deployment, receiver, adapters
):
    process = adapters.start(allowed_networks="")
    deployment.publisher(topic=ESCALATIONS).publish([escalation(0)])
    until(lambda: "an address that is not public" in process.text)
    assert receiver.requests == []


def test_a_receiver_with_another_certificate_gets_nothing(deployment, receiver, adapters, tmp_path):
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    process = adapters.start(ca_file=tmp_path / "other.pem")
    deployment.publisher(topic=ESCALATIONS).publish([escalation(0)])
    until(
        lambda: (
            "why='its certificate cannot be verified: unable to get local issuer certificate'" in process.text
        )
    )
    assert process.exit_code is None
    assert receiver.requests == []
