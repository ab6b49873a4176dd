"""What clocks and authorities' requests must have come to, worked out from what was published."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import orjson
from aiokafka.partitioner import murmur2

from tests.kafka.harness.deployment import ESCALATIONS, ROUTING, Deployment
from tests.kafka.harness.desk import LEGAL_CLOCK
from tests.kafka.harness.reader import Reader
from tests.kafka.harness.reports import Facts, to_ms
from tests.kafka.harness.requests import RequestFacts

# What the law has kept for a time: nothing has to be done, so nobody is warned.
RETENTION = frozenset({"EU.tco.art6", "EU.e-evidence.art11-1"})
STEPS = (("clock_half", 5), ("clock_nine_tenths", 9), ("clock_lapsed", 10))
ENDS = ("fulfilled", "withdrawn")
STATUS = {
    "clock_half": "running",
    "clock_nine_tenths": "running",
    "clock_lapsed": "lapsed",
    "clock_over": "over",
}


class Course(NamedTuple):
    """An open clock of the outputs: what of it may not come before `armed_ms`, and its later events in order."""

    obligation: str
    started_ms: int
    due_ms: int
    armed_ms: int
    events: Sequence[Mapping]


class Followed(NamedTuple):
    """How many clocks there were, how many steps they took, how many outcomes took effect."""

    clocks: int
    steps: int
    outcomes: int


def follow(courses: Mapping[str, Course], said: Mapping[str, Sequence[str]], until_ms: int) -> Followed:
    """Check that each clock took each step that was due by `until_ms`, and each outcome, once and at its time."""
    assert said.keys() <= courses.keys()
    steps = 0
    for clock_id, course in courses.items():
        outcomes = list(said.get(clock_id, ()))
        steps += _follow(course, outcomes, until_ms, f"{course.obligation} {clock_id}")
    return Followed(len(courses), steps, sum(map(len, said.values())))


def _follow(course: Course, said: Sequence[str], until_ms: int, name: str) -> int:
    steps = (("clock_over", 10),) if course.obligation in RETENTION else STEPS
    length = course.due_ms - course.started_ms
    taken, stood, stands_since, last = 0, 0, None, None
    heard: list[str] = []

    def due() -> int | None:
        if taken == len(steps) or stands_since is not None:
            return None
        return course.started_ms + stood + length * steps[taken][1] // 10

    for sequence, event in enumerate(course.events, 2):
        assert event["sequence"] == sequence, f"{name}: {event['sequence']} stands where {sequence} should"
        assert last not in ENDS, f"{name}: {event['reason']} after the end"
        at, view, last = to_ms(event["at"]), _view(event), event["reason"].removeprefix("clock_")
        if event["reason"] in STATUS:
            assert event["reason"] == steps[taken][0], f"{name}: {event['reason']} after {taken} steps"
            assert at == max(due(), course.armed_ms), f"{name}: {event['reason']} at {event['at']}"
            taken += 1
        else:
            heard.append(last)
            next_due = due()
            assert next_due is None or next_due > at, f"{name}: {last} before the step due at {next_due}"
            if last == "paused":
                stands_since = at
            elif last == "resumed":
                stood, stands_since = stood + at - stands_since, None
        assert view["status"] == STATUS.get(event["reason"], {"resumed": "running"}.get(last, last)), name
        assert to_ms(view["due_at"]) == course.due_ms + stood, name
    assert heard == said, f"{name}: {heard} took effect, {said} was said"
    next_due = due()
    assert last in ENDS or next_due is None or next_due > until_ms, f"{name}: {steps[taken][0]} is missing"
    return taken


def report_courses(deployment: Deployment, reader: Reader, facts: Iterable[Facts]) -> dict[str, Course]:
    """The clocks of reports by id. Fails unless each report has armed each clock that it must, once, and no other."""
    by_clock: dict[str, list[Mapping]] = defaultdict(list)
    for row in reader.all(deployment.name(ESCALATIONS)):
        event = orjson.loads(row.value)
        if event["policy"] == LEGAL_CLOCK:
            by_clock[event["escalation_id"]].append(event)
    wanted = {
        (fact.report_id, obligation): (fact.channel, fact.received_ms, due)
        for fact in facts
        for obligation, due in fact.clocks.items()
    }
    found = {}
    courses = {}
    for clock_id, (opening, *later) in by_clock.items():
        clock = opening["clock"]
        assert (opening["type"], opening["reason"], opening["sequence"]) == ("opened", "clock_armed", 1)
        assert clock["clock_id"] == clock_id
        (duty,) = opening["obligations"]
        assert (duty["id"], duty["clock_status"], duty["due_at"]) == (
            clock["obligation"], "armed", clock["due_at"],
        )  # fmt: skip
        place = (opening["trace"]["first_report_id"], clock["obligation"])
        assert place not in found, f"{place} has two clocks"
        started, due = to_ms(clock["started_at"]), to_ms(clock["due_at"])
        found[place] = (opening["channel_ref"], started, due)
        courses[clock_id] = Course(clock["obligation"], started, due, to_ms(opening["at"]), later)
        ended = [event for event in later if event["clock"]["status"] in ENDS]
        assert [event["type"] for event in later] == ["updated"] * (len(later) - len(ended)) + [
            "resolved"
        ] * len(ended)
    _compare("clocks of reports", found, wanted)
    return courses


def request_courses(
    deployment: Deployment, reader: Reader, facts: Iterable[RequestFacts]
) -> dict[str, Course]:
    """The clocks of requests by id. Fails unless each request was routed once, as it must be."""
    wanted = {fact.request_id: fact for fact in facts}
    found = {}
    started: dict[str, tuple[str, int, int]] = {}
    later: dict[str, list[Mapping]] = defaultdict(list)
    for row in reader.all(deployment.name(ROUTING)):
        event = orjson.loads(row.value)
        request_id = event["request_id"]
        assert row.key == request_id.encode()
        assert row.partition == (murmur2(row.key) & 0x7FFFFFFF) % deployment.partitions
        if event["type"] != "routed":
            (view,) = event["clocks"]
            assert view["clock_id"] in started, f"{request_id}: a step of a clock that was not started"
            assert event["findings"] is None
            closed = view["status"] in (*ENDS, "over")
            assert event["type"] == ("clock_closed" if closed else "clock_updated")
            later[view["clock_id"]].append(event)
            continue
        assert request_id not in found, f"{request_id} was routed twice"
        findings = event["findings"]
        assert event["human_review_required"] and event["recipients"]
        clocks = {view["obligation"]: to_ms(view["due_at"]) for view in event["clocks"]}
        found[request_id] = (
            event["decision"],
            tuple(refusal["code"] for refusal in findings["refusals"]),
            tuple(findings["missing"]),
            # What is never done need not be for anybody else either.
            event["decision"] == "refused" or findings["competence"]["competent"],
            to_ms(event["received_at"]),
            clocks,
        )
        for view in event["clocks"]:
            started[view["clock_id"]] = view["obligation"], to_ms(view["started_at"]), to_ms(view["due_at"])
    _compare("requests", found, {request_id: _expected(fact) for request_id, fact in wanted.items()})
    return {
        clock_id: Course(obligation, start, due, 0, later[clock_id])
        for clock_id, (obligation, start, due) in started.items()
    }


def _expected(fact: RequestFacts) -> tuple[object, ...]:
    competent = fact.decision == "refused" or fact.competent
    return fact.decision, fact.refusals, fact.missing, competent, fact.received_ms, dict(fact.clocks)


def _view(event: Mapping) -> Mapping:
    return event["clock"] if "clock" in event else event["clocks"][0]


def _compare(what: str, found: Mapping, wanted: Mapping) -> None:
    lost, invented = wanted.keys() - found.keys(), found.keys() - wanted.keys()
    assert not lost and not invented, (
        f"{what}: {len(lost)} lost {sorted(lost)[:3]}, {len(invented)} invented {sorted(invented)[:3]}"
    )
    wrong = [key for key in wanted if found[key] != wanted[key]]
    assert not wrong, f"{what}: {len(wrong)} wrong, {wrong[0]} is {found[wrong[0]]}, not {wanted[wrong[0]]}"


def steps_missing(courses: Mapping[str, Course], until_ms: int) -> Iterator[str]:
    """The clocks that have not taken all steps due by `until_ms` yet."""
    for clock_id, course in courses.items():
        try:
            _follow(
                course,
                [e["reason"].removeprefix("clock_") for e in course.events if e["reason"] not in STATUS],
                until_ms,
                "",
            )
        except AssertionError:
            yield clock_id
