"""The read model: its rows follow from the records, whatever the order of topics and partitions, and the cuts
of batches.
"""

import contextlib
import os
import sqlite3
import stat
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import msgspec
import pytest
from aiokafka import TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from streams.contract.events.case_activity import CaseActivity, ProposedOutcome
from streams.contract.events.clock_outcome import ClockOutcome
from streams.contract.events.desk_member import DeskMember
from streams.contract.events.escalation import Escalation
from streams.contract.events.moderation_outcome import EscalationSubject, ModerationOutcome, TermsGround
from streams.contract.wire.encoding import encode
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.ids import stable_id
from streams.contract.wire.times import MINUTE, epoch_ms, moment_ms
from streams.contract.wire.topics import CASE_ACTIVITY, CLOCK_OUTCOMES, ESCALATIONS, MODERATION_OUTCOMES
from streams.desk.console.casework.follow_ups import moderation_outcome
from streams.desk.console.casework.work import DeskDecision
from streams.desk.console.follower import Follower
from streams.desk.console.read_model import apply as apply_module
from streams.desk.console.read_model.acts import CONSOLE_SOURCE, work_on
from streams.desk.console.read_model.apply import HANDLERS, apply_records
from streams.desk.console.read_model.changes import Changes
from streams.desk.console.read_model.database import Database, transaction
from streams.desk.console.settings import ConsoleSettings
from streams.running.clients.published_event import published_event
from tests.contract.examples import example, example_files
from tests.shipped import RULES
from tests.unit.console_pages import opened

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
NOW_MS = epoch_ms(NOON) + 60 * MINUTE
PEOPLE = tuple(DeskMember(f"desk-{name}", "desk") for name in ("anna", "ben")) + (
    DeskMember("lead-1", "lead"),
)
DISMISSED = ProposedOutcome("dismissed", "fraud", TermsGround("scams-2.1"), "not_a_violation")


def golden(topic):
    """The golden examples of a topic that a reader can meet, with the topic."""
    return [example(path) for path in example_files(f"{topic}/v1")]


OPENED = msgspec.convert(
    next(
        example(path).document
        for path in example_files("escalations/v1")
        if path.stem == "opened-threshold-crossed"
    ),
    Escalation,
)
CLOCK = msgspec.convert(
    next(
        example(path).document
        for path in example_files("escalations/v1")
        if path.stem == "opened-clock-armed"
    ),
    Escalation,
)


class Logs:
    """Partitions that tests append to; records get the offsets that a broker would give them."""

    def __init__(self):
        self.rows = defaultdict(list)

    def append(self, topic, partition, value, headers=(), key=b"k"):
        rows = self.rows[topic, partition]
        rows.append(
            SimpleNamespace(
                topic=topic,
                partition=partition,
                offset=len(rows),
                timestamp=NOW_MS,
                key=key,
                value=value,
                headers=headers,
            )
        )

    def publish(self, topic, partition, event, source=CONSOLE_SOURCE):
        said = published_event(topic, encode(event), source, NOW_MS)
        self.append(topic, partition, said.value, said.headers, said.key)


def everything_golden():
    logs = Logs()
    for topic in HANDLERS:
        for found in golden(topic):
            logs.append(topic, 0, found.value, found.headers, (found.key or "").encode())
    return logs


@contextlib.contextmanager
def model(path):
    with contextlib.closing(opened(Database(path), RULES.categories)) as writer:
        yield writer


def apply(writer, records):
    changes = Changes()
    with transaction(writer):
        unreadable = apply_records(writer, [(record.topic, record) for record in records], changes)
    return changes, unreadable


def tables(writer):
    names = [
        name
        for (name,) in writer.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1")
        # Made of categories, not of records.
        if name != "category_order"
    ]
    return {name: sorted(writer.execute(f"SELECT * FROM {name}").fetchall(), key=repr) for name in names}


def in_order(logs):
    return [record for rows in logs.rows.values() for record in rows]


