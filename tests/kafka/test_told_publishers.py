"""Each publisher that operators list gets the refusals of its own reports, whatever is killed meanwhile."""

import signal
import time
from collections import Counter

import orjson
import pytest
import yaml
from standardwebhooks.webhooks import Webhook

from streams.desk.adapters.run import adapter_group
from streams.desk.adapters.webhook.settings import WebhookSettings
from streams.registry.sources import SHIPPED
from tests.kafka.harness.adapters import Adapters, metric, until
from tests.kafka.harness.deployment import DEAD_LETTERS, REFUSALS, SOURCE, VERIFIED
from tests.kafka.harness.group import evict_everybody
from tests.kafka.harness.receiver import Receiver, Reply
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import Published, now_ms, report
from tests.kafka.test_metrics import scrape

SECRET = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="
APP, OTHER, INTAKE, STRANGER = "/desk/app", "/desk/other", "/desk/intake", "/nobody"
# What is refused, and must not be told.
REFUSED = "zq7-witchcraft"


def published(number, source, category=REFUSED):
    document = report(
        f"r-{source[-3:]}-{number}",
        now_ms(),
        channel={"ref": f"channel-{number % 11}", "visibility": "public"},
        category=category,
        reporter={"kind": "user", "ref": f"reporter-{number}"},
    )
    headers = {
        "ce_specversion": b"1.0",
        "ce_id": str(document["report_id"]).encode(),
        "ce_source": source.encode(),
        "ce_type": b"tocsin.report.v1",
        "x-note": REFUSED.encode(),
    }
    key = f"channel-{number % 11}".encode()
    return Published(key, orjson.dumps(document), headers=list(headers.items()))


@pytest.fixture
def sources(tmp_path):
    """The shipped rights, with lists of publishers."""
    file = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    file["sources"][SOURCE]["ce_sources"] = [APP, OTHER]
    file["sources"][VERIFIED]["ce_sources"] = [INTAKE]
    path = tmp_path / "sources.yaml"
    path.write_text(yaml.safe_dump(file), encoding="utf-8")
    return path


def of_publisher(folder, deployment, receiver, publisher):
    settings = {
        "address": f"{receiver.address}/refusals",
        "secret": SECRET,
        "events": "refusals",
        "publisher": publisher,
    }
    folder.mkdir()
    return Adapters("webhook", deployment, receiver, folder, settings)


def test_a_publisher_gets_its_refusals_and_nobody_elses(deploy, sources, tmp_path):
    # The name is the adapter's own, so that what a killed one left in its group can be ended at once.
    name = WebhookSettings(publisher=APP).of_publisher().name
    deployment = deploy(partitions=2, settings={"TOCSIN_SOURCES_FILE": str(sources)})
    arrived = Counter()

    def slowly(request):
        time.sleep(0.02)
        arrived[request.headers["webhook-id"]] += 1
        return Reply(204)

    with Receiver(tmp_path, slowly) as receiver:
        adapters = of_publisher(tmp_path / "app", deployment, receiver, APP)
        # Of the same name, but for another publisher: it must not pass over what the first one must send.
        others = of_publisher(tmp_path / "other", deployment, receiver, OTHER)
        try:
            process, other = adapters.start(), others.start()
            first = deployment.fleet.start()
            deployment.fleet.start()
            refused = [
                published(number, source)
                for number in range(60)
                for source in (APP, *((OTHER, STRANGER, INTAKE) if number < 20 else ()))
            ]
            valid = [published(100 + number, APP, "spam") for number in range(30)]
            publisher = deployment.publisher(topic=SOURCE)
            publisher.publish([*refused[:60], *valid])
            until(lambda: len(arrived) >= 15)
            process.signal(signal.SIGKILL)
            process.wait(10)
            evict_everybody(deployment.bootstrap, adapter_group(deployment.prefix, name))
            deployment.kill(first)
            publisher.publish(refused[60:])
            process = adapters.start()
            until(lambda: len(arrived) == 80)
            until(lambda: metric(process, "tocsin_adapter_waiting") == 0)
            assert metric(other, 'tocsin_adapter_delivered_total{topic="refusals"}') == 20
            deployment.wait_until_applied()
            counted = Counter()
            for worker in deployment.fleet.running:
                for labels, number in scrape(worker)["tocsin_refused_reports_total"].items():
                    counted[dict(labels)["publisher"]] += number
        finally:
            adapters.end()
            others.end()
        requests = list(receiver.requests)

    ids = Counter()
    for request in requests:
        Webhook(SECRET).verify(request.body, dict(request.headers))
        assert REFUSED not in str(request.headers)
        event = orjson.loads(request.body)
        assert (event["type"], event["data"]["field"]) == ("tocsin.refusal.v1", "category")
        assert event["id"] == request.headers["webhook-id"]
        ids[event["data"]["report_id"], event["subject"], event["id"]] += 1
    assert {(report_id, source) for report_id, source, _ in ids} == {
        (f"r-{source[-3:]}-{number}", source)
        for source, most in ((APP, 60), (OTHER, 20))
        for number in range(most)
    }
    # Repeats have the same id.
    assert len(ids) == 80
    reader = deployment.outputs()
    assert REFUSED.encode() not in b"".join(row.value for row in reader.all(deployment.name(REFUSALS)))
    told = Counter(
        (event["topic"], event["partition"], event["offset"])
        for event in (orjson.loads(row.value) for row in reader.all(deployment.name(REFUSALS)))
    )
    letters = Counter(
        (headers["tocsin-topic"], int(headers["tocsin-partition"]), int(headers["tocsin-offset"]))
        for headers in (
            {name: value.decode() for name, value in row.headers}
            for row in reader.all(deployment.name(DEAD_LETTERS))
        )
        if headers["ce_source"] in (APP, OTHER)
    )
    # One for each dead letter, although a worker was killed.
    assert told == letters
    assert set(told.values()) == {1}
    assert set(counted) == {APP, OTHER, INTAKE, "other"}
    assert check_replay(deployment, reader, shipped_rules(sources=sources))["enriched-reports"] == 30
