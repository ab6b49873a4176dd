"""`tocsin source skip` in an internal topic: of what is applied next, and of nothing else."""

import click
import pytest
from click.testing import CliRunner

from streams.commands.main import commands
from streams.commands.source.internal_record import Next, require_next
from streams.commands.source.sources import Source
from streams.contract.events.internal.source_decision import SourceDecision
from streams.deciding.partition.admission.source_controls import SourceControl
from tests.unit.traffic import INTERNAL, START, Record

HERE = Source("reports", INTERNAL, 3, 410, 500, SourceControl(), 412, 7)
BUNDLE = Next(Record(INTERNAL, 3, 412, START, None, b"", []), 7, "message-reports partition 1 offset 99")
PLAIN = Next(Record(INTERNAL, 3, 412, START, None, b"", []))
DECISION = ("--reason", "a bug", "--actor", "op-7f3a", "--partition", "3")


def skip(until, entry=None):
    return SourceDecision(INTERNAL, "skip", "a bug", "op-7f3a", until, entry)


def test_the_entry_that_is_applied_next_is_skipped_and_named_with_its_place():
    said = require_next(HERE, BUNDLE, skip(413, 7))
    assert "entry 7 of offset 412, published as message-reports partition 1 offset 99" in said
    assert "passes over offset 412;" in require_next(HERE, PLAIN, skip(413))


@pytest.mark.parametrize(
    ("found", "decision", "said"),
    [
        (BUNDLE, skip(413), "--until 413 --entry 7"),
        (BUNDLE, skip(413, 8), "--until 413 --entry 7"),
        (BUNDLE, skip(414, 7), "--until 413 --entry 7"),
        (PLAIN, skip(413, 0), "--until 413."),
        (PLAIN, skip(500), "--until 413."),
        (None, skip(413), "all is applied"),
    ],
)
def test_anything_else_is_refused_with_what_would_be_valid(found, decision, said):
    with pytest.raises(click.ClickException) as refused:
        require_next(HERE, found, decision)
    assert said in refused.value.message
    assert "Nothing was written" in refused.value.message


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("pause", "--topic", INTERNAL), "for skip also message-reports-internal"),
        (("resume", "--topic", "reporters-internal"), "valid: message-reports"),
        (("skip", "--topic", "no-such", "--until", "3"), "no stage reads it"),
        (("skip", "--topic", "message-reports", "--until", "3", "--entry", "1"), "have no entries"),
    ],
)
def test_no_internal_topic_is_paused_and_records_of_publishers_have_no_entries(arguments, said):
    result = CliRunner().invoke(commands, ["source", *arguments, *DECISION])
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
