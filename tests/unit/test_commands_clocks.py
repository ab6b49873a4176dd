"""`tocsin clocks` and `tocsin clock -`: which clocks are listed, in which order, and marking many at once."""

import asyncio

import orjson
import pytest
from click.testing import CliRunner

from streams.commands import clocks
from streams.commands.clock import command as clock_command
from streams.commands.clocks import time_left
from streams.commands.main import commands
from streams.commands.shared import kept_clocks
from streams.commands.shared.kept_clocks import STATE_TOPICS, WantedClocks, wanted_clocks
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.forms.outcome_decoding import decode_clock_outcome
from streams.contract.wire.partitioner import home_partition
from streams.deciding.clocks.store import clock_key
from streams.deciding.reports.state import ReportState
from streams.running.clients import kafka_writing, kept_state
from streams.running.worker.settings import Settings
from tests.unit.clock_traffic import clock_of, clock_outcome, clock_rules, duty
from tests.unit.request_traffic import (
    new_requests,
    removal_order,
    request_record,
    run_requests,
)
from tests.unit.traffic import HOUR, MINUTE, START, report, run, tick

RULES = clock_rules(duty(authority="FTC"))
VICTIM = [{"country": "KR", "basis": "victim", "confidence": 0.9}]
PARTITIONS = 2


class Kept:
    """A record of state. The commands must not read the value of one that is not a clock."""

    def __init__(self, key, value):
        self.key = key
        self._value = value

    @property
    def value(self):
        assert self.key.startswith(b"L"), f"{self.key!r} was read although it is not a clock"
        return self._value


class Logs:
    """The two state topics, not compacted, and the records sent to clock-outcomes."""

    def __init__(self, monkeypatch):
        self.records = {topic: [] for topic in STATE_TOPICS.values()}
        self.read = []
        self.sent = []
        for module in (kept_clocks, kept_state):
            monkeypatch.setattr(module, "committed_records", self._committed)
        monkeypatch.setattr(kept_state, "partition_count", self._count)
        monkeypatch.setattr(kafka_writing, "producer_for", lambda *_: self)

    def add(self, subject, changes):
        for key, value in changes.items():
            home = home_partition(key[1:].partition(b"\0")[0], PARTITIONS) if key[:1] == b"L" else 0
            self.records[STATE_TOPICS[subject]].append((home, Kept(key, value)))

    async def _count(self, _connection, topic):
        assert topic in self.records
        return PARTITIONS

    async def _committed(self, _connection, topic, partition=None):
        self.read.append((topic, partition))
        for home, record in self.records[topic]:
            if partition in (None, home):
                yield record

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass

    async def send(self, topic, value, key, headers):
        assert topic == "clock-outcomes"
        self.sent.append((key, decode_clock_outcome(value, headers, START + 100 * HOUR)))
        written = asyncio.get_running_loop().create_future()
        written.set_result(None)
        return written


@pytest.fixture
def logs(monkeypatch):
    return Logs(monkeypatch)


@pytest.fixture
def now(monkeypatch):
    """Returns a function that sets the wall clock."""

    def set_to(moment):
        for module in (clocks, clock_command):
            monkeypatch.setattr(module, "clock_ms", lambda: moment)

    set_to(START + HOUR)
    return set_to


def arm(logs):
    """Two-hour clocks of reports 1 (lapsed), 2 and 3 (paused), and the clocks of a request.

    At START + 1 h: lapsed 30 min ago; the request's hour with 45 min left; 1 h 10 min left; paused with
    1 h 50 min left; six months of retention.
    """
    state = ReportState(0, 1, RULES)
    first = [
        report(1, START - 90 * MINUTE, channel="a"),
        report(2, START + 10 * MINUTE, channel="b", evidence=VICTIM),
    ]
    logs.add("report", run(state, RULES, first).changes)
    third = [report(3, START + 12 * MINUTE, channel="b")]
    logs.add("report", run(state, RULES, third).changes)
    pause = clock_outcome(
        1, "paused", clock_of(3, "b"), START + 22 * MINUTE, channel="b", reason="clarification"
    )
    logs.add("report", run(state, RULES, [pause]).changes)
    logs.add("report", run(state, RULES, [tick(state.time.applied, START + 40 * MINUTE)]).changes)
    opened = run_requests(new_requests(), [request_record(removal_order("q", START + 45 * MINUTE))])
    logs.add("request", opened.changes)
    return state


def listed(wanted=None, at=START + HOUR):
    found = asyncio.run(wanted_clocks(Settings(), wanted or WantedClocks(), at))
    assert found.unreadable == []
    return found.clocks


