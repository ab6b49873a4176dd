"""Reports with what desks decide about them among them: a replay gives the same bytes, wherever it is cut.

Both stages run, and each reads what the other writes sooner or later.
"""

import json
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams.contract.events.case_activity import CaseActivity
from streams.contract.events.moderation_outcome import (
    EscalationSubject,
    MessageSubject,
    ModerationOutcome,
    ReportSubject,
)
from streams.contract.wire.forms.tick import encode_tick
from streams.contract.wire.records import OutputRecord
from streams.deciding.partition.limits import UNLIMITED, Limits
from streams.deciding.reporters.part import PART
from streams.deciding.reporters.stage import reporter_stage
from streams.deciding.reports.stage import report_stage
from streams.registry.reporter_rules import DetectorRules
from streams.registry.rules import AskRules
from tests.report_strategies import case_activities, moderation_outcomes
from tests import bundled
from tests.unit.batch_cuts import results, takeovers, tiny
from tests.unit.crowd_traffic import without_decisions_read
from tests.unit.reporter_traffic import rules_with as with_reporters
from tests.unit.standing_traffic import approval, standing
from tests.unit.test_crowd_in_the_stage import rules_with
from tests.unit.traffic import MINUTE, START, Record, fold, levels, policy, report

MODERATION = "moderation-outcomes"
ACTIVITY = "case-activity"
# Few reporters, messages and ids, so that most outcomes are about something and many supersede or repeat
# another one.
PEOPLE, CHANNELS, MESSAGES, REPORTS, OUTCOMES = 6, 2, 2, 12, 8

POLICY = policy(
    levels=levels({"reports": 2}, {"distinct_reporters": 4}), min_clear_ms=MINUTE, cooldown_ms=20 * MINUTE
)
# So few findings and outcomes that detectors are measured, and held, within a course.
HELD_SOON = DetectorRules(2, 1.5, 2, 1, 4, 2)
REPORTERS = reporter_stage(with_reporters(detectors=HELD_SOON, measured_from=2))


def stages_that_ask(ask: AskRules | None) -> dict[str, Any]:
    """Both stages, with these rules for asking desks."""
    rules = rules_with(POLICY, integrity="live", ask=ask)
    return {"reports": report_stage(rules), "reporters": REPORTERS}


STAGES = stages_that_ask(AskRules("live", 2, 2, 30 * MINUTE))
STAGE_OF = {
    topic: name
    for name, stage in STAGES.items()
    for topic in (*stage.sources.external, stage.sources.internal)
}

channels = st.integers(0, CHANNELS - 1).map("c{}".format)
subjects = st.one_of(
    st.builds(
        MessageSubject, channel_ref=channels, message_ref=st.integers(0, MESSAGES - 1).map("m{}".format)
    ),
    st.builds(ReportSubject, channel_ref=channels, report_id=st.integers(0, REPORTS - 1).map("r{}".format)),
    # The number of an escalation among those that were published, or of one that never was.
    st.builds(EscalationSubject, channel_ref=channels, escalation_id=st.integers(0, 3).map(str)),
)
began = datetime.fromtimestamp(START / 1000, UTC)
moments = st.integers(-60, 300).map(lambda minutes: began + timedelta(minutes=minutes))


@st.composite
def outcomes(draw: st.DrawFn) -> ModerationOutcome:
    number = draw(st.integers(0, OUTCOMES - 1))
    earlier = st.none() if number == 0 else st.none() | st.integers(0, number - 1).map("o{}".format)
    return draw(
        moderation_outcomes(about=subjects, decided=moments, ids=st.just(f"o{number}"), earlier=earlier)
    )


class Decided(NamedTuple):
    """What people decide about a reporter, some minutes after START."""

    number: int
    person: int
    state: str
    minutes: int


class Approved(NamedTuple):
    """A dismissal that holds for a version of a message."""

    number: int
    channel: str
    message: int
    version: str


