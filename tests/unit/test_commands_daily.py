"""The commands that need no broker: explain, simulate, filters, completion, and points in time."""

import io
import json
import re
import time
from pathlib import Path
from typing import get_args

import click
import msgspec
import orjson
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from streams.commands.clock.outcomes import ClockDecision, outcome_payload
from streams.commands.main import commands
from streams.commands.shared.moment import MOMENT
from streams.commands.shared.progress import Progress
from streams.commands.tail.record_filter import FILTERS, RecordFilter
from streams.contract.events.escalation import Escalation
from streams.contract.events.integrity import IntegrityFinding, IntegritySignal
from streams.contract.events.escalation import Priority, PriorityComponents
from streams.contract.wire.forms.outcome_decoding import decode_clock_outcome
from streams.desk.text.record_text import READABLE
from streams.desk.text.routing_text import minute
from streams.desk.text.story import story
from tests.command_tree import leaves, subcommand
from tests.readers import decode_report
from tocsin_demo.scenario import STORYLINES, play, play_alone, play_crowds, play_requests

EXAMPLES = Path(__file__).parents[2] / "schemas/examples"
END = "2026-03-01T12:00:00Z"
END_MS = 1_772_366_400_000


def example(topic, name):
    return json.loads((EXAMPLES / topic / "v1" / f"{name}.json").read_text())["value"]


def escalation(name, **changes):
    return msgspec.convert(example("escalations", name) | changes, Escalation)


class Record:
    def __init__(self, value):
        self.value = value if isinstance(value, bytes) else orjson.dumps(value)


def test_explain_gives_every_condition_with_its_number_and_threshold_at_that_time():
    event = escalation("updated-level-raised", sequence=1)
    text = story([event])
    assert re.search(r"distinct_reporters +20 +>= +20\n", text)
    assert re.search(r"risk +3\.05 +>= +1\.5\n", text)
    assert f"policy {event.policy_version}, registry {event.registry_version}" in text
    assert "message-reports/0/24" in text
    assert "EU.dsa.art16-4: acknowledge, user_report, without_undue_delay, DSC, clock not_armed" in text
    assert event.policy_reason in text


def test_explain_shows_what_changed_between_events():
    first = escalation("opened-threshold-crossed", sequence=1)
    second = msgspec.structs.replace(first, sequence=2, type="updated", level=2)
    third = msgspec.structs.replace(
        second, sequence=3, type="resolved", status="resolved", policy_version="new"
    )
    text = story([first, second, third])
    assert text.count("goes to") == len(first.routing)
    assert text.count("versions") == 2
    assert text.startswith(
        f"escalation {first.escalation_id}: resolved\n"
        f"The policy {first.policy} reached level 1 {first.level_name} at "
    )
    assert f". It was resolved at {minute(first.at)}: {first.reason}. " in " ".join(text.split())
    assert "caused by   the passing of time; the newest report is" in text


def test_explain_reports_that_the_beginning_of_an_episode_is_missing():
    assert "the events before event 2 are no longer in the log" in story([escalation("updated-level-raised")])


@pytest.mark.parametrize("name", ["opened-threshold-crossed", "resolved-cleared", "resolved-policy-changed"])
def test_explain_accepts_every_example_of_an_escalation(name):
    assert escalation(name).channel_ref in story([escalation(name)])


def test_explain_says_how_many_voices_what_looks_coordinated_and_what_the_priority_is_made_of():
    event = escalation("opened-threshold-crossed")
    sentence = "31 of 40 reporters had before reported the same messages as another of them."
    finding = IntegrityFinding(0.96, ("linked_reporters", "burst"), sentence, 31)
    points = PriorityComponents(clock=0, level=9, risk=3, voices=2, age=0)
    text = story(
        [
            msgspec.structs.replace(
                event,
                counts=msgspec.structs.replace(event.counts, voices=1.6, linked=31, trusted_voices=1),
                integrity=msgspec.structs.replace(event.integrity, brigade_suspected=True, finding=finding),
                priority=Priority(14, points),
            )
        ]
    )
    for expected in (
        r"voices +1\.6 of 1 reporters; 31 of them report together\n",
        r"trust +1 with medium or high trust",
        r"integrity +brigade suspected, 31 reporters look coordinated, score 0\.96: some reported the same messages before; far more reports than usual\n",
        re.escape(sentence),
        r"priority +14 of 100: clock 0, level 9, risk 3, voices 2, age 0\n",
    ):
        assert re.search(expected, text), expected