def listed_rows(found):
    return [(clock.view.obligation, clock.key, clock.view.status, clock.left_ms // MINUTE) for clock in found]


ACTOR = "legal-7f3a"


def tocsin(*arguments, lines=(), actor=ACTOR):
    """Run a command with TOCSIN_ACTOR set to `actor`, or not set if it is None."""
    text = "".join(f"{line}\n" for line in lines)
    return CliRunner().invoke(commands, arguments, input=text, env={"TOCSIN_ACTOR": actor})


A = ("GLOBAL.fast", "a", "lapsed", -30)
HOUR_OF_ORDER = ("EU.tco.art3-3", "q", "running", 45)
B = ("GLOBAL.fast", "b", "running", 70)
PAUSED = ("GLOBAL.fast", "b", "paused", 110)


def test_clocks_of_both_stages_are_listed_with_the_most_urgent_first(logs):
    arm(logs)
    found = listed()
    assert listed_rows(found)[:4] == [A, HOUR_OF_ORDER, B, PAUSED]
    assert [(clock.view.obligation, clock.subject) for clock in found[4:]] == [("EU.tco.art6", "request")]
    lapsed, order, running, *_ = found
    assert (lapsed.subject, lapsed.authority, lapsed.view.clock_id) == ("report", "FTC", clock_of(1, "a"))
    assert (order.authority, order.countries) == ("police", ("DE",))
    assert running.countries == ("KR",)


def test_the_time_left_of_a_paused_clock_does_not_change(logs):
    arm(logs)
    later = {clock.view.clock_id: clock for clock in listed(at=START + 30 * HOUR)}
    assert later[clock_of(3, "b")].left_ms == 110 * MINUTE
    assert later[clock_of(2, "b")].left_ms == (130 - 30 * 60) * MINUTE
    assert later[clock_of(3, "b")].view.elapsed == pytest.approx(10 / 120, abs=1e-6)


def test_an_ended_clock_is_not_listed_with_an_earlier_value(logs):
    state = arm(logs)
    end = [
        clock_outcome(n, "withdrawn", clock_of(number, "b"), START + 50 * MINUTE, channel="b")
        for n, number in ((5, 2), (6, 3))
    ]
    logs.add("report", run(state, RULES, end).changes)
    assert listed_rows(listed())[:2] == [A, HOUR_OF_ORDER]
    assert len(listed()) == 3
    assert listed(WantedClocks(channel="b")) == []


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"channel": "b"}, [B, PAUSED]),
        ({"channel": "q"}, []),
        ({"request": "q", "duty": "EU.tco.art3-3"}, [HOUR_OF_ORDER]),
        ({"request": "b"}, []),
        ({"duty": "GLOBAL.fast"}, [A, B, PAUSED]),
        ({"duty": "GLOBAL.fas"}, []),
        ({"authority": "police", "status": "running", "due_within_ms": HOUR}, [HOUR_OF_ORDER]),
        ({"authority": "FTC"}, [A, B, PAUSED]),
        ({"status": "paused"}, [PAUSED]),
        # The paused clock was running when its first record was written.
        ({"status": "running", "channel": "b"}, [B]),
        ({"status": "lapsed"}, [A]),
        ({"due_within_ms": 0}, [A]),
        ({"due_within_ms": 70 * MINUTE}, [A, HOUR_OF_ORDER, B]),
        ({"due_within_ms": 70 * MINUTE - 1}, [A, HOUR_OF_ORDER]),
    ],
)
def test_filters_select_clocks(logs, wanted, found):
    arm(logs)
    assert listed_rows(listed(WantedClocks(**wanted))) == found


def test_only_the_home_partition_of_a_channel_or_request_is_read(logs):
    arm(logs)
    listed(WantedClocks(channel="b"))
    listed(WantedClocks(request="q"))
    assert logs.read == [
        ("channel-state", home_partition(b"b", PARTITIONS)),
        ("authority-state", home_partition(b"q", PARTITIONS)),
    ]


def test_a_channel_is_not_selected_by_a_prefix_of_its_ref(logs):
    state = ReportState(0, 1, RULES)
    logs.add(
        "report", run(state, RULES, [report(1, START, channel="b"), report(2, START, channel="bb")]).changes
    )
    assert [clock.key for clock in listed(WantedClocks(channel="b"))] == ["b"]


@pytest.mark.parametrize("value", [b"", b"\x02abc", b"\x01\xc1", b"\x01\x93\x01"])
def test_an_unreadable_clock_does_not_hide_the_others(logs, now, value):
    arm(logs)
    logs.add("report", {f"Lz\0{'0' * 36}".encode(): value})
    result = tocsin("clocks", "--ids")
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 5
    assert f"clock {'0' * 36} of channel z cannot be read" in result.stderr
    assert "tocsin state check" in result.stderr
    # A worker uses the last value alone.
    logs.add("report", {f"Lz\0{'0' * 36}".encode(): None})
    assert tocsin("clocks", "--ids").exit_code == 0


