"""Official forms and stories of requests through the whole path: published, judged by a worker, read by others.

What each request must lead to is checked in tests/unit/test_request_stories.py and
tests/contract/test_official_forms.py. Here the same answers must arrive, and the answers of the desk must end
or resume the clocks.
"""

from typing import Any

import orjson

from streams.deciding.requests.rules import compile_request_rules
from streams.registry.loader import load_rules
from tests.contract.examples import SCHEMAS, example, example_files
from tests.kafka.harness.deployment import ROUTING, Deployment
from tests.kafka.harness.platform import trusting_platform
from tests.kafka.harness.reader import Reader
from tests.kafka.harness.reports import Published
from tests.request_stories import STORIES
from tests.unit.request_traffic import new_requests, request_record, routings, run_requests
from tests.unit.traffic import Record

RULES = compile_request_rules(load_rules(platform=trusting_platform()))
# The source that the examples of answers know.
INTAKE = "/authority-intake"


def requests() -> dict[str, Record]:
    """Every example of a request and every story by its id, as the intake publishes it."""
    asked = [
        *(example(path).document for path in example_files("authority-requests")),
        *(story.request for story in STORIES),
    ]
    return {request["request_id"]: request_record(request, source=INTAKE) for request in asked}


def published(record: Record, key: str) -> Published:
    return Published(key.encode(), record.value or b"", headers=record.headers)


def answer(name: str) -> Published:
    shown = example(SCHEMAS / "examples" / "clock-outcomes" / "v1" / f"{name}.json")
    return Published((shown.key or "").encode(), shown.value or b"", headers=shown.headers)


def test_each_form_is_judged_and_its_answer_ends_or_resumes_its_clock(deploy: Any) -> None:
    deployment: Deployment = deploy(partitions=2)
    asked = requests()
    deployment.publish_requests([published(record, key) for key, record in asked.items()])
    deployment.fleet.start()
    deployment.wait_until_applied()
    with Reader(deployment.bootstrap, {deployment.name(ROUTING)}) as reader:

        def events() -> list[dict[str, Any]]:
            return [orjson.loads(row.value or b"") for row in reader.catch_up().all(deployment.name(ROUTING))]

        first = {event["request_id"]: event for event in events() if event["type"] == "routed"}
        for key, record in asked.items():
            # The clocks of requests of some days ago take their steps at once: these are later events.
            (alone, *_) = routings(run_requests(new_requests(rules=RULES), [record], RULES))
            assert first.pop(key) == alone
        assert first == {}

        deployment.publish_outcomes([answer("removal-order-annex-2"), answer("removal-order-annex-3-ended")])

        def answered() -> dict[str, str]:
            """When the hour of each order is due after the answer, by request and reason."""
            return {
                f"{event['request_id']} {event['reason']}": event["clocks"][0]["due_at"]
                for event in events()
                if event["reason"] in ("clock_fulfilled", "clock_resumed")
                and event["clocks"][0]["obligation"] == "EU.tco.art3-3"
            }

        deployment.fleet.wait_for(lambda: len(answered()) == 2, 60, "the answers")
        assert answered() == {
            "ar-0014 clock_fulfilled": "2026-11-24T14:20:00.000Z",
            # Clarified at 16:25: the whole hour begins.
            "ar-0015 clock_resumed": "2026-11-24T17:25:00.000Z",
        }