@pytest.mark.parametrize("signal", get_args(IntegritySignal))
def test_explain_has_words_for_every_sign(signal):
    event = escalation("opened-threshold-crossed")
    found = msgspec.structs.replace(event.integrity, finding=IntegrityFinding(0.5, (signal,), "Said.", 3))
    text = story([msgspec.structs.replace(event, integrity=found)])
    assert re.search(
        r"integrity +no brigade suspected, 3 reporters look coordinated, score 0\.50: [a-z ]+\n", text
    )


def test_explain_leaves_out_what_an_event_does_not_have():
    event = escalation("opened-threshold-crossed")
    text = story([msgspec.structs.replace(event, priority=msgspec.UNSET)])
    assert not re.search(r"^ +(voices|trust|priority) ", text, re.MULTILINE)


CLOCK = ["opened-clock-armed", "updated-clock-paused", "updated-clock-lapsed", "resolved-clock-fulfilled"]


def test_explain_shows_a_clocks_duty_start_deadline_reason_and_end():
    events = sorted((escalation(name) for name in CLOCK), key=lambda event: event.sequence)
    text = story(events)
    assert text.startswith(f"escalation {events[0].clock.clock_id}: resolved\n")
    for expected in (
        r"clock of +US\.take-it-down\.s3: TAKE IT DOWN Act \(Pub\. L\. 119-12\), section 3: Remove an intimate",
        r"source +https://www\.govinfo\.gov/",
        r"requires +remove; supervised by FTC",
        r"started +2026-09-21 14:15 UTC, with report 01K5Q000000000000000000905",
        r"due +2026-09-23 17:15 UTC; fulfilled",
        r"armed +because the report alone meets the trigger statutory_victim_request",
        r"clock +paused, 35% elapsed, due 2026-09-23 14:15 UTC\n +caused by +an outcome recorded by a desk",
        r"clock +lapsed, 100% elapsed, due 2026-09-23 17:15 UTC\n +caused by +the passing of time; the newest report is",
        r"clock +fulfilled, 100% .*\n +caused by +an outcome recorded by legal-7f3a at clock-outcomes/",
    ):
        assert re.search(expected, text), expected
    assert "condition" not in text
    assert text.count("messages") == text.count("goes to") == 1


def test_explain_gives_the_reason_and_the_internal_target_of_a_duty_without_a_clock():
    text = story([escalation("opened-threshold-crossed")])
    assert (
        "clock not_armed (no_duration: the law sets no fixed time limit), internal target P1D (2026-09-22 "
        "14:13 UTC)" in text
    )


def fitting(topic):
    """A value of the topic, and for each of its filters an argument that selects that value."""
    if topic.startswith("escalations"):
        event = example("escalations", "opened-clock-armed")
        channel, type_ = event["channel_ref"], "opened"
        return event, {
            "channel": channel, "category": "ncii", "country": "US", "policy": "legal-clock", "type": type_,
        }  # fmt: skip
    if topic == "enriched-reports":
        event = example("enriched-reports", "user-report")
        report = event["report"]
        return event, {
            "channel": report["channel"]["ref"],
            "category": report["category"],
            "country": event["jurisdictions"][0]["code"],
        }
    if topic == "authority-routing":
        event = example(topic, "everybody-at-a-protest")
        return event, {
            "category": "civic", "country": "IR", "request": "ar-0006", "decision": "refused",
            "type": "routed",
        }  # fmt: skip
    if topic == "authority-requests":
        return example(topic, "removal-order"), {
            "category": "terrorism", "country": "DE", "request": "ar-0001",
        }  # fmt: skip
    if topic == "transparency-counters":
        return example(topic, "requests"), {"category": "unspecified", "country": "FR"}
    if topic == "moderation-outcomes":
        event = example(topic, "binary-message-upheld")
        channel = event["subject"]["channel_ref"]
        return event, {"channel": channel, "category": "fraud", "decision": "upheld"}
    if topic == "review-questions":
        event = example(topic, "asked")
        return event, {name: event[name if name != "channel" else "channel_ref"] for name in FILTERS[topic]}
    if topic == "detector-feedback":
        event = example(topic, "not-found")
        return event, {"category": event["category"], "decision": event["outcome"]["decision"]}
    if topic == "case-activity":
        event = example(topic, "snoozed") | {"request_id": "ar-1"}
        return event, {"channel": event["channel_ref"], "request": "ar-1", "type": "snoozed"}
    return {}, {}


@pytest.mark.parametrize("topic", [topic for topic in FILTERS if topic != "clock-outcomes"])
def test_filters_select_matching_values_alone(topic):
    value, right = fitting(topic)
    assert set(right) == set(FILTERS[topic])
    assert RecordFilter(right).matches(topic, Record(value))
    for name in right:
        assert not RecordFilter(right | {name: "other"}).matches(topic, Record(value))