def test_the_table_has_a_row_for_each_clock_and_their_number(logs, now):
    arm(logs)
    lines = tocsin("clocks", "--due-within", "PT1H").stdout.splitlines()
    assert lines[0].split() == "clock duty authority country started by status due left".split()
    assert lines[2].startswith(f"{clock_of(1, 'a')}  GLOBAL.fast    FTC ")
    assert lines[2].endswith(" UTC  overdue by 30 min")
    assert "police     DE       request q   running" in lines[3]
    assert lines[3].endswith(" UTC  45 min")
    assert lines[4:] == ["2 clocks: 1 lapsed, 1 running"]


def test_json_has_the_published_clock_and_its_channel_or_request(logs, now):
    arm(logs)
    rows = [orjson.loads(line) for line in tocsin("clocks", "--json").stdout.splitlines()]
    assert [row["left_seconds"] // 60 for row in rows[:4]] == [-30, 45, 70, 110]
    assert rows[0] == {
        "clock_id": clock_of(1, "a"), "obligation": "GLOBAL.fast", "status": "lapsed", "elapsed": 1.0,
        "started_at": rfc3339(START - 90 * MINUTE), "due_at": rfc3339(START + 30 * MINUTE),
        "subject": "report", "key": "a", "authority": "FTC", "countries": rows[0]["countries"],
        "left_seconds": -1800, "marks": {"dates": "verified", "time": "verified"},
    }  # fmt: skip


@pytest.mark.parametrize("form", [[], ["--json"], ["--ids"]])
def test_an_empty_list_is_reported_and_succeeds(logs, now, form):
    result = tocsin("clocks", *form)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no clocks found" in result.stderr


@pytest.mark.parametrize(
    "wrong",
    [
        ["--channel", "a", "--request", "q"], ["--json", "--ids"], ["--status", "fulfilled"], ["--due-within", "24h"],
        ["--due-within", "P1M"],
    ],
)  # fmt: skip
def test_invalid_arguments_are_refused(logs, wrong):
    assert tocsin("clocks", *wrong).exit_code == 2
    assert logs.read == []


@pytest.mark.parametrize(
    ("left", "text"),
    [
        (0, "0 s"), (999, "0 s"), (61_000, "1 min 1 s"), (HOUR, "1 h"), (26 * HOUR + 59_000, "1 d 2 h"),
        (24 * HOUR + 5 * MINUTE, "1 d"), (-1, "overdue by 0 s"), (-90 * MINUTE, "overdue by 1 h 30 min"),
    ],
)  # fmt: skip
def test_time_left_in_words(left, text):
    assert time_left(left) == text


# --- clock -


def test_the_ids_of_the_list_end_the_clocks_of_a_channel(logs, now):
    arm(logs)
    ids = tocsin("clocks", "--channel", "b", "--ids").stdout.split()
    assert ids == [clock_of(2, "b"), clock_of(3, "b")]
    logs.read.clear()
    result = tocsin("clock", "-", "withdrawn", lines=ids)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "marked 2 of 2 clocks as withdrawn\n"
    assert logs.read == [("channel-state", None), ("authority-state", None)]
    outcomes = [(key, decoded.event) for key, decoded in logs.sent]
    assert [(key, outcome.clock_id, outcome.subject, outcome.key) for key, outcome in outcomes] == [
        (b"b", clock_id, "report", "b") for clock_id in ids
    ]
    assert {outcome.outcome for _, outcome in outcomes} == {"withdrawn"}
    assert {decoded.time_ms for _, decoded in logs.sent} == {START + HOUR}


def test_the_stage_of_reports_applies_bulk_outcomes(logs, now):
    state = arm(logs)
    tocsin("clock", "-", "fulfilled", lines=[clock_of(2, "b"), clock_of(3, "b")])
    outcomes = [
        clock_outcome(50 + n, sent.event.outcome, sent.event.clock_id, sent.time_ms, channel=sent.event.key)
        for n, (_, sent) in enumerate(logs.sent)
    ]
    logs.add("report", run(state, RULES, outcomes).changes)
    assert listed(WantedClocks(channel="b")) == []
    assert listed_rows(listed(WantedClocks(channel="a"))) == [A]


def test_unknown_and_ended_clocks_are_named_and_the_others_are_marked(logs, now):
    state = arm(logs)
    ended = clock_outcome(9, "fulfilled", clock_of(1, "a"), START + 50 * MINUTE, channel="a")
    logs.add("report", run(state, RULES, [ended]).changes)
    (order,) = (clock.view.clock_id for clock in listed(WantedClocks(duty="EU.tco.art3-3")))
    lines = ["nonsense", clock_of(1, "a"), "", f"  {order} ", clock_of(2, "b"), order, "\t"]
    result = tocsin("clock", "-", "withdrawn", lines=lines)
    assert result.exit_code == 1
    assert result.stdout == "marked 2 of 4 clocks as withdrawn\n"
    assert result.stderr.splitlines() == [
        "clock nonsense was not found: it ended long ago or never existed",
        f"clock {clock_of(1, 'a')} has ended",
    ]
    assert [(sent.event.clock_id, sent.event.subject) for _, sent in logs.sent] == [
        (order, "request"), (clock_of(2, "b"), "report"),
    ]  # fmt: skip


def test_a_repeated_outcome_has_the_same_id(logs, now):
    arm(logs)
    arguments = ("clock", "-", "paused", "--reason", "clarification", "--at", "2026-03-01T12:00:00Z")
    tocsin(*arguments, lines=[clock_of(2, "b")])
    now(START + 2 * HOUR)
    tocsin(*arguments, lines=[clock_of(2, "b")])
    (_, first), (_, second) = logs.sent
    assert first.event.outcome_id == second.event.outcome_id == f"paused-1772366400000-{clock_of(2, 'b')}"
    assert (first.ce_source, first.event.reason) == ("tocsin-clock", "clarification")


@pytest.mark.parametrize(
    ("option", "variable", "actor"),
    [("desk-1", None, "desk-1"), (None, "desk-2", "desk-2"), ("desk-1", "desk-2", "desk-1")],
)
def test_every_outcome_names_its_actor(logs, now, option, variable, actor):
    arm(logs)
    options = () if option is None else ("--actor", option)
    tocsin("clock", "-", "withdrawn", *options, lines=[clock_of(2, "b"), clock_of(3, "b")], actor=variable)
    assert [sent.event.actor for _, sent in logs.sent] == [actor, actor]


def test_without_an_actor_nothing_is_read_or_sent(logs, now):
    arm(logs)
    logs.read.clear()
    result = tocsin("clock", "-", "withdrawn", lines=[clock_of(2, "b")], actor=None)
    assert result.exit_code == 2
    assert "who decided? Give --actor or set TOCSIN_ACTOR" in result.stderr
    assert (logs.read, logs.sent) == ([], [])


@pytest.mark.parametrize(
    "wrong", ["a.b@example.org", "+4930123456", "0049-30-123456", "Jane Doe", "", "x" * 129]
)
def test_an_actor_that_is_no_pseudonym_is_refused(logs, now, wrong):
    result = tocsin("clock", "-", "withdrawn", "--actor", wrong, lines=[clock_of(2, "b")])
    assert result.exit_code == 2
    assert "--actor must be a string of 1 to 128 characters" in result.stderr
    assert "not a telephone, card or account number and not an e-mail address" in result.stderr
    assert logs.sent == []


def test_a_telephone_number_in_the_environment_is_no_actor(logs, now):
    result = tocsin("clock", "-", "withdrawn", lines=[clock_of(2, "b")], actor="0301234567")
    assert result.exit_code == 2
    assert "TOCSIN_ACTOR must be" in result.stderr


def test_empty_standard_input_sends_nothing(logs, now):
    result = tocsin("clock", "-", "withdrawn")
    assert (result.exit_code, result.stdout) == (0, "marked 0 of 0 clocks as withdrawn\n")
    assert logs.read == []


def test_more_outcomes_than_one_chunk_are_all_sent(logs, now):
    state = ReportState(0, 1, RULES)
    reports = [report(n, START + n, channel=f"c{n % 7}") for n in range(1_234)]
    changes = run(state, RULES, reports).changes
    logs.add("report", changes)
    ids = [clock_key(key).clock_id for key in changes if key[:1] == b"L"]
    result = tocsin("clock", "-", "withdrawn", lines=ids)
    assert result.stdout == "marked 1,234 of 1,234 clocks as withdrawn\n"
    assert [sent.event.clock_id for _, sent in logs.sent] == ids


def test_an_outcome_that_would_be_refused_is_not_sent(logs, now):
    arm(logs)
    result = tocsin("clock", "-", "withdrawn", "--at", "2999-01-01T00:00:00Z", lines=[clock_of(2, "b")])
    assert result.exit_code == 1
    assert "a worker would refuse this outcome: " in result.stderr
    assert logs.sent == []


@pytest.mark.parametrize("wrong", [["fulfilled", "--reason", "x"], ["paused"], ["done"]])
def test_an_invalid_outcome_is_refused_before_standard_input_is_read(logs, wrong):
    assert tocsin("clock", "-", *wrong, lines=["x"]).exit_code == 2
