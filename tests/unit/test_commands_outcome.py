"""`tocsin outcome`: what one command line or one file says, what is refused, and that repeating it has no
effect.
"""

import asyncio
import csv
import json
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from streams.commands.main import commands
from streams.commands.outcome import import_file, record
from streams.commands.outcome.payload import COLUMNS
from streams.contract.events.desk_member import DeskMember
from streams.contract.events.moderation_outcome import (
    EscalationSubject,
    LawGround,
    MessageSubject,
    ReportSubject,
    TermsGround,
)
from streams.running.clients import kafka_writing
from streams.running.topics.topic_catalogue import SCHEMAS
from tests.readers import decode_moderation_outcome

NOW = 1_790_164_800_000  # 2026-09-23T12:00:00Z
ACTOR = "desk-19c4"
ONE = (
    "outcome", "record", "upheld", "--channel", "channel-a", "--message", "message-a", "--category", "fraud",
    "--terms", "scams-2.1", "--reason", "phishing",
)  # fmt: skip
ESCALATION = "dfcf50d4-a310-5397-bd24-11da982c70f4"
DISMISSED = (
    "outcome", "record", "dismissed", "--escalation", ESCALATION, "--category", "fraud",
    "--law", "EU.dsa.art16-5", "--jurisdiction", "DE", "--reason", "lawful_context",
)  # fmt: skip


class Log:
    """The records sent to moderation-outcomes, and the escalations that are read."""

    def __init__(self, monkeypatch):
        self.sent = []
        self.read = 0
        self.escalations = []
        monkeypatch.setattr(kafka_writing, "producer_for", lambda *_: self)
        monkeypatch.setattr(record, "committed_records", self._committed)

    async def _committed(self, _connection, topic):
        assert topic == "escalations"
        self.read += 1
        for value in self.escalations:
            yield SimpleNamespace(value=value)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass

    async def send(self, topic, value, key, headers):
        assert topic == "moderation-outcomes"
        decoded = decode_moderation_outcome(value, headers, NOW + 10**9)
        assert key.decode() == decoded.event.subject.channel_ref
        assert dict(headers)["ce_id"].decode() == decoded.event.outcome_id
        self.sent.append(decoded)
        written = asyncio.get_running_loop().create_future()
        written.set_result(None)
        return written

    @property
    def events(self):
        return [decoded.event for decoded in self.sent]


@pytest.fixture
def log(monkeypatch):
    return Log(monkeypatch)


@pytest.fixture(autouse=True)
def now(monkeypatch):
    """Returns a function that sets the wall clock."""

    def set_to(moment):
        for module in (record, import_file):
            monkeypatch.setattr(module, "time", SimpleNamespace(time_ns=lambda: moment * 1_000_000))

    set_to(NOW)
    return set_to


def tocsin(*arguments, text=None, actor=ACTOR):
    return CliRunner().invoke(commands, arguments, input=text, env={"TOCSIN_ACTOR": actor})


def test_without_yes_one_outcome_is_shown_and_not_written(log):
    result = tocsin(*ONE, "--visibility", "removed")
    assert (result.exit_code, result.stderr) == (0, "")
    first, second, third, last = result.stdout.splitlines()
    assert first.startswith("outcome ")
    assert second == "         upheld fraud: phishing, terms scams-2.1, removed"
    assert third == "         message message-a, channel channel-a, by desk-19c4 (desk, one_reviewer)"
    assert last.startswith("nothing was written")
    assert log.sent == []


def test_a_reason_of_another_area_than_the_category_is_warned_of_and_written(log):
    result = tocsin(*ONE, "--category", "ncii_deepfake", "--yes")
    assert result.exit_code == 0
    assert result.stderr == (
        "Warning: phishing is no reason of Intimate deepfake: it belongs to Scams and fraud. A statement of "
        "reasons is drafted from both.\n"
    )
    assert [(event.category, event.reason) for event in log.events] == [("ncii_deepfake", "phishing")]


def test_one_outcome_is_written_with_everything_that_was_said(log):
    more = (
        "--account", "suspended", "--two-agree", "--supersedes", "o-1", "--sampled", "0.02", "--role", "lead",
        "--at", "2026-09-23T10:00:00Z", "--actor", "lead-02b1", "--yes",
    )  # fmt: skip
    assert tocsin(*ONE, *more).exit_code == 0
    (sent,) = log.sent
    outcome = sent.event
    assert (sent.ce_source, sent.time_ms) == ("tocsin-outcome", NOW - 2 * 3_600_000)
    assert outcome.subject == MessageSubject("channel-a", "message-a")
    assert outcome.ground == TermsGround("scams-2.1")
    assert (outcome.decision, outcome.category, outcome.reason) == ("upheld", "fraud", "phishing")
    assert (outcome.reviewer.ref, outcome.reviewer.role, outcome.confidence) == (
        "lead-02b1",
        "lead",
        "two_agree",
    )
    assert (outcome.action.visibility, outcome.action.account) == (None, "suspended")
    assert (outcome.supersedes, outcome.sampled) == ("o-1", 0.02)