class Found(NamedTuple):
    """A report of a detector or list about a message."""

    number: int
    channel: str
    message: int
    fields: dict[str, Any]


SOURCES: list[dict[str, Any]] = [
    {"match": {"list": "l", "signal": "e1", "version": "1"}},
    {"match": {"list": "l", "signal": "e2"}},
    {"classifier": {"name": "n", "version": "1", "score": 0.9}},
    {"reporter": {"kind": "automated", "ref": "d"}},
]
found = st.builds(
    Found, st.integers(0, REPORTS - 1), channels, st.integers(0, MESSAGES - 1), st.sampled_from(SOURCES)
)
versions = st.sampled_from(["v0", "v1"])
reports = st.tuples(
    st.integers(0, REPORTS - 1),
    st.integers(0, PEOPLE - 1),
    channels,
    # -1: about the channel itself.
    st.integers(-1, MESSAGES - 1),
    st.none() | versions,
)
decided = st.builds(
    Decided,
    st.integers(0, OUTCOMES - 1),
    st.integers(0, PEOPLE - 1),
    st.sampled_from(["warned", "warned", "paused", "paused", "ended"]),
    st.integers(0, 200),
)
approved = st.builds(Approved, st.integers(0, OUTCOMES - 1), channels, st.integers(0, MESSAGES - 1), versions)


# What is published (None: nothing, and a tick for each stage to which something is due), the minutes since
# the last step, and how many records the stages read of what they wrote to each other.
def courses(*more: st.SearchStrategy[object]) -> st.SearchStrategy[list[tuple[object, int, int]]]:
    published = (
        st.none(),
        reports,
        reports,
        found,
        outcomes(),
        outcomes(),
        case_activities(at=moments),
        *more,
    )
    return st.lists(
        st.tuples(st.one_of(*published), st.sampled_from([0, 0, 1, 40, 90]), st.integers(0, 6)),
        min_size=1,
        max_size=30,
    )


course = courses(decided, decided, approved)