def test_cases_of_a_category_that_a_console_lacked_are_there_once_it_has_it(tmp_path):
    place = TopicPartition(ESCALATIONS, 0)
    logs = Logs()
    for sequence in (1, 2):
        event = msgspec.structs.replace(OPENED, category="x_loan_sharks", sequence=sequence)
        logs.append(ESCALATIONS, 0, encode(event))

    def reads(names):
        """What a console that is started with these categories says and shows."""
        categories = dict.fromkeys(names, RULES.categories["fraud"])
        with contextlib.closing(opened(Database(tmp_path / "a"), categories)) as writer:
            (begins_at,) = writer.execute("SELECT coalesce(max(next_offset), 0) FROM place").fetchone()
            follower = Follower(None, "", writer, lambda _: None, lambda: categories)
            with capture_logs() as said:
                for record in logs.rows[ESCALATIONS, 0][begins_at:]:
                    follower._apply({place: [record]}, {place: record.offset + 1})
            rows = writer.execute("SELECT category FROM desk_row").fetchall()
            return [line["category"] for line in said], rows

    assert reads(["fraud"]) == (["x_loan_sharks"], [])
    assert reads(["fraud"]) == ([], [])
    assert reads(["x_loan_sharks", "fraud"]) == ([], [("x_loan_sharks",)])
    logs.rows.clear()
    assert reads(["fraud", "x_loan_sharks"]) == ([], [("x_loan_sharks",)])


def test_every_golden_example_is_read(tmp_path):
    with model(tmp_path / "a") as writer:
        _, unreadable = apply(writer, in_order(everything_golden()))
        rows = tables(writer)
    assert unreadable == 0
    empty = {name for name, found in rows.items() if not found}
    assert empty <= {"place", "decision"}


def test_what_others_wrote_wrongly_is_skipped_and_counted(tmp_path):
    logs = everything_golden()
    for topic in HANDLERS:
        for nonsense in (b"", b"{}", b"\xff", b"[]", None):
            logs.append(topic, 1, nonsense)
    with model(tmp_path / "a") as writer, model(tmp_path / "b") as other:
        _, unreadable = apply(writer, in_order(logs))
        apply(other, in_order(everything_golden()))
        assert tables(writer) == tables(other)
    # A counter without a value is one that was deleted.
    assert unreadable >= 5 * len(HANDLERS) - 2


@pytest.fixture
def careless_umask():
    before = os.umask(0)
    yield
    os.umask(before)


def permissions(folder):
    return {each.name: stat.filemode(each.stat().st_mode) for each in folder.iterdir()}


@pytest.mark.usefixtures("careless_umask")
def test_nobody_else_on_the_machine_reads_the_file_in_its_default_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with model(ConsoleSettings().database):
        names = ("tocsin-console.sqlite", "tocsin-console.sqlite-wal", "tocsin-console.sqlite-shm")
        assert permissions(tmp_path) == dict.fromkeys(names, "-rw-------")


@pytest.mark.usefixtures("careless_umask")
def test_a_file_that_everybody_could_read_is_kept_from_them_also_by_another_name(tmp_path):
    folder, link = tmp_path / "data", tmp_path / "link.sqlite"
    folder.mkdir()
    link.symlink_to(folder / "console.sqlite")
    # As a console of before that was killed leaves it.
    with model(folder / "console.sqlite") as killed:
        apply(killed, in_order(everything_golden()))
        for each in folder.iterdir():
            each.chmod(0o644)
        with model(link) as writer:
            assert tables(writer)["desk_row"]
            names = ("console.sqlite", "console.sqlite-wal", "console.sqlite-shm")
            assert permissions(folder) == dict.fromkeys(names, "-rw-------")


def test_a_file_that_cannot_be_kept_from_others_is_refused_by_its_name(tmp_path):
    path = tmp_path / "missing" / "console.sqlite"
    with pytest.raises(sqlite3.Error, match=f"{path}: cannot be made, or kept from other users"):
        opened(Database(path), RULES.categories)
    tmp_path.chmod(0o755)
    with pytest.raises(sqlite3.Error):
        opened(Database(tmp_path), RULES.categories)
    assert stat.filemode(tmp_path.stat().st_mode) == "drwxr-xr-x"


def test_a_file_of_another_version_is_made_anew(tmp_path):
    with model(tmp_path / "a") as writer:
        apply(writer, in_order(everything_golden()))
        writer.execute("PRAGMA user_version = 1")
    with model(tmp_path / "a") as writer:
        assert not any(tables(writer).values())
    with model(tmp_path / "a") as writer:
        apply(writer, in_order(everything_golden()))
    with model(tmp_path / "a") as writer:
        assert tables(writer)["desk_row"]


def test_a_batch_that_fails_leaves_nothing(tmp_path):
    with model(tmp_path / "a") as writer:
        with pytest.raises(RuntimeError), transaction(writer):
            apply_records(writer, [(r.topic, r) for r in in_order(everything_golden())], Changes())
            raise RuntimeError
        assert not any(tables(writer).values())