APPROVED = (
    "outcome", "record", "dismissed", "--channel", "channel-a", "--message", "message-a", "--category", "hate",
    "--terms", "hate-1", "--reason", "lawful_context", "--holds-for-version", "v3",
)  # fmt: skip


def test_two_people_dismiss_a_version_of_a_message(log):
    result = tocsin(*APPROVED, "--confirmed-by", "lead-7f02", "--confirmed-role", "lead", "--yes")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "by desk-19c4 (desk, two_agree) and lead-7f02 (lead); holds for version v3" in result.stdout
    (outcome,) = log.events
    assert (outcome.holds_for_version, outcome.confidence) == ("v3", "two_agree")
    assert outcome.confirmed_by == DeskMember("lead-7f02", "lead")
    header = (
        "channel_ref,message_ref,decision,category,rule,reason,decided_at,reviewer,role,confidence,"
        "holds_for_version,confirmed_by,confirmed_role\n"
    )
    row = (
        "channel-a,message-a,dismissed,hate,hate-1,lawful_context,2026-09-23T10:00:00Z,desk-19c4,desk,two_agree,"
        "v3,lead-7f02,lead\n"
    )
    assert tocsin("outcome", "import", "-", "--yes", text=header + row).exit_code == 0
    assert log.events[-1].outcome_id == outcome.outcome_id


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ((), "confidence: Must be two_agree"),
        (("--two-agree",), "missing_field: confirmed_by"),
        (("--confirmed-by", "desk-19c4"), "invalid_value: confirmed_by.ref"),
    ],
)
def test_one_person_alone_cannot(log, more, says):
    result = tocsin(*APPROVED, *more, "--yes")
    assert result.exit_code == 2
    assert says in result.stderr
    assert log.sent == []


def test_a_report_is_named_with_its_source(log):
    subject = ("--channel", "channel-a", "--report", "4711", "--source", "/platform/web")
    tocsin("outcome", "record", "upheld", *subject, *ONE[7:], "--yes")
    assert log.events[0].subject == ReportSubject("channel-a", "4711", "/platform/web")


def test_the_same_said_again_later_has_the_same_id_and_anything_else_another_one(log, now):
    tocsin(*ONE, "--yes")
    now(NOW + 86_400_000)
    tocsin(*ONE, "--yes")
    for more in (
        ("--two-agree",),
        ("--supersedes", "o-1"),
        ("--actor", "desk-2"),
        ("--visibility", "removed"),
    ):
        tocsin(*ONE, *more, "--yes")
    first, again, *others = (outcome.outcome_id for outcome in log.events)
    assert first == again
    assert len({first, *others}) == 5
    tocsin(*ONE, "--id", "own-id", "--yes")
    assert log.events[-1].outcome_id == "own-id"


def test_the_channel_of_an_escalation_is_looked_up(log):
    shown = json.loads((SCHEMAS / "examples/escalations/v1/opened-threshold-crossed.json").read_text())[
        "value"
    ]
    other = {**shown, "escalation_id": "e-2", "policy_reason": f"mentions {ESCALATION}", "channel_ref": "x"}
    ours = {**shown, "escalation_id": ESCALATION}
    log.escalations = [
        None,
        b"broken " + ESCALATION.encode(),
        json.dumps(other).encode(),
        json.dumps(ours).encode(),
    ]
    assert tocsin(*DISMISSED, "--yes").exit_code == 0
    (outcome,) = log.events
    assert outcome.subject == EscalationSubject(shown["channel_ref"], ESCALATION)
    assert outcome.ground == LawGround("EU.dsa.art16-5", "DE")


