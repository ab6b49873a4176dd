"""`tocsin publish` without a broker: which lines are taken, and what becomes of them."""

import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.commands.publish.command import _Lines, publish
from streams.commands.shared.published_event import published_event
from streams.events.authority_request import AUTHORITY_REQUEST_TYPE
from streams.events.clock_outcome import CLOCK_OUTCOME_TYPE
from streams.wire.outcome_decoding import decode_clock_outcome
from streams.wire.report_decoding import decode_report
from streams.wire.request_decoding import decode_request

REPORT = {
    "report_id": "r-1",
    "kind": "user_report",
    "occurred_at": "2026-03-01T13:00:00+01:00",
    "channel": {"ref": "channel-1", "visibility": "public"},
    "category": "spam",
}
GOOD = json.dumps(REPORT)


def dry_run(text: str, *arguments: str):
    return CliRunner().invoke(publish, ["--dry-run", *arguments, "-"], input=text)


def test_good_lines_are_ready_and_nothing_is_refused():
    result = dry_run(f"{GOOD}\n{GOOD}\n")
    assert result.exit_code == 0
    assert result.stdout == "2 ready to publish, 0 refused\n"


def test_bad_lines_are_named_with_number_reason_and_field_and_the_others_go_on():
    wrong = json.dumps(REPORT | {"category": "rudeness"})
    result = dry_run(f"{GOOD}\nnot json\n{wrong}\n{GOOD}\n")
    assert result.exit_code == 1
    first, second = result.stderr.splitlines()
    assert first.startswith("line 2: not_json: value: ")
    assert second.startswith("line 3: unknown_category: category: ")
    assert "rudeness" not in result.stderr
    assert result.stdout == "2 ready to publish, 2 refused\n"


def test_empty_lines_are_no_reports_but_count_as_lines():
    result = dry_run(f"\n{GOOD}\r\n\n  \nnope")
    assert result.stderr.startswith("line 5: not_json")
    assert result.stdout == "1 ready to publish, 1 refused\n"


def test_a_report_of_the_future_is_refused():
    result = dry_run(json.dumps(REPORT | {"occurred_at": "2199-01-01T00:00:00Z"}))
    assert result.exit_code == 1
    assert "line 1: future_timestamp: occurred_at" in result.stderr


EXAMPLES = Path(__file__).parents[2] / "schemas/examples"


def example(topic: str, name: str) -> dict:
    return json.loads((EXAMPLES / topic / "v1" / f"{name}.json").read_text())["value"]


def test_requests_and_outcomes_are_taken_where_they_belong_and_nowhere_else():
    request = json.dumps(example("authority-requests", "removal-order"))
    outcome = json.dumps(example("clock-outcomes", "binary-fulfilled"))
    ready = "1 ready to publish, 1 refused\n"
    for topic, line in (("authority-requests", request), ("clock-outcomes", outcome)):
        result = dry_run(f"{line}\n{GOOD}", "--to", topic)
        assert (result.stdout, result.exit_code) == (ready, 1), topic
        assert result.stderr.startswith("line 2: ")
    assert dry_run(request).exit_code == 1


@pytest.mark.parametrize(
    ("topic", "name", "key", "identity"),
    [
        ("authority-requests", "removal-order", b"ar-0001", b"ar-0001"),
        (
            "clock-outcomes",
            "binary-fulfilled",
            b"jcvc2xiwrv4k3tykvilbpbku52",
            b"01K5Q000000000000000000901",
        ),
    ],
)
def test_an_event_of_any_topic_has_the_key_by_which_its_home_is_found(topic, name, key, identity):
    value = json.dumps(example(topic, name)).encode()
    event = published_event(topic, value, "/desk", 1_900_000_000_000)
    assert (event.key, event.value) == (key, value)
    headers = dict(event.headers)
    assert (headers["ce_id"], headers["ce_source"]) == (identity, b"/desk")
    assert (
        headers["ce_type"].decode()
        == {
            "authority-requests": AUTHORITY_REQUEST_TYPE,
            "clock-outcomes": CLOCK_OUTCOME_TYPE,
        }[topic]
    )
    decode = {"authority-requests": decode_request, "clock-outcomes": decode_clock_outcome}[topic]
    assert decode(event.value, event.headers, 1_900_000_000_000)[1] == "/desk"


def test_a_file_is_read_as_standard_input_is(tmp_path):
    path = tmp_path / "reports.jsonl"
    path.write_text(f"{GOOD}\n" * 3)
    result = CliRunner().invoke(publish, ["--dry-run", str(path)])
    assert result.stdout == "3 ready to publish, 0 refused\n"


def test_a_file_that_is_not_there_is_named():
    result = CliRunner().invoke(publish, ["--dry-run", "nowhere.jsonl"])
    assert result.exit_code == 2
    assert "nowhere.jsonl" in result.stderr


@pytest.mark.parametrize("source", ["", "someone@example.org", "two\nlines"])
def test_a_source_that_would_be_refused_later_is_refused_at_once(source):
    result = dry_run(GOOD, "--source", source)
    assert result.exit_code == 2
    assert "--source" in result.stderr


def test_an_event_has_the_channel_as_key_the_line_as_value_and_its_id_and_source_in_the_headers():
    ((event,), *rest) = _Lines("message-reports", "/platform/web").read(io.BytesIO(f"  {GOOD} \n".encode()))
    assert not any(rest)
    assert event.key == b"channel-1"
    assert event.value == GOOD.encode()
    headers = dict(event.headers)
    assert headers["ce_id"] == b"r-1"
    assert headers["ce_time"] == b"2026-03-01T12:00:00.000Z"
    report, source, _ = decode_report(event.value, event.headers, 1_800_000_000_000)
    assert (report.report_id, source) == ("r-1", "/platform/web")


class Trickle(io.BytesIO):
    """Like a pipe, it hands over what is there: here three bytes at a time."""

    def read1(self, size: int | None = -1) -> bytes:
        return super().read1(3)


def test_lines_that_arrive_in_pieces_are_put_together():
    lines = _Lines("message-reports", "/platform/web")
    events = [event for batch in lines.read(Trickle(f"{GOOD}\nbad\n{GOOD}".encode())) for event in batch]
    assert [event.value for event in events] == [GOOD.encode()] * 2
    assert lines.refused == 1
