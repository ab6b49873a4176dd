"""What others wrote reaches the terminal without control characters and signs that reorder text."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import click
import orjson
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from streams.commands import clocks
from streams.commands.clock import command as clock
from streams.commands.dead_letters import command as dead_letters
from streams.commands.dead_letters.letter import letter_of
from streams.commands.explain import command as explain
from streams.commands.main import commands
from streams.commands.shared.terminal import printable
from streams.commands.state import command as state
from streams.commands.tail import command as tail
from streams.contract.events.clock import ClockView
from streams.contract.wire.dead_letter import Rejected, dead_letter
from tests.report_strategies import Record

# C0 with escape, DEL, C1 with the one-character CSI, marks and overrides of direction, a separator of lines,
# and signs of no width.
HOSTILE = "\x1b[2J\x07\x7f\x9b2J\x85\u200e\u200f\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u200b\ufeff\U000e0041"
COMMANDS = Path(__file__).parents[2] / "streams" / "commands"


def is_clean(text):
    return all(sign.isprintable() for sign in text.replace("\n", ""))


@given(st.text())
def test_printable_text_has_nothing_invisible(text):
    shown = printable(text)
    assert is_clean(shown)
    if is_clean(text):
        assert shown == text


def decoded(value):
    return json.loads(printable(orjson.dumps(value).decode()))


@pytest.mark.slow
@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_means_the_same_after_escaping(value):
    assert decoded(value) == value


def test_json_with_hostile_text_means_the_same():
    assert decoded({HOSTILE: [HOSTILE]}) == {HOSTILE: [HOSTILE]}


class Reader:
    """A consumer of the given records."""

    def __init__(self, records):
        self._records = records

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_error):
        return None

    async def __aiter__(self):
        for record in self._records:
            yield record


ESCALATION = json.loads(
    (COMMANDS.parents[1] / "schemas/examples/escalations/v1/opened-clock-armed.json").read_text()
)["value"]


def escalation(**changes):
    return Record(
        topic="escalations",
        key=HOSTILE.encode(),
        value=json.dumps({**ESCALATION, **changes}).encode(),
        headers=[(HOSTILE, HOSTILE.encode())],
    )


def hostile_letter():
    record = Record(key=HOSTILE.encode(), value=HOSTILE.encode(), headers=[(HOSTILE, HOSTILE.encode())])
    refused = dead_letter(record, Rejected("unknown_category", HOSTILE, HOSTILE))
    return Record(topic="dead-letters", key=refused.key, value=refused.value, headers=list(refused.headers))


async def letters(*_arguments):
    yield letter_of(hostile_letter())


async def records(*_arguments, **_options):
    yield escalation(channel_ref=HOSTILE, policy_reason=HOSTILE)


def kept_clock(*_arguments):
    view = ClockView(**{**ESCALATION["clock"], "obligation": HOSTILE})
    kept = SimpleNamespace(
        view=view,
        subject="report",
        key=HOSTILE,
        authority=HOSTILE,
        countries=(HOSTILE,),
        left_ms=1_000,
        tell_by="2026-11-29T00:00:00.000Z",
    )
    return SimpleNamespace(clocks=[kept], unreadable=[HOSTILE])


@pytest.fixture
def hostile_kafka(monkeypatch):
    """Everything that the commands read is hostile."""

    async def found_clocks(*_arguments):
        return kept_clock()

    async def no_such_letter(*_arguments):
        return letter_of(hostile_letter())

    monkeypatch.setattr(
        tail,
        "committed_reader",
        lambda *_a, **_o: Reader([escalation(channel_ref=HOSTILE), hostile_letter()]),
    )
    monkeypatch.setattr(dead_letters, "letters", letters)
    monkeypatch.setattr(dead_letters, "_find", no_such_letter)
    monkeypatch.setattr(explain, "committed_records", records)
    monkeypatch.setattr(clock, "committed_records", records)
    monkeypatch.setattr(clocks, "wanted_clocks", found_clocks)


@pytest.mark.parametrize(
    "arguments",
    [
        ("tail", "escalations", "--json"),
        ("tail", "escalations", "--max", "1"),
        ("tail", "dead-letters", "--json"),
        ("tail", "dead-letters"),
        ("dead-letters", "list"),
        ("dead-letters", "list", "--json"),
        ("dead-letters", "show", "0/1"),
        ("dead-letters", "show", "0/1", "--json"),
        ("explain", ESCALATION["escalation_id"]),
        ("explain", ESCALATION["escalation_id"], "--json"),
        ("clocks",),
        ("clocks", "--json"),
    ],
    ids=" ".join,
)
def test_commands_print_records_without_control_characters(hostile_kafka, arguments):
    result = CliRunner().invoke(commands, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    assert is_clean(result.stdout + result.stderr)
    assert "\\u009b2J" in result.stdout
    if "--json" in arguments:
        assert all(isinstance(json.loads(line), dict) for line in result.stdout.splitlines())


def test_an_error_that_quotes_a_record_has_no_control_characters(hostile_kafka, monkeypatch):
    bad = escalation(status=HOSTILE)
    bad.topic = HOSTILE
    monkeypatch.setattr(tail, "committed_reader", lambda *_arguments, **_options: Reader([bad]))
    result = CliRunner().invoke(commands, ["tail", "escalations"])
    assert result.exit_code == 1
    assert "cannot be read" in result.stderr
    assert is_clean(result.stderr)


def test_an_error_that_quotes_an_argument_has_no_control_characters():
    result = CliRunner().invoke(commands, ["dead-letters", "show", HOSTILE])
    assert result.exit_code == 2
    assert is_clean(result.output)


def test_commands_that_print_records_use_no_other_way_to_print():
    for name in ("tail", "dead_letters", "explain", "clocks", "clock", "state", "policy", "publish"):
        for path in (COMMANDS / name).glob("*.py"):
            assert "click.echo(" not in path.read_text(), path
            assert "print(" not in path.read_text(), path
