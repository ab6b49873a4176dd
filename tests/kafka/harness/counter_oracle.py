"""Compares the daily transparency counters with what was published."""

from collections import Counter
from collections.abc import Iterable

import orjson

from tests.kafka.harness.deployment import COUNTERS, ESCALATIONS, Deployment
from tests.kafka.harness.reader import Reader
from tests.kafka.harness.reports import Facts
from tests.kafka.harness.requests import RequestFacts


def check_counters(
    deployment: Deployment, reader: Reader, reports: Iterable[Facts], requests: Iterable[RequestFacts]
) -> int:
    """Check the sum of the last value of every counter against the facts. Returns the number of keys."""
    of_reports: Counter[tuple[object, ...]] = Counter()
    of_requests: Counter[tuple[object, ...]] = Counter()
    escalated = keys = 0
    for partition in range(deployment.partitions):
        for key, value in reader.latest(deployment.name(COUNTERS), partition).items():
            counter = orjson.loads(value)
            place = (counter["country"], counter["category"])
            of_one_day = "/".join(map(str, (counter["date"], counter["stage"], partition, *place)))
            # What is counted for a day of its own also has the day of counting.
            assert key.decode() in (of_one_day, f"{of_one_day}/{key.decode().rpartition('/')[2]}")
            assert not counter["requests" if counter["stage"] == "reports" else "reports"]
            keys += 1
            for cell in counter["reports"]:
                of_reports[(*place, cell["source"], cell["kind"], cell["automated"])] += cell["count"]
                escalated += cell["escalated"] * cell["count"]
            for cell in counter["requests"]:
                names = ("kind", "legal_basis", "authority", "decision", "refusal")
                of_requests[(*place, *(cell[name] for name in names))] += cell["count"]
    assert of_reports == Counter(
        (fact.country, fact.category, fact.reporter_kind, fact.kind, fact.reporter_kind == "automated")
        for fact in reports
    )
    assert of_requests == Counter(
        (
            fact.country,
            fact.category or "unspecified",
            fact.kind,
            fact.basis,
            fact.authority,
            fact.decision,
            fact.refusals[0] if fact.refusals else None,
        )
        for fact in requests
    )
    live = [orjson.loads(row.value) for row in reader.all(deployment.name(ESCALATIONS))]
    by_reports = ("threshold_crossed", "level_raised", "clock_armed")
    assert escalated == len(
        {event["trace"]["last_report_id"] for event in live if event["reason"] in by_reports}
    )
    return keys
