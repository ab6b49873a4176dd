"""Derives from what was published what clocks and requests must have done, and compares the topics."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import orjson
from aiokafka.partitioner import murmur2

from tests.kafka.harness.deployment import ESCALATIONS, ROUTING, Deployment
from tests.kafka.harness.desk import LEGAL_CLOCK
from tests.kafka.harness.law import after_days_anywhere, after_whole_months
from tests.kafka.harness.reader import Reader
from tests.kafka.harness.reports import Facts, rfc3339, to_ms
from tests.kafka.harness.requests import RequestFacts

# Duties to keep data for a time. Nothing has to be done before the end, so these clocks have no earlier
# steps.
RETENTION = frozenset({"EU.tco.art6", "EU.e-evidence.art11-1", "IN.itr.3-1-g"})
# Nothing may be done before the end, so these have no earlier steps either; what is then due is still owed.
WAITS = frozenset({"EU.e-evidence.art10-2"})
# Regulation (EU) 2021/784 art. 3(7) and (8): the whole hour begins when a pause ends.
RESTARTS = frozenset({"EU.tco.art3-3"})
# Counted again when the removal is reported as fulfilled: for six months (art. 6), for 180 days (IT Rules r.
# 3(1)(g)).
RUNS_FROM_REMOVAL = {
    "EU.tco.art6": lambda at: after_whole_months(at, 6),
    "IN.itr.3-1-g": lambda at: after_days_anywhere(at, 180),
}
STEPS = (("clock_half", 5), ("clock_nine_tenths", 9), ("clock_lapsed", 10))
ENDS = ("fulfilled", "withdrawn")
STATUS = {
    "clock_half": "running",
    "clock_nine_tenths": "running",
    "clock_lapsed": "lapsed",
    "clock_over": "over",
}


class NotThere(AssertionError):
    """Something that must be in the topics is not, or not yet: markers of a transaction come one by one."""


class Course(NamedTuple):
    """A clock found in the outputs.

    Its steps cannot be published before `armed_ms`; `events` follow the first one in order.
    """

    obligation: str
    started_ms: int
    due_ms: int
    armed_ms: int
    events: Sequence[Mapping]


class Followed(NamedTuple):
    """Numbers of clocks, of steps taken, and of outcomes that took effect."""

    clocks: int
    steps: int
    outcomes: int


class _Walked(NamedTuple):
    """Steps taken, outcomes that took effect, and when the next step is due (None if paused or ended)."""

    steps: int
    outcomes: list[str]
    next_due: int | None


def follow(courses: Mapping[str, Course], outcomes: Mapping[str, Sequence[str]], until_ms: int) -> Followed:
    """Check that each clock took every step due by `until_ms` and every outcome once and at the right time.

    `outcomes` are the published ones by clock id, in order.
    """
    assert outcomes.keys() <= courses.keys()
    steps = 0
    for clock_id, course in courses.items():
        walked = _walk(course)
        name = f"{course.obligation} {clock_id}"
        wanted = list(outcomes.get(clock_id, ()))
        assert walked.outcomes == wanted, f"{name}: {walked.outcomes} took effect, {wanted} were published"
        assert not _step_is_due(walked, until_ms), f"{name}: the step due at {walked.next_due} is missing"
        steps += walked.steps
    return Followed(len(courses), steps, sum(map(len, outcomes.values())))


def steps_missing(courses: Mapping[str, Course], until_ms: int) -> bool:
    """Whether some clock has not yet taken a step that was due by `until_ms`."""
    return any(_step_is_due(_walk(course), until_ms) for course in courses.values())


def _step_is_due(walked: _Walked, until_ms: int) -> bool:
    return walked.next_due is not None and walked.next_due <= until_ms


def _walk(course: Course) -> _Walked:
    """Check the events of a clock in order.

    Raises AssertionError at one that cannot follow from those before it.
    """
    steps = (("clock_over", 10),) if course.obligation in RETENTION | WAITS else STEPS
    started_ms, due_ms = course.started_ms, course.due_ms
    made, taken, paused_ms, paused_since = 0, 0, 0, None
    outcomes: list[str] = []
    name = f"{course.obligation} of {rfc3339(course.started_ms)}"

    def due() -> int | None:
        if taken == len(steps) or paused_since is not None or {*outcomes} & {*ENDS}:
            return None
        return started_ms + paused_ms + (due_ms - started_ms) * steps[taken][1] // 10

    for sequence, event in enumerate(course.events, 2):
        assert event["sequence"] == sequence, f"{name}: sequence {event['sequence']} instead of {sequence}"
        assert not {*outcomes} & {*ENDS}, f"{name}: {event['reason']} after the end"
        at, reason, next_due = to_ms(event["at"]), event["reason"], due()
        change = reason.removeprefix("clock_")
        if reason in STATUS:
            assert next_due is not None and reason == steps[taken][0], f"{name}: {reason} after {taken} steps"
            assert at == max(next_due, course.armed_ms), f"{name}: {reason} at {event['at']}"
            taken, made = taken + 1, made + 1
        elif change == "resumed" and (end := RUNS_FROM_REMOVAL.get(course.obligation)) is not None:
            started_ms, due_ms = at, end(at)
        else:
            assert next_due is None or next_due > at, f"{name}: {change} before the step due at {next_due}"
            outcomes.append(change)
            if change == "paused":
                paused_since = at
            elif change == "resumed":
                if course.obligation in RESTARTS:
                    taken, paused_ms = 0, at - course.started_ms
                else:
                    paused_ms += at - paused_since
                paused_since = None
        view = event["clock"] if "clock" in event else event["clocks"][0]
        assert view["status"] == STATUS.get(reason, "running" if change == "resumed" else change), name
        assert to_ms(view["due_at"]) == due_ms + paused_ms, name
    return _Walked(made, outcomes, due())


def report_courses(deployment: Deployment, reader: Reader, facts: Iterable[Facts]) -> dict[str, Course]:
    """The clocks of reports by id.

    Raises AssertionError unless each report armed exactly the clocks it must, once each; NotThere if the
    topics only lack some.
    """
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
    """The clocks of requests by id.

    Raises AssertionError unless each request was routed once, and correctly; NotThere if the topics only lack
    some.
    """
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
            assert view["clock_id"] in started, f"{request_id}: a step of a clock that never started"
            assert event["findings"] is None
            closed = view["status"] in ENDS or (view["status"] == "over" and view["obligation"] not in WAITS)
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
            # A demand that is always refused is refused to every authority, so competence does not matter.
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


def _compare(what: str, found: Mapping, wanted: Mapping) -> None:
    lost, invented = wanted.keys() - found.keys(), found.keys() - wanted.keys()
    assert not invented, f"{what}: {len(invented)} unexpected {sorted(invented)[:3]}"
    wrong = [key for key in found if found[key] != wanted[key]]
    assert not wrong, (
        f"{what}: {len(wrong)} wrong; {wrong[0]} is {found[wrong[0]]}, expected {wanted[wrong[0]]}"
    )
    if lost:
        raise NotThere(f"{what}: {len(lost)} of {len(wanted)} lost, first {sorted(lost)[:3]}")
