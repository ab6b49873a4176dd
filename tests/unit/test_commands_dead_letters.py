"""Dead letters in the commands: reading them, selecting them, and showing them on a terminal."""

import json
from dataclasses import dataclass, field

import pytest
from click.testing import CliRunner

from streams.commands.dead_letters import command
from streams.commands.dead_letters import redrive as driving
from streams.commands.dead_letters.letter import letter_of
from streams.commands.dead_letters.selection import Selection
from streams.commands.dead_letters.text import as_json, in_full, in_one_line
from streams.commands.main import commands
from streams.contract.events.dead_letter import DEAD_LETTER_REASONS
from streams.contract.wire.dead_letter import Rejected, dead_letter
from streams.running.worker.settings import load_settings

EVERYTHING = Selection()


@dataclass
class Record:
    value: bytes | None
    key: bytes | None = b"channel-1"
    headers: list[tuple[str, bytes]] = field(default_factory=list)
    topic: str = "p.message-reports"
    partition: int = 3
    offset: int = 17
    timestamp: int = 1_772_366_400_000


def refused(record, reason="not_json", at=(1, 5)):
    """The dead letter that a worker writes for a record, as the commands read it."""
    written = dead_letter(record, Rejected(reason, "value", "Must be something else."))
    partition, offset = at
    return letter_of(
        Record(written.value, written.key, list(written.headers), "p.dead-letters", partition, offset)
    )


def test_a_letter_holds_the_original_record_and_its_place():
    original = Record(b"{bad", headers=[("trace", b"1"), ("tocsin-reason", b"forged")])
    letter = refused(original)
    assert (letter.place, letter.source) == ("1/5", "p.message-reports/3/17")
    assert (letter.reason, letter.field, letter.attempt) == ("not_json", "value", 1)
    assert (letter.key, letter.value, list(letter.headers)) == (b"channel-1", b"{bad", [("trace", b"1")])
    assert not letter.redacted


def test_a_redriven_record_carries_the_next_attempt_number():
    record = Record(b"{bad", headers=[("trace", b"1")])
    for attempt in (1, 2, 3):
        letter = refused(record)
        assert letter.attempt == attempt
        record = Record(letter.value, letter.key, list(driving._headers(letter)))
        assert record.headers == [("trace", b"1"), ("tocsin-attempt", b"%d" % attempt)]


@pytest.mark.parametrize(
    "original", [Record(b'{"ref": "a@example.org"}'), Record(b"x" * 3_000_000)], ids=["personal", "too large"]
)
def test_redacted_letters_are_recognised_by_their_value(original):
    reason = "oversized" if len(original.value) > 1000 else "pii_detected"
    letter = refused(original, reason)
    assert letter.redacted
    assert "redacted" in in_one_line(letter)


BINARY = Record(b"{bad", headers=[("ce_source", b"/platform/web"), ("ce_id", b"r-4711")])
STRUCTURED = Record(b'{"specversion": "1.0", "source": "/platform/web", "id": "r-4711", "data": 1}')


@pytest.mark.parametrize("original", [BINARY, STRUCTURED], ids=["headers", "value"])
def test_a_letter_is_found_by_its_publisher_and_id(original):
    letter = refused(original)
    assert letter.event == ("/platform/web", "r-4711")
    assert in_one_line(letter).endswith("  /platform/web  r-4711")
    assert json.loads(as_json(letter))["ce_source"] == "/platform/web"
    for selection, holds in (
        (Selection(source="/platform/web"), True),
        (Selection(source="/platform/web", event_id="r-4711"), True),
        (Selection(source="/platform"), False),
        (Selection(event_id="r-47"), False),
    ):
        assert selection.holds(letter, "") == holds


def test_plain_json_has_the_id_of_its_form():
    assert refused(Record(b'{"report_id": "r-4711"}', headers=[("ce_id", None)])).event == ("?", "r-4711")


@pytest.mark.parametrize("value", [b"{bad", b"[1]", None, b'{"source": {"a": 1}, "id": null}'])
def test_what_a_publisher_gave_may_be_anything(value):
    letter = refused(Record(value, headers=[("ce_source", b"\x1b[2J\xff\n")]))
    assert in_one_line(letter).count("\n") == 0
    assert "\x1b" not in in_one_line(letter)
    assert in_one_line(refused(Record(value)))


def test_a_publishers_json_is_not_taken_for_a_redacted_letter():
    assert not refused(
        Record(b'{"sha256": 1}', key=None, headers=[("content-type", b"application/json")])
    ).redacted


def test_letters_of_one_original_have_one_identity_whatever_its_place_and_attempt():
    first = refused(Record(b"{bad"))
    again = refused(Record(b"{bad", headers=[("tocsin-attempt", b"1")], offset=99), at=(0, 8))
    assert first.identity() == again.identity()
    others = [
        Record(b"{bad."),
        Record(b"{bad", key=None),
        Record(b"{bad", key=b""),
        Record(None),
        Record(b"{bad", headers=[("a", b"b")]),
    ]
    assert len({refused(other).identity() for other in others} | {first.identity()}) == 6


def test_a_selection_matches_when_all_its_parts_match():
    letter = refused(Record(b"{bad"))
    for part in (
        {},
        {"reasons": ("empty", "not_json")},
        {"topic": "message-reports"},
        {"topic": "p.message-reports"},
        {"partition": 3},
    ):
        assert EVERYTHING._replace(**part).holds(letter, "p.")
    for part in ({"reasons": ("empty",)}, {"topic": "other"}, {"partition": 2}):
        assert not EVERYTHING._replace(**part).holds(letter, "p.")