def test_a_database_that_is_none_is_refused(tmp_path):
    (tmp_path / "a").write_bytes(b"no database" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        opened(Database(tmp_path / "a"), RULES.categories)


def escalations_of(channel, number, draw):
    """An episode in a channel, with a clock of one of its messages now and then; raised and resolved now and
    then.
    """
    escalation_id = stable_id("test-case", channel, str(number))
    message = f"message-{number % 3}"
    begin = epoch_ms(NOON) + number * MINUTE
    opened = msgspec.structs.replace(
        OPENED, escalation_id=escalation_id, channel_ref=channel, message_refs=(message,), at=rfc3339(begin)
    )
    yield opened
    if draw(st.booleans()):
        yield msgspec.structs.replace(
            opened, sequence=2, type="updated", reason="level_raised", level=2, at=rfc3339(begin + 5 * MINUTE)
        )
        if draw(st.booleans()):
            yield msgspec.structs.replace(
                opened,
                sequence=3,
                type="resolved",
                reason="cleared",
                status="resolved",
                at=rfc3339(begin + 9 * MINUTE),
            )
    if draw(st.booleans()):
        clock_id = stable_id("test-clock", channel, str(number))
        view = msgspec.structs.replace(CLOCK.clock, clock_id=clock_id)
        armed = msgspec.structs.replace(
            CLOCK, escalation_id=clock_id, channel_ref=channel, message_refs=(message,), clock=view
        )
        yield armed
        if draw(st.booleans()):
            ended = msgspec.structs.replace(view, status="fulfilled", elapsed=0.25)
            yield msgspec.structs.replace(armed, sequence=2, type="resolved", status="resolved", clock=ended)


@st.composite
def stories(draw):
    """Logs of two partitions per topic: cases, what people did with them, and outcomes of this console and of
    others.
    """
    logs = Logs()
    cases = []
    for number in range(draw(st.integers(1, 4))):
        partition = number % 2
        events = list(escalations_of(f"channel-{partition}", number, draw))
        for event in events:
            logs.append(ESCALATIONS, partition, encode(event))
        cases.append((events[0], partition))
    for number in range(draw(st.integers(0, 12))):
        case, partition = draw(st.sampled_from(cases))
        kind = draw(
            st.sampled_from(
                (
                    "claimed",
                    "released",
                    "noted",
                    "snoozed",
                    "outcome_proposed",
                    "proposal_signed",
                    "decided",
                    "decided",
                )
            )
        )
        at = NOON + timedelta(minutes=draw(st.integers(0, 20)))
        activity = CaseActivity(
            f"act-{draw(st.integers(0, number))}-{number}" if draw(st.integers(0, 5)) else "act-same",
            kind,
            draw(st.sampled_from(PEOPLE)),
            at,
            draw(st.integers(0, 4)),
            escalation_id=case.escalation_id,
            channel_ref=case.channel_ref,
            until=at + timedelta(minutes=9) if kind == "snoozed" else None,
            note="context_checked" if kind == "noted" else None,
            proposed=DISMISSED if kind in ("decided", "outcome_proposed") else None,
        )
        logs.publish(
            CASE_ACTIVITY, partition, activity, draw(st.sampled_from((CONSOLE_SOURCE, "other-desk")))
        )
        if kind == "decided" and draw(st.booleans()):
            decision = DeskDecision(activity.activity_id, at, activity.actor, DISMISSED)
            outcome = moderation_outcome(decision, case.channel_ref, case.escalation_id)
            # In any partition, and perhaps twice.
            for _ in range(draw(st.integers(1, 2))):
                logs.publish(MODERATION_OUTCOMES, draw(st.integers(0, 1)), outcome)
    for number in range(draw(st.integers(0, 3))):
        case, _ = draw(st.sampled_from(cases))
        outcome = ModerationOutcome(
            "outcome-same" if draw(st.booleans()) else f"outcome-{number}",
            EscalationSubject(case.channel_ref, case.escalation_id), "dismissed", "fraud",
            TermsGround("scams-2.1"),
            draw(st.sampled_from(("not_a_violation", "outside_scope"))), NOON + timedelta(minutes=number), PEOPLE[0], "one_reviewer",
        )  # fmt: skip
        logs.publish(MODERATION_OUTCOMES, draw(st.integers(0, 1)), outcome, "other-desk")
        clock = ClockOutcome(
            f"clock-outcome-{draw(st.integers(0, 1))}", stable_id("test-clock", case.channel_ref, "0"), "report",
            case.channel_ref, "fulfilled", NOON, actor=draw(st.sampled_from(PEOPLE)).ref,
        )  # fmt: skip
        logs.publish(CLOCK_OUTCOMES, draw(st.integers(0, 1)), clock)
    return logs


@st.composite
def arrivals(draw, logs):
    """The same records as they may arrive: each partition in order, partitions in any, cut into any batches."""
    waiting = {place: list(rows) for place, rows in logs.rows.items() if rows}
    batches = [[]]
    while waiting:
        place = draw(st.sampled_from(sorted(waiting)))
        taken = draw(st.integers(1, len(waiting[place])))
        batches[-1] += waiting[place][:taken]
        del waiting[place][:taken]
        if not waiting[place]:
            del waiting[place]
        if draw(st.booleans()):
            batches.append([])
    return batches


@pytest.mark.slow
@settings(max_examples=60)
@given(st.data())
def test_rows_do_not_depend_on_the_order_of_arrival(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("models")
    logs = data.draw(stories())
    with model(folder / "a") as one, model(folder / "b") as other:
        apply(one, in_order(logs))
        for batch in data.draw(arrivals(logs)):
            apply(other, batch)
        assert tables(one) == tables(other)


def desk_row(writer, escalation_id):
    writer.row_factory = sqlite3.Row
    return writer.execute("SELECT * FROM desk_row WHERE escalation_id = ?", (escalation_id,)).fetchone()


def test_a_case_that_was_decided_comes_back_when_it_is_raised(tmp_path):
    logs = Logs()
    logs.append(ESCALATIONS, 0, encode(OPENED))
    decided_at = datetime.fromtimestamp(moment_ms(OPENED.at) / 1000 + 60, UTC)
    logs.publish(
        CASE_ACTIVITY,
        0,
        CaseActivity(
            "act-1",
            "decided",
            PEOPLE[0],
            decided_at,
            0,
            escalation_id=OPENED.escalation_id,
            channel_ref=OPENED.channel_ref,
            proposed=DISMISSED,
        ),
    )
    with model(tmp_path / "a") as writer:
        apply(writer, in_order(logs))
        assert (
            desk_row(writer, OPENED.escalation_id)["state"],
            work_on(writer, OPENED.escalation_id).version,
        ) == ("decided", 1)
        raised = msgspec.structs.replace(
            OPENED,
            sequence=2,
            type="updated",
            reason="level_raised",
            level=2,
            at=rfc3339(epoch_ms(decided_at) + MINUTE),
        )
        apply(writer, [SimpleNamespace(**{**vars(in_order(logs)[0]), "offset": 1, "value": encode(raised)})])
        row = desk_row(writer, OPENED.escalation_id)
    assert (row["state"], row["reopened"], row["waits"], row["level"]) == ("open", 1, 1, 2)


def test_the_clock_of_a_message_hangs_on_the_case_that_names_it(tmp_path):
    logs = Logs()
    episode = msgspec.structs.replace(OPENED, channel_ref=CLOCK.channel_ref, message_refs=CLOCK.message_refs)
    for event in (episode, CLOCK):
        logs.append(ESCALATIONS, 0, encode(event))
    with model(tmp_path / "a") as writer:
        changes, _ = apply(writer, in_order(logs))
        row = desk_row(writer, OPENED.escalation_id)
        assert (row["due_ms"], row["duty"]) == (moment_ms(CLOCK.clock.due_at), CLOCK.clock.obligation)
        ended = msgspec.structs.replace(CLOCK.clock, status="fulfilled")
        closed = msgspec.structs.replace(CLOCK, sequence=2, type="resolved", status="resolved", clock=ended)
        more, _ = apply(
            writer, [SimpleNamespace(**{**vars(in_order(logs)[0]), "offset": 2, "value": encode(closed)})]
        )
        assert desk_row(writer, OPENED.escalation_id)["due_ms"] is None
    assert changes.escalations == more.escalations == {OPENED.escalation_id, CLOCK.escalation_id}


def test_a_channel_with_many_clocks_is_no_dearer_than_its_episodes(tmp_path, monkeypatch):
    logs = Logs()
    for number in range(50):
        clock_id = stable_id("test-clock", "one-channel", str(number))
        view = msgspec.structs.replace(CLOCK.clock, clock_id=clock_id)
        armed = msgspec.structs.replace(
            CLOCK, escalation_id=clock_id, message_refs=(f"m{number}",), clock=view
        )
        logs.append(ESCALATIONS, 0, encode(armed))
    refreshed = []
    refresh_row = apply_module.refresh_row
    monkeypatch.setattr(
        apply_module, "refresh_row", lambda *given: (refreshed.append(given), refresh_row(*given))
    )
    with model(tmp_path / "a") as writer:
        for record in in_order(logs):
            apply(writer, [record])
        assert len(tables(writer)["desk_row"]) == 50
    assert len(refreshed) == 50