class Log:
    """Both stages, record by record, as the only owner of one partition of each. `read` is what each has
    applied.
    """

    def __init__(self, stages: dict[str, Any] = STAGES) -> None:
        self.stages = stages
        self.states = {name: stage.restore(0, 1) for name, stage in stages.items()}
        self.read: dict[str, list[Record]] = {name: [] for name in stages}
        self.outputs: dict[str, list[OutputRecord]] = {name: [] for name in stages}
        self.stored: dict[str, dict[bytes, bytes]] = {name: {} for name in stages}
        self.waiting: deque[Record] = deque()
        self.now = START
        self.offset = 0

    def play(self, steps: list[tuple[object, int, int]]) -> None:
        """Apply all steps, and then what is left of what the stages wrote to each other."""
        for published, minutes, deliveries in steps:
            self.now += minutes * MINUTE
            if published is None:
                self._tick()
            else:
                self._publish(published)
            for _ in range(min(deliveries, len(self.waiting))):
                self._apply(self.waiting.popleft())
        while self.waiting:
            self._apply(self.waiting.popleft())

    def _publish(self, published: object) -> None:
        if isinstance(published, CaseActivity):
            record = self._record(ACTIVITY, msgspec.json.encode(published))
        elif isinstance(published, ModerationOutcome):
            record = self._record(MODERATION, msgspec.json.encode(self._named(published)))
        elif isinstance(published, Decided):
            moment, ref = START + published.minutes * MINUTE, f"u{published.person}"
            made = standing(published.number, published.state, moment, ref)
            record = self._record(made.topic, made.value)
        elif isinstance(published, Found):
            made = report(
                published.number,
                self.now,
                channel=published.channel,
                message_ref=f"m{published.message}",
                kind="automated_detection",
                **{"reporter": {"kind": "automated"}, **published.fields},
            )
            record = self._record(made.topic, made.value)
        elif isinstance(published, Approved):
            made = approval(
                published.number,
                self.now,
                published.version,
                channel=published.channel,
                message=f"m{published.message}",
            )
            record = self._record(made.topic, made.value)
        else:
            number, person, channel, message, version = published
            reporter = {"kind": "user", "ref": f"u{person}", "member": person % 2 == 0}
            if person % 4 == 1:
                reporter["account_age"] = "under_1d"
            if number % 8 == 7:
                reporter = {"kind": "anonymous"}
            about = {} if message < 0 else {"message_ref": f"m{message}", "message_version": version}
            made = report(number, self.now, channel=channel, reporter=reporter, category="spam", **about)
            record = self._record(made.topic, made.value)
        # Workers subscribe only to what a stage names: no stage reads acts on cases (docs/events.md).
        if record.topic in STAGE_OF:
            self._apply(record)

    def _named(self, outcome: ModerationOutcome) -> ModerationOutcome:
        subject = outcome.subject
        if not isinstance(subject, EscalationSubject):
            return outcome
        published = [
            event
            for output in self.outputs["reports"]
            if output.topic == "escalations"
            and (event := msgspec.json.decode(output.value or b""))["channel_ref"] == subject.channel_ref
        ]
        number = int(subject.escalation_id)
        if number >= len(published):
            return outcome
        known = EscalationSubject(subject.channel_ref, published[number]["escalation_id"])
        return msgspec.structs.replace(outcome, subject=known)

    def _tick(self) -> None:
        for name, stage in self.stages.items():
            value, headers = encode_tick(self.states[name].time.applied, self.now)
            self._apply(self._record(stage.sources.internal, value, headers))

    def _record(self, topic: str, value: bytes | None, headers: object = ()) -> Record:
        self.offset += 1
        return Record(topic, 0, self.offset, self.now, None, value, headers)

    def _apply(self, record: Record) -> None:
        name = STAGE_OF[record.topic]
        self.read[name].append(record)
        batch = self.stages[name].apply(self.states[name], [record])
        fold(self.stored[name], batch.changes)
        for output in batch.outputs:
            if output.topic == "transparency-counters":
                continue
            self.outputs[name].append(output)
            if output.topic in STAGE_OF:
                self.waiting.append(
                    self._record(output.topic, output.value, output.headers)._replace(key=output.key)
                )


@settings(max_examples=120)
@given(course=course, limits=tiny, takeovers=takeovers)
def test_outcomes_lead_to_the_same_bytes_wherever_the_log_is_cut(
    course: list[tuple[object, int, int]], limits: Limits, takeovers: set[int]
) -> None:
    log = Log()
    log.play(course)
    for name, stage in STAGES.items():
        whole = results(stage, log.read[name], UNLIMITED)
        assert results(stage, log.read[name], limits, takeovers) == whole
        assert whole[0] == bundled.expanded(log.outputs[name])
        assert whole[2] == log.stored[name]


@settings(max_examples=60)
@given(course=courses(decided))
@example(
    course=[
        (Decided(0, 0, "warned", 0), 0, 0),
        (Decided(1, 0, "paused", 0), 0, 0),
        (Found(0, "c0", 0, SOURCES[0]), 0, 0),
    ]
)
def test_what_desks_decide_changes_no_byte_that_is_published_about_reports_if_nobody_is_asked(
    course: list[tuple[object, int, int]],
) -> None:
    """A stamp may say more because of it, but it is part of the report's record.

    A dismissal that holds for a version is another thing: it is about later reports.
    """
    stages = stages_that_ask(None)
    log = Log(stages)
    log.play(course)
    kept = ("enriched-reports", "escalations", "escalations-shadow", "integrity-cases")
    reports_only = [record for record in log.read["reports"] if record.topic != MODERATION]
    outputs = results(stages["reports"], reports_only, UNLIMITED)[0]
    # A pause that a stage of reporters passes on is a decision, too, and is left in the log.
    assert without_decisions_read(output for output in outputs if output.topic in kept) == (
        without_decisions_read(output for output in log.outputs["reports"] if output.topic in kept)
    )