@pytest.mark.parametrize(
    ("number", "last_line"),
    [(0, "0 dead letters"), (1, "1 dead letter: 1 not_json"), (2, "2 dead letters: 2 not_json")],
)
def test_the_list_ends_with_the_number_of_letters(monkeypatch, number, last_line):
    async def fake_letters(_settings, _since):
        for offset in range(number):
            yield refused(Record(b"{bad"), at=(0, offset))

    monkeypatch.setattr(command, "letters", fake_letters)
    result = CliRunner().invoke(commands, ["dead-letters", "list"])
    assert result.exit_code == 0
    assert result.output.splitlines()[-1] == last_line


def planned(monkeypatch, letters, selection=EVERYTHING, max_attempts=3):
    async def fake_letters(_settings, _since):
        for letter in letters:
            yield letter

    monkeypatch.setattr(driving, "letters", fake_letters)
    import asyncio

    return asyncio.run(driving.plan(load_settings({}), selection, max_attempts))


def test_the_plan_sends_the_newest_attempt_of_each_original_once(monkeypatch):
    def attempt(number, at, value=b"{bad"):
        headers = [("tocsin-attempt", b"%d" % (number - 1))] if number > 1 else []
        return refused(Record(value, headers=headers), at=at)

    letters = [
        attempt(1, (0, 0)),
        attempt(2, (0, 1)),
        attempt(1, (0, 2), b"other"),
        attempt(1, (1, 0), b"other"),
        *(attempt(number, (1, number), b"worn out") for number in (1, 2, 3)),
        refused(Record(b"a@example.org"), "pii_detected", at=(1, 4)),
    ]
    plan = planned(monkeypatch, letters)
    assert plan == driving.Plan({(0, 1), (1, 0)}, redacted=1, worn_out=1, repeated=4)
    assert planned(monkeypatch, letters, max_attempts=4).worn_out == 0
    assert planned(monkeypatch, letters, EVERYTHING._replace(reasons=("pii_detected",))) == driving.Plan(
        redacted=1
    )


def test_a_forged_attempt_number_does_not_stop_a_redrive(monkeypatch):
    forged = Record(b"{}", headers=[("tocsin-attempt", b"999")])
    letters = [refused(forged, at=(0, 0))]
    assert letters[0].attempt == 1000
    assert planned(monkeypatch, letters) == driving.Plan({(0, 0)})
    # Each redrive leaves a letter, and three letters are enough.
    for attempt in (2, 3):
        forged = Record(b"{}", headers=[*driving._headers(letters[-1])])
        letters.append(refused(forged, at=(0, attempt)))
    assert planned(monkeypatch, letters[:2]).chosen == {(0, 2)}
    assert planned(monkeypatch, letters) == driving.Plan(worn_out=1, repeated=2)


def test_a_record_published_often_is_not_worn_out(monkeypatch):
    letters = [refused(Record(b"{}"), at=(0, offset)) for offset in range(9)]
    assert planned(monkeypatch, letters) == driving.Plan({(0, 8)}, repeated=8)


def test_attempts_before_the_chosen_time_count(monkeypatch):
    letters = [
        refused(Record(b"{}", headers=[("tocsin-attempt", b"%d" % n)] if n else []), at=(0, n))._replace(
            appended_at=n
        )
        for n in range(3)
    ]
    assert planned(monkeypatch, letters, EVERYTHING._replace(since=2)) == driving.Plan(worn_out=1)
    assert planned(monkeypatch, letters[:2], EVERYTHING._replace(since=1)) == driving.Plan({(0, 1)})


def test_an_older_letter_is_not_sent_when_its_newer_one_has_another_reason(monkeypatch):
    letters = [
        refused(Record(b"{}"), "unknown_category", at=(0, 0)),
        refused(Record(b"{}", headers=[("tocsin-attempt", b"1")]), "invalid_time", at=(0, 1)),
    ]
    plan = planned(monkeypatch, letters, EVERYTHING._replace(reasons=("unknown_category",)))
    assert plan == driving.Plan(repeated=1)


@pytest.mark.parametrize("reason", DEAD_LETTER_REASONS)
def test_in_full_every_reason_has_its_meaning_and_remedy(reason):
    text = in_full(refused(Record(b"x"), reason))
    assert "\nmeaning " in text
    assert "\nremedy " in text


def test_control_characters_of_a_record_do_not_reach_the_terminal():
    letter = refused(Record(b"\x1b[2J\xff", key=b"\x1b]0;x\x07", headers=[("h\x1b", b"\x9b\n")]))
    text = in_full(letter)
    assert all(char.isprintable() for char in text.replace("\n", ""))
    assert "\\u001b[2J\\xff" in text


def test_json_keeps_bytes_that_are_not_text():
    assert json.loads(as_json(refused(Record(b"\xff")))) | {
        "value": None,
        "value_base64": "/w==",
    } == json.loads(as_json(refused(Record(b"\xff"))))
    assert json.loads(as_json(refused(Record(b"{bad"))))["value"] == "{bad"


@pytest.mark.parametrize(
    "arguments",
    [("show", "17"), ("show", "a/b"), ("list", "--since", "yesterday"), ("list", "--since", "2026-03-01T12:00:00"),
     ("list", "--reason", "rude"), ("redrive", "--rate", "0")],
    ids=" ".join,
)  # fmt: skip
def test_invalid_arguments_exit_with_2(arguments):
    assert CliRunner().invoke(commands, ["dead-letters", *arguments]).exit_code == 2