def test_an_unknown_escalation_is_an_error_unless_its_channel_is_given(log):
    result = tocsin(*DISMISSED, "--yes")
    assert result.exit_code == 1
    assert f"escalation {ESCALATION} is not in escalations" in result.stderr
    log.read = 0
    assert tocsin(*DISMISSED, "--channel", "channel-a", "--yes").exit_code == 0
    assert (log.read, len(log.sent)) == (0, 1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*ONE, "--report", "r"), "exactly one of message_ref, report_id, escalation_id"),
        ((*ONE[:5], *ONE[7:]), "exactly one of message_ref, report_id, escalation_id"),
        ((*ONE[:3], *ONE[5:]), "missing_field: subject.channel_ref"),
        ((*ONE, "--law", "EU.dsa.art16-5"), "either duty and jurisdiction, or rule"),
        ((*ONE[:9], *ONE[11:]), "either duty and jurisdiction, or rule"),
        ((*ONE[:9], "--law", "EU.dsa.art16-5", *ONE[11:]), "missing_field: ground.jurisdiction"),
        ((*ONE[:-1], "not_a_violation"), "as the decision is upheld"),
        ((*ONE, "--sampled", "often"), "wrong_type: sampled"),
        ((*ONE, "--sampled", "0"), "invalid_value: sampled"),
        ((*ONE, "--at", "2199-01-01T00:00:00Z"), "future_timestamp: decided_at"),
        ((*ONE, "--message", "a@example.org"), "pii_detected: subject.message_ref"),
        ((*ONE, "--actor", "a@example.org"), "--actor must be"),
        ((*ONE, "--category", "rudeness"), "rudeness"),
    ],
)  # fmt: skip
def test_what_a_worker_would_refuse_is_not_written(log, arguments, words):
    result = tocsin(*arguments, "--yes")
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())
    assert log.sent == []


def test_without_an_actor_nothing_is_written(log):
    result = tocsin(*ONE, "--yes", actor=None)
    assert result.exit_code == 2
    assert "who decided? Give --actor or set TOCSIN_ACTOR" in result.stderr
    assert log.sent == []


# --- import

TABLE = """\
channel_ref,message_ref,report_id,ce_source,decision,category,duty,jurisdiction,rule,reason,decided_at,reviewer,role,confidence,visibility
channel-a,message-a,,,upheld,fraud,,,scams-2.1,phishing,2026-09-23T10:00:00Z,desk-19c4,desk,one_reviewer,removed
channel-b,,4711,/platform/web,dismissed,hate,EU.dsa.art16-5,DE,,lawful_context,2026-09-23T11:00:00+02:00,legal-7f3a,legal,two_agree,
"""
LINES = [
    {
        "subject": {"kind": "message", "channel_ref": "channel-a", "message_ref": "message-a"},
        "decision": "upheld", "category": "fraud", "ground": {"kind": "terms", "rule": "scams-2.1"},
        "reason": "phishing", "decided_at": "2026-09-23T10:00:00Z", "reviewer": {"ref": "desk-19c4", "role": "desk"},
        "confidence": "one_reviewer", "action": {"visibility": "removed"},
    },
    {
        "subject": {"kind": "report", "channel_ref": "channel-b", "report_id": "4711", "ce_source": "/platform/web"},
        "decision": "dismissed", "category": "hate",
        "ground": {"kind": "law", "duty": "EU.dsa.art16-5", "jurisdiction": "DE"}, "reason": "lawful_context",
        "decided_at": "2026-09-23T09:00:00Z", "reviewer": {"ref": "legal-7f3a", "role": "legal"},
        "confidence": "two_agree",
    },
]  # fmt: skip


def as_lines(*payloads):
    return "".join(f"{json.dumps(payload)}\n" for payload in payloads)


def test_a_table_and_json_lines_say_the_same(log):
    for text in (TABLE, as_lines(*LINES), "\ufeff" + TABLE.replace("\n", "\r\n"), "\n" + as_lines(*LINES)):
        log.sent.clear()
        result = tocsin("outcome", "import", "-", "--yes", text=text)
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout == "2 outcomes: 1 dismissed, 1 upheld; 0 repeated, 0 refused\n2 written\n"
        first, second = log.events
        assert first.subject == MessageSubject("channel-a", "message-a")
        assert second.subject == ReportSubject("channel-b", "4711", "/platform/web")
        assert second.action is None
        assert first.outcome_id == "989fb27c-9b4d-5a45-a24d-c30690b87b1a"


def test_without_yes_a_file_is_checked_and_counted_alone(log):
    result = tocsin("outcome", "import", "-", text=TABLE)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1].startswith("nothing was written")
    assert log.sent == []