def test_the_courses_contain_what_they_are_about() -> None:
    """Otherwise the tests above would show nothing."""
    log = Log()
    about = MessageSubject("c0", "m0")
    first = _outcome("o0", about, 60, "dismissed")
    steps: list[tuple[object, int, int]] = [((number, number, "c0", 0, None), 1, 6) for number in range(4)]
    steps += [
        (first, 90, 6),
        (first, 0, 6),
        (_outcome("o1", about, 61, "upheld", "o0"), 0, 6),
        (_outcome("o2", ReportSubject("c0", "r1"), 62, "manifestly_unfounded"), 0, 6),
        (_outcome("o3", EscalationSubject("c0", "0"), 63, "dismissed"), 0, 6),
        (_outcome("o4", ReportSubject("c0", "r9"), 63, "dismissed"), 0, 6),
        ((5, 5, "c0", 0, "v0"), 0, 6),
    ]
    log.play(steps)
    topics = [output.topic for output in log.outputs["reports"]]
    credits = bundled.credits_in(log.outputs["reports"])
    # Four people three times, one of them once more, and the one who came after the decisions.
    assert len(credits) == 4 + 4 + 1 + 4 + 1
    notices = [
        json.loads(output.value) for output in log.outputs["reports"] if output.topic == "reporter-notices"
    ]
    assert sum(notice["state"] != "received" for notice in notices) == len(credits)
    # The five people who reported a message.
    assert sum(notice["state"] == "received" for notice in notices) == 5
    assert topics.count("dead-letters") == 1
    assert {"escalations", "enriched-reports"} <= set(topics)
    log.play(
        [
            (Decided(1, 4, "warned", 64), 0, 6),
            ((6, 4, "c0", 0, None), 0, 6),
            (Decided(2, 4, "paused", 65), 0, 6),
            (Approved(5, "c0", 1, "v0"), 0, 6),
            ((7, 3, "c0", 1, "v0"), 0, 6),
            ((8, 4, "c0", 1, "v1"), 0, 6),
        ]
    )
    weightless = [
        json.loads(output.value).get("without_weight")
        for output in log.outputs["reports"]
        if output.topic == "enriched-reports"
    ]
    assert weightless[-3:] == [None, "version_approved", "reporter_paused"]


def test_the_courses_contain_detectors_that_are_told_and_held() -> None:
    log = Log()
    for day in range(2):
        log.play([(Found(day, "c0", 0, SOURCES[0]), 25 * 60 * day, 6)])
    log.play([(Found(2 + number, "c1", 1, SOURCES[number % 2]), 0, 6) for number in range(6)])
    log.play([(_outcome("o0", MessageSubject("c1", "m1"), 26 * 60, "dismissed"), 60, 6)])
    told = [output for output in log.outputs["reports"] if output.topic == "detector-feedback"]
    assert len(told) == 2
    assert {output.topic for output in log.outputs["reporters"]} >= {"integrity-cases"}
    assert any(key[:1] == PART for key in log.stored["reporters"])


def _outcome(
    outcome_id: str, subject: object, minutes: int, decision: str, supersedes: str | None = None
) -> ModerationOutcome:
    reasons = {"upheld": "phishing", "dismissed": "not_a_violation", "manifestly_unfounded": "fabricated"}
    return msgspec.convert(
        {
            "outcome_id": outcome_id,
            "subject": msgspec.to_builtins(subject),
            "decision": decision,
            "category": "spam",
            "ground": {"kind": "terms", "rule": "scams-2.1"},
            "reason": reasons[decision],
            "decided_at": began + timedelta(minutes=minutes),
            "reviewer": {"ref": "desk-a", "role": "desk"},
            "confidence": "two_agree",
            "supersedes": supersedes,
        },
        ModerationOutcome,
    )