def test_filters_find_an_outcome_by_its_channel_or_request():
    of_report = Record(example("clock-outcomes", "binary-fulfilled"))
    ref = example("clock-outcomes", "binary-fulfilled")["key"]
    assert RecordFilter({"channel": ref}).matches("clock-outcomes", of_report)
    assert not RecordFilter({"request": ref}).matches("clock-outcomes", of_report)
    assert not RecordFilter({"channel": "other"}).matches("clock-outcomes", of_report)


def test_every_readable_topic_has_filters_or_refuses_them():
    assert set(FILTERS) == set(READABLE)


@pytest.mark.parametrize("value", [b"", b"{broken", b"[]", b"{}"])
def test_unreadable_values_always_pass_the_filters(value):
    assert RecordFilter({"policy": "fraud"}).matches("escalations", Record(value))


def simulated(*arguments):
    result = CliRunner().invoke(commands, ["simulate", "--end", END, "--out", "-", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout.encode().splitlines(), result.stderr


def test_simulate_is_repeatable_and_each_line_is_a_report():
    lines, summary = simulated("--reports", "3000", "--seed", "3")
    assert simulated("--reports", "3000", "--seed", "3")[0] == lines
    assert summary.startswith(f"{len(lines):,} written")
    expected = play(3, 3000, END_MS, STORYLINES)
    assert lines == [record.value for record in expected if record.fate != "garbage"]
    for line in lines:
        decode_report(line, (), END_MS)


def test_simulate_plays_only_the_chosen_storylines():
    lines, _ = simulated("--alone", "--storyline", "brigade", "--storyline", "slow-brigade")
    expected = play_alone(7, END_MS, ["brigade", "slow brigade"])
    assert lines == [record.value for record in expected]
    channels = {orjson.loads(line)["channel"]["ref"] for line in lines}
    assert len(channels) == 2


def test_simulate_writes_requests_that_publish_accepts(tmp_path):
    lines, summary = simulated("--requests", "--seed", "3")
    assert lines == [record.value for record in play_requests(3, END_MS)]
    assert summary.startswith("8 written")
    path = tmp_path / "requests.jsonl"
    path.write_bytes(b"\n".join(lines))
    result = CliRunner().invoke(
        commands, ["publish", "--dry-run", "--to", "authority-requests", "--source", "/intake", str(path)]
    )
    assert result.output == "8 ready to publish, 0 refused\n"


@pytest.mark.parametrize("other", [["--alone"], ["--storyline", "brigade"], ["--reports", "3000"]])
def test_simulate_refuses_requests_together_with_options_of_reports(other):
    result = CliRunner().invoke(commands, ["simulate", "--requests", *other])
    assert result.exit_code == 2
    assert "--requests cannot be combined with --reports" in result.output


@pytest.mark.parametrize(
    ("only", "topic"), [("reports", "message-reports"), ("outcomes", "moderation-outcomes")]
)
def test_simulate_writes_crowds_of_one_topic_that_publish_accepts(tmp_path, only, topic):
    lines, _ = simulated("--crowds", "--only", only, "--seed", "3")
    assert lines == [
        record.value
        for record in play_crowds(3, END_MS)
        if (record.fate == "outcome") == (only == "outcomes")
    ]
    path = tmp_path / "crowds.jsonl"
    path.write_bytes(b"\n".join(lines))
    result = CliRunner().invoke(
        commands, ["publish", "--dry-run", "--to", topic, "--source", "/platform/desk", str(path)]
    )
    assert result.stdout.startswith(f"{len(lines)} ready to publish, 0 refused")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--crowds", "--alone"], "--crowds cannot be combined"),
        (["--crowds", "--requests"], "--crowds cannot be combined"),
        (["--only", "outcomes"], "--only needs --crowds"),
        (["--crowds", "--out", "-"], "needs --only"),
    ],
)
def test_simulate_refuses_what_does_not_go_with_crowds(arguments, message):
    result = CliRunner().invoke(commands, ["simulate", *arguments])
    assert result.exit_code == 2
    assert message in result.output


@pytest.mark.parametrize("wrong", [["fulfilled", "--reason", "x"], ["paused"], ["done"]])
def test_the_clock_command_refuses_an_invalid_outcome(wrong):
    assert CliRunner().invoke(commands, ["clock", "c-1", *wrong]).exit_code == 2