def test_a_file_that_is_too_large_is_refused_unread(log, monkeypatch):
    monkeypatch.setattr(import_file, "MOST_BYTES", len(TABLE.encode()))
    assert tocsin("outcome", "import", "-", "--yes", text=TABLE).exit_code == 0
    log.sent.clear()
    result = tocsin("outcome", "import", "-", "--yes", text=TABLE + "\n")
    assert result.exit_code == 1
    assert "split it" in result.stderr
    assert log.sent == []


def test_a_hundred_refused_lines_of_a_file_are_shown_and_the_others_counted(log):
    result = tocsin("outcome", "import", "-", text="{}\n" * 250)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 102
    assert "\n150 more refused lines are not shown: 150 missing_field\n" in result.stderr
    assert log.sent == []


def test_the_command_line_and_a_file_give_the_same_id(log):
    tocsin("outcome", "import", "-", "--yes", text=TABLE)
    tocsin(*ONE, "--visibility", "removed", "--at", "2026-09-23T10:30:00Z", "--yes")
    assert log.events[0].outcome_id == log.events[2].outcome_id


def test_one_refused_line_keeps_the_whole_file_from_being_written(log):
    wrong = {**LINES[1], "category": "rudeness"}
    result = tocsin("outcome", "import", "-", "--yes", text=as_lines(LINES[0], wrong) + "[]\n{\n")
    assert result.exit_code == 1
    first, second, third, last = result.stderr.splitlines()
    assert first.startswith("line 2: unknown_category: category: ")
    assert second.startswith("line 3: not_json: value: ")
    assert third.startswith("line 4: not_json: value: ")
    assert "nothing was written" in last
    assert "rudeness" not in result.stderr
    assert result.stdout == "1 outcome: 1 upheld; 0 repeated, 3 refused\n"
    assert log.sent == []


def test_a_row_is_refused_with_its_line(log):
    row = TABLE.splitlines()[1]
    text = TABLE + f"{row.replace('message-a', '')}\n{row},extra\n"
    result = tocsin("outcome", "import", "-", "--yes", text=text)
    assert result.exit_code == 1
    assert "line 4: invalid_value: subject: Must be exactly one of" in result.stderr
    assert "line 5: invalid_value: value: Must have at most 15 cells" in result.stderr
    assert log.sent == []


def test_a_repeated_line_is_written_once(log):
    later = {**LINES[0], "decided_at": "2026-09-23T11:00:00Z"}
    result = tocsin("outcome", "import", "-", "--yes", text=as_lines(LINES[0], later, LINES[0]))
    assert "1 outcome: 1 upheld; 2 repeated, 0 refused" in result.stdout
    assert len(log.sent) == 1


def test_two_outcomes_with_one_id_are_refused(log):
    named = [{**line, "outcome_id": "o-1"} for line in LINES]
    result = tocsin("outcome", "import", "-", "--yes", text=as_lines(*named))
    assert result.exit_code == 1
    assert "line 2: an earlier line says something else with the same outcome_id" in result.stderr
    assert log.sent == []


def test_an_unknown_column_is_refused_with_the_known_ones(log):
    result = tocsin("outcome", "import", "-", "--yes", text=TABLE.replace("ce_source", "source"))
    assert result.exit_code == 1
    assert "unknown columns: source." in result.stderr
    assert all(column in result.stderr for column in COLUMNS)


@pytest.mark.parametrize(
    ("cell", "line"),
    [
        ("x" * 131_073, 4),
        ('"message-c', 4),
        ('"message"-c', 4),
        ('"\n\n\n' + "x" * 131_073, 4),
    ],
    ids=["too long", "not closed", "not doubled", "not closed and too long"],
)
def test_a_table_whose_cells_cannot_be_told_apart_is_refused_with_the_line(log, cell, line):
    row = TABLE.splitlines()[1]
    text = TABLE + row.replace("message-a", cell) + f"\n{row}\n"
    result = tocsin("outcome", "import", "-", "--yes", text=text)
    assert result.exit_code == 1
    assert f"Error: line {line}: the cells cannot be told apart" in result.stderr
    assert isinstance(result.exception, SystemExit)
    assert log.sent == []


def test_a_table_whose_first_line_is_too_long_is_refused_whatever_was_read_before(log):
    # The limit is one for the process.
    csv.field_size_limit(16 * 1024 * 1024)
    result = tocsin("outcome", "import", "-", text="x" * 131_073)
    assert result.exit_code == 1
    assert "Error: line 1: the cells cannot be told apart" in result.stderr


def test_a_file_that_is_not_text_is_refused(log):
    result = tocsin("outcome", "import", "-", text=b"\xff\xfe\x00")
    assert result.exit_code == 1
    assert "not UTF-8" in result.stderr
