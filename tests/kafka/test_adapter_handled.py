"""`tocsin adapter handled` on a real broker: each decided report is marked where it was made, over a kill."""

import signal

import orjson

from streams.desk.adapters.run import adapter_group
from streams.desk.adapters.settings import name_for
from tests.contract.examples import example, example_files
from tests.kafka.harness.adapters import Adapters, event_id, metric, rows, until
from tests.kafka.harness.deployment import NOTICES
from tests.kafka.harness.group import evict_everybody
from tests.kafka.harness.receiver import Receiver, Reply
from tests.kafka.harness.reports import Published

EXAMPLE = example(example_files("reporter-notices/v1")[0])
SOURCE = "/social.example"
TOKEN = "token-of-an-application"
DECIDED = 150


def notice(number, report_id, ce_source=SOURCE, state="decided"):
    value = EXAMPLE.document | {"report_id": report_id, "ce_source": ce_source, "state": state}
    headers = dict(EXAMPLE.headers) | {"ce_id": event_id(number).encode()}
    return Published(f"{number % 20:016x}".encode(), orjson.dumps(value), headers=list(headers.items()))


def test_each_decided_report_is_resolved_once_and_no_other_source_is_touched(deploy, tmp_path):
    deployment, reports = deploy(partitions=2), {str(number): False for number in range(1, 301)}
    resolved = []

    def mastodon(request):
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        number = request.path.removesuffix("/resolve").rpartition("/")[2]
        if request.method == "POST":
            resolved.append(number)
            reports[number] = True
        return Reply(200, {}, orjson.dumps({"id": number, "action_taken": reports[number]}))

    with Receiver(tmp_path, mastodon) as receiver:
        adapters = Adapters(
            "handled",
            deployment,
            receiver,
            tmp_path,
            {"address": receiver.address, "service": "mastodon", "ce_source": SOURCE, "token": TOKEN},
        )
        try:
            deployment.publisher(topic=NOTICES).publish(
                [
                    *(notice(number, str(number)) for number in range(1, DECIDED + 1)),
                    notice(1_001, "201", ce_source="/another.example"),
                    notice(1_002, "202", state="received"),
                    notice(1_003, "../statuses/1"),
                ]
            )
            process = adapters.start()
            until(lambda: len(resolved) >= 40)
            process.signal(signal.SIGKILL)
            process.wait(10)
            name = name_for("handled", SOURCE)
            evict_everybody(deployment.bootstrap, adapter_group(deployment.prefix, name))
            process = adapters.start()
            until(lambda: len(set(resolved)) == DECIDED and rows(deployment))
            until(lambda: metric(process, "tocsin_adapter_waiting") == 0)
            assert sorted(resolved, key=int) == [str(number) for number in range(1, DECIDED + 1)]
            (aside,) = rows(deployment)
            assert dict(aside.headers)["tocsin-failure"] == b"not_sendable"
            assert {request.path.split("/")[4] for request in receiver.requests} == {"reports"}
            process.terminate()
            assert process.wait(20) == 0
        finally:
            adapters.end()