@pytest.mark.parametrize("reason", [None, "clarification_awaited"])
def test_an_outcome_payload_is_valid_and_repeatable(reason):
    decision = "paused" if reason else "fulfilled"
    decided = ClockDecision(decision, reason, END_MS, "legal-7f3a")
    value = outcome_payload("c-1", "request", "2026-4711", decided)
    outcome, _, occurred_ms = decode_clock_outcome(value, (), END_MS)
    assert (outcome.clock_id, outcome.subject, outcome.key) == ("c-1", "request", "2026-4711")
    assert (outcome.outcome, outcome.reason, occurred_ms) == (decision, reason, END_MS)
    assert outcome.actor == "legal-7f3a"
    assert outcome_payload("c-1", "request", "2026-4711", decided) == value
    later = outcome_payload("c-1", "request", "2026-4711", decided._replace(at_ms=END_MS + 1))
    assert orjson.loads(later)["outcome_id"] != outcome.outcome_id


def test_simulate_keeps_to_its_rate():
    began_at = time.monotonic()
    lines, _ = simulated("--alone", "--storyline", "slow-brigade", "--rate", "200")
    # The first record is sent at once.
    assert time.monotonic() - began_at >= (len(lines) - 1) / 200


def test_simulate_lists_its_storylines():
    result = CliRunner().invoke(commands, ["simulate", "--list"])
    assert result.exit_code == 0
    assert len(result.output.splitlines()) == len(STORYLINES)
    assert "slow-brigade" in result.output


def test_a_slow_brigade_has_each_reporter_once_more_than_three_minutes_apart():
    payloads = [orjson.loads(record.value) for record in play_alone(7, END_MS, ["slow brigade"])]
    assert len({payload["reporter"]["ref"] for payload in payloads}) == len(payloads) == 40
    times = sorted(MOMENT.convert(payload["occurred_at"], None, None) for payload in payloads)
    assert min(after - before for before, after in zip(times, times[1:], strict=False)) > 3 * 60_000


def test_points_in_time_are_read_as_dates_and_durations():
    assert MOMENT.convert("2026-03-01T13:00:00+01:00", None, None) == END_MS
    hour_ago = time.time() * 1000 - 3_600_000
    assert abs(MOMENT.convert("PT1H", None, None) - hour_ago) < 60_000
    for wrong in ("yesterday", "2026-03-01T12:00:00", "P1Y", "12"):
        with pytest.raises(click.BadParameter, match="zone"):
            MOMENT.convert(wrong, None, None)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(shell):
    result = CliRunner().invoke(commands, ["completion", shell])
    assert result.exit_code == 0
    assert f"_TOCSIN_COMPLETE={shell}_complete" in result.stdout


@pytest.mark.parametrize(
    ("words", "begun", "offered"),
    [
        ([], "clo", {"clock": "Record what became of a legal clock, or of...", "clocks": "List the legal " "clocks that have not ended."}),
        ([], "--v", {"--version": "Show the version and exit."}),
        (["dead-letters"], "l", {"list": "List dead letters, one per line, and count..."}),
        (["completion"], "z", {"zsh": None}),
    ],
)  # fmt: skip
def test_completion_offers_commands_options_and_values_with_their_help(words, begun, offered):
    shell = ShellComplete(commands, {}, "tocsin", "_TOCSIN_COMPLETE")
    assert {each.value: each.help for each in shell.get_completions(words, begun)} == offered


def test_progress_is_for_terminals_only(monkeypatch):
    class Screen(io.StringIO):
        def isatty(self):
            return True

    for screen, shown in ((io.StringIO(), False), (Screen(), True)):
        monkeypatch.setattr("sys.stderr", screen)
        monkeypatch.setattr("streams.commands.shared.progress._REDRAW_SECONDS", 0.0)
        progress = Progress("published")
        progress.add(1_200)
        progress.clear()
        assert ("1,200 published" in screen.getvalue()) == shown
        assert progress.summary().startswith("1,200 published, ")


ROOT = Path(__file__).parents[2]
COMMANDS_PAGE = (ROOT / "docs/commands.md").read_text(encoding="utf-8")


def test_the_page_of_commands_lists_exactly_the_existing_commands():
    named = set(re.findall(r"^\| `tocsin ([a-z -]+?)(?: [A-Z].*)?`", COMMANDS_PAGE, re.M))
    assert named == {" ".join(path) for path in leaves(commands)}


def test_every_option_in_a_documented_example_exists():
    pages = sorted((ROOT / "docs").glob("commands*.md"))
    examples = [
        each for page in pages for each in re.findall(r"^    tocsin ([^|#\n]+)", page.read_text(), re.M)
    ]
    assert len(examples) > 20
    for example in examples:
        words = example.split()
        group, path = commands, []
        while words and isinstance(group, click.Group):
            path.append(words.pop(0))
            group = subcommand(group, path[-1])
        shown = CliRunner().invoke(commands, [*path, "--help"]).output
        for option in (word for word in words if word.startswith("--")):
            assert f"{option} " in shown or f"{option}\n" in shown, example
