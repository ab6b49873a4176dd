"""explain, simulate, filters, completion, points in time: what needs no broker."""

import io
import json
import re
import time
from pathlib import Path

import click
import msgspec
import orjson
import pytest
from click.testing import CliRunner

from streams.commands.explain import story
from streams.commands.main import commands
from streams.commands.moment import MOMENT
from streams.commands.progress import Progress
from streams.commands.record_filter import FILTERS, RecordFilter
from streams.commands.scenario import STORYLINES, play, play_alone
from streams.events.decoding import decode_report
from streams.events.enriched_report import EnrichedReport
from streams.events.escalation import Escalation

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


def test_explain_gives_every_condition_with_its_number_and_threshold_then():
    event = escalation("updated-level-raised", sequence=1)
    text = story([event])
    assert re.search(r"distinct_reporters +20 +>= +20\n", text)
    assert re.search(r"risk +3\.05 +>= +1\.5\n", text)
    assert f"policy {event.policy_version}, registry {event.registry_version}" in text
    assert "message-reports/0/24" in text
    assert "EU.dsa.art16-4: user_report, without_undue_delay, DSC, clock not_armed" in text
    assert event.policy_reason in text


def test_explain_tells_what_changed_from_event_to_event():
    first = escalation("opened-threshold-crossed", sequence=1)
    second = msgspec.structs.replace(first, sequence=2, type="updated", level=2)
    third = msgspec.structs.replace(
        second, sequence=3, type="resolved", status="resolved", policy_version="new"
    )
    text = story([first, second, third])
    assert text.count("goes to") == len(first.routing)
    assert text.count("versions") == 2
    assert text.startswith(f"escalation {first.escalation_id}: resolved")
    assert "caused by   time passing after report" in text


def test_explain_says_when_the_beginning_is_gone():
    assert "what happened before event 2 is no longer in the log" in story(
        [escalation("updated-level-raised")]
    )


@pytest.mark.parametrize("name", ["opened-threshold-crossed", "resolved-cleared", "resolved-policy-changed"])
def test_explain_tells_any_escalation(name):
    assert escalation(name).channel_ref in story([escalation(name)])


def test_filters_hold_what_they_name():
    event = example("escalations", "updated-level-raised")
    right = {"channel": event["channel_ref"], "category": "fraud", "policy": "fraud", "type": "updated"}
    assert set(right) == set(FILTERS["escalations"])
    assert RecordFilter(right).holds("escalations", Record(event))
    for name in right:
        assert not RecordFilter(right | {name: "other"}).holds("escalations-shadow", Record(event))
    enriched = example("enriched-reports", "minimal")
    msgspec.convert(enriched, EnrichedReport)
    ref, category = enriched["report"]["channel"]["ref"], enriched["report"]["category"]
    assert RecordFilter({"channel": ref, "category": category}).holds("enriched-reports", Record(enriched))
    assert not RecordFilter({"channel": "other"}).holds("enriched-reports", Record(enriched))


@pytest.mark.parametrize("value", [b"", b"{broken", b"[]", b"{}"])
def test_what_cannot_be_read_is_never_filtered_away(value):
    assert RecordFilter({"policy": "fraud"}).holds("escalations", Record(value))


def test_a_filter_that_means_nothing_for_a_topic_is_refused():
    result = CliRunner().invoke(commands, ["tail", "enriched-reports", "--policy", "fraud"])
    assert result.exit_code == 2
    assert "--policy means nothing for enriched-reports" in result.output


def simulated(*arguments):
    result = CliRunner().invoke(commands, ["simulate", "--end", END, "--out", "-", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout.encode().splitlines(), result.stderr


def test_simulate_writes_the_same_lines_for_the_same_arguments_and_each_is_a_report():
    lines, summary = simulated("--reports", "3000", "--seed", "3")
    assert simulated("--reports", "3000", "--seed", "3")[0] == lines
    assert summary.startswith(f"{len(lines):,} written")
    expected = play(3, 3000, END_MS, STORYLINES)
    assert lines == [record.value for record in expected if record.fate != "garbage"]
    for line in lines:
        decode_report(line, (), END_MS)


def test_simulate_plays_chosen_storylines_alone():
    lines, _ = simulated("--alone", "--storyline", "brigade", "--storyline", "slow-brigade")
    expected = play_alone(7, END_MS, ["brigade", "slow brigade"])
    assert lines == [record.value for record in expected]
    channels = {orjson.loads(line)["channel"]["ref"] for line in lines}
    assert len(channels) == 2


def test_simulate_keeps_to_its_rate():
    began_at = time.monotonic()
    lines, _ = simulated("--alone", "--storyline", "slow-brigade", "--rate", "200")
    # The first goes at once.
    assert time.monotonic() - began_at >= (len(lines) - 1) / 200


def test_simulate_lists_its_storylines():
    result = CliRunner().invoke(commands, ["simulate", "--list"])
    assert result.exit_code == 0
    assert len(result.output.splitlines()) == len(STORYLINES)
    assert "slow-brigade" in result.output


def test_simulate_refuses_a_size_that_means_nothing():
    assert CliRunner().invoke(commands, ["simulate", "--alone", "--reports", "5000"]).exit_code == 2


def test_a_slow_brigade_has_each_hand_once_and_never_two_in_the_same_minutes():
    payloads = [orjson.loads(record.value) for record in play_alone(7, END_MS, ["slow brigade"])]
    assert len({payload["reporter"]["ref"] for payload in payloads}) == len(payloads) == 40
    times = sorted(MOMENT.convert(payload["occurred_at"], None, None) for payload in payloads)
    assert min(after - before for before, after in zip(times, times[1:], strict=False)) > 3 * 60_000


def test_points_in_time():
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


def test_progress_is_for_terminals_only(monkeypatch):
    class Screen(io.StringIO):
        def isatty(self):
            return True

    for screen, shown in ((io.StringIO(), False), (Screen(), True)):
        monkeypatch.setattr("sys.stderr", screen)
        monkeypatch.setattr("streams.commands.progress._REDRAW_SECONDS", 0.0)
        progress = Progress("published")
        progress.add(1_200)
        progress.clear()
        assert ("1,200 published" in screen.getvalue()) == shown
        assert progress.summary().startswith("1,200 published, ")


COMMANDS_PAGE = (Path(__file__).parents[2] / "docs/commands.md").read_text(encoding="utf-8")


def leaves(group, path=()):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))
        else:
            yield (*path, name)


def test_the_page_of_commands_has_a_row_for_each_and_names_no_other():
    named = set(re.findall(r"^\| `tocsin ([a-z -]+?)(?: [A-Z].*)?`", COMMANDS_PAGE, re.M))
    assert named == {" ".join(path) for path in leaves(commands)}


def test_every_option_in_an_example_exists():
    examples = re.findall(r"^    tocsin ([^|#\n]+)", COMMANDS_PAGE, re.M)
    assert len(examples) > 10
    for example in examples:
        words = example.split()
        group, path = commands, []
        while words and isinstance(group, click.Group):
            path.append(words.pop(0))
            group = group.commands[path[-1]]
        shown = CliRunner().invoke(commands, [*path, "--help"]).output
        for option in (word for word in words if word.startswith("--")):
            assert f"{option} " in shown or f"{option}\n" in shown, example
