"""`tocsin policy backtest`: two sets of policies evaluate the same reports; differences are counted."""

import json
import sys
from typing import get_args

import pytest
from click.testing import CliRunner

from streams.commands.main import commands, main
from streams.commands.backtest.arrivals import BATCH_SIZE, from_file
from streams.commands.backtest.comparison import levels_compared
from streams.commands.backtest.trial import Trial, as_one_partition
from streams.contract.events.report import NoticeElement
from streams.contract.wire.envelope import rfc3339
from streams.deciding.partition.hash_key import DEMONSTRATION
from streams.deciding.partition.settings import MOST_DUPLICATES, PartitionSettings
from tests.unit.registry_files import copy_files, edit
from tests.unit.traffic import DAY, HOUR, MINUTE, SHIPPED, START, report

POLICY = """
  - id: {id}
    mode: {mode}
    categories: [{category}]
    window: PT1H
    levels: [{levels}]
    clear_below: 0.6
    min_clear: PT30M
    cooldown: PT1H
    reason: For this test.
"""


def policy(*reports, id="spam", mode="live", category="spam"):
    """A policy that reaches level n at the n-th given number of reports in an hour."""
    levels = ", ".join(
        f"{{level: {number}, name: level_{number}, when: {{reports: {least}}}}}"
        for number, least in enumerate(reports, 1)
    )
    return POLICY.format(id=id, mode=mode, category=category, levels=levels)


def reports(channel, count, begin=START, **fields):
    """Reports of one channel, one minute apart."""
    return [
        {
            "report_id": f"{channel}-{begin}-{number}",
            "kind": "user_report",
            "occurred_at": rfc3339(begin + number * MINUTE),
            "channel": {"ref": channel, "visibility": "public"},
            "category": "spam",
            **fields,
        }
        for number in range(count)
    ]


@pytest.fixture
def backtest(tmp_path, monkeypatch):
    """Runs the command with the given policies, checks that it succeeds, and returns its output."""

    def run(in_use, candidate, lines, *options):
        for name, policies in (("in-use", in_use), ("candidate", candidate)):
            (tmp_path / f"{name}.yaml").write_text("policies:" + "".join(policies))
        source = tmp_path / "reports.jsonl"
        source.write_text(
            "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
        )
        monkeypatch.setenv("TOCSIN_POLICIES_FILE", str(tmp_path / "in-use.yaml"))
        arguments = [
            "policy",
            "backtest",
            str(tmp_path / "candidate.yaml"),
            "--reports",
            str(source),
            *options,
        ]
        result = CliRunner().invoke(commands, arguments)
        assert result.exit_code == 0, result.output
        return result.output

    return run


def rows(output):
    """The objects printed by --json: levels, and episodes."""
    objects = [json.loads(line) for line in output.splitlines()]
    return [[each for each in objects if each["kind"] == kind] for kind in ("level", "episode")]


def test_a_higher_threshold_opens_fewer_episodes_and_names_the_channels_left_out(backtest):
    traffic = reports("loud", 5) + reports("quiet", 3)
    text = backtest([policy(3, 5)], [policy(4, 6)], traffic)
    assert text.startswith(
        "2 -> 1 episodes (-1): 0 in channels that are not escalated today, and 1 of today's are gone.\n\n"
        "8 reports from 2026-09-04 00:00 UTC to 2026-09-04 00:04 UTC; 0 duplicates and 0 unreadable"
    )
    assert "spam    live  1 level_1           2          1\n" in text
    assert "spam    live  2 level_2           1          0\n" in text
    assert "Only with candidate.yaml: no episodes." in text
    assert (
        "Only with the policies in use: 1 episode:\n"
        "  2026-09-04 00:04 UTC  spam, reached level 1, channel quiet\n"
        "                        threshold_crossed: reports 3 >= 3" in text
    )


def test_json_has_every_level_and_every_episode_that_only_one_side_opened(backtest):
    levels, episodes = rows(
        backtest([policy(3)], [policy(2)], reports("a", 3) + reports("b", 2) + reports("c", 2), "--json")
    )
    assert levels == [
        {
            "kind": "level", "policy": "spam", "mode": "live", "level": 1, "level_name": "level_1",
            "in_use": 1, "candidate": 3,
        }
    ]  # fmt: skip
    assert [(each["only"], each["episode"]["channel"], each["episode"]["level"]) for each in episodes] == [
        ("candidate", "b", 1),
        ("candidate", "c", 1),
    ]


def test_an_episode_counts_at_every_level_it_reached(backtest):
    levels, _ = rows(backtest([policy(1, 2, 9)], [policy(1, 2, 4)], reports("a", 4), "--json"))
    assert [(row["level"], row["in_use"], row["candidate"]) for row in levels] == [
        (1, 1, 1),
        (2, 1, 1),
        (3, 0, 1),
    ]


@pytest.mark.parametrize(
    ("option", "old", "new"),
    [
        ("scoring", "anonymous: {alpha: 1, beta: 3}", "anonymous: {alpha: 9, beta: 1}"),
        (
            "categories",
            "  spam:\n    code: 18\n    severity: 0.2",
            "  spam:\n    code: 18\n    severity: 0.9",
        ),
    ],
)
def test_a_candidate_may_have_its_own_scoring_and_categories(backtest, tmp_path, option, old, new):
    edit(copy_files(tmp_path), f"{option}.yaml", old, new)
    # Two anonymous reports count as one, with a risk of 0.004, and 0.015 or 0.03 with the candidate's numbers.
    by_risk = policy(1).replace("{reports: 1}", "{risk: 0.01}")
    levels, _ = rows(
        backtest(
            [by_risk], [by_risk], reports("a", 2), f"--{option}", str(tmp_path / f"{option}.yaml"), "--json"
        )
    )
    assert [(row["in_use"], row["candidate"]) for row in levels] == [(0, 1)]


def test_policies_that_one_side_lacks_or_runs_in_another_mode_are_compared(backtest):
    in_use = [
        policy(1),
        policy(1, id="fraud", category="fraud"),
        policy(1, id="ip", mode="off", category="ip"),
    ]
    candidate = [policy(1, 2, mode="shadow"), policy(1, id="ip", category="ip")]
    traffic = reports("a", 2) + reports("b", 1, category="fraud") + reports("c", 1, category="ip")
    levels, episodes = rows(backtest(in_use, candidate, traffic, "--json"))
    assert [
        (row["policy"], row["mode"], row["level"], row["in_use"], row["candidate"]) for row in levels
    ] == [
        ("spam", "live -> shadow", 1, 1, 1),
        ("spam", "live -> shadow", 2, None, 1),
        ("fraud", "live -> off", 1, 1, None),
        ("ip", "off -> live", 1, None, 1),
    ]
    assert {(each["only"], each["episode"]["policy"]) for each in episodes} == {
        ("candidate", "ip"),
        ("in_use", "fraud"),
    }
    assert "2 level_2           -          1" in backtest(in_use, candidate, traffic)


def test_since_counts_later_episodes_with_windows_filled_before(backtest):
    early = reports("early", 3) + reports("both", 2)
    late = reports("both", 1, START + 30 * MINUTE)
    since = ("--since", rfc3339(START + 20 * MINUTE), "--json")
    levels, episodes = rows(backtest([policy(3)], [policy(4)], early + late, *since))
    assert (levels[0]["in_use"], levels[0]["candidate"]) == (1, 0)
    assert [each["episode"]["channel"] for each in episodes] == ["both"]


def test_unreadable_and_duplicate_reports_are_skipped(backtest):
    traffic = [*reports("a", 2), "no report", "", *reports("a", 2), *reports("b", 1, category="nonsense")]
    text = backtest([policy(3)], [policy(2)], traffic)
    assert "\n\n2 reports from" in text
    assert "; 2 duplicates and 2 unreadable records were skipped." in text


def test_a_flood_of_unreadable_records_does_not_stop_the_backtest(backtest):
    text = backtest([policy(3)], [policy(2)], ["no report"] * 3000 + reports("a", 2))
    assert "2 reports" in text
    assert "3,000 unreadable records" in text


def test_the_absence_of_reports_is_reported(backtest):
    text = backtest([policy(3)], [policy(2)], [])
    assert text.startswith("No reports were evaluated")
    assert "1 level_1           0          0" in text


def test_legal_clocks_are_not_counted_as_episodes(tmp_path):
    victim = reports(
        "a", 1, kind="statutory_victim_request", category="ncii",
        evidence=[{"country": "GB", "basis": "victim", "confidence": 0.9}],
        notice={"elements": list(get_args(NoticeElement)), "declares": ["intimate_image_content"]},
    )  # fmt: skip
    source = tmp_path / "reports.jsonl"
    source.write_text("".join(f"{json.dumps(each)}\n" for each in victim + reports("b", 1, START + 10 * DAY)))
    trial = Trial(SHIPPED, PartitionSettings(), rfc3339(0), DEMONSTRATION)
    with source.open("rb") as file:
        for piece in from_file(file, START + 10 * DAY):
            trial.apply(piece)
    assert len(trial._state.clocks) == 0
    steps = {event for _, event in trial.findings.counters.clock_events}
    assert steps == {"armed", "half", "nine_tenths", "lapsed"}
    assert {(each.policy, each.channel) for each in trial.findings.episodes.values()} == {
        ("intimate-images", "a")
    }


def test_only_the_newest_episodes_are_listed(backtest):
    traffic = [each for number in range(12) for each in reports(f"c{number:02}", 1, START + number * HOUR)]
    text = backtest([policy(2)], [policy(1)], traffic)
    assert "Only with candidate.yaml: 12 episodes, the newest 10:" in text
    assert "channel c11" in text
    assert "channel c01" not in text


def test_an_invalid_candidate_is_refused_before_any_report_is_read(tmp_path, monkeypatch, capsys):
    candidate = tmp_path / "candidate.yaml"
    candidate.write_text("policies:" + policy(1).replace("window: PT1H", "window: PT7M"))
    monkeypatch.setattr(sys, "argv", ["tocsin", "policy", "backtest", str(candidate)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "candidate.yaml:5" in capsys.readouterr().err


def test_a_file_is_read_in_batches_without_its_empty_lines(tmp_path):
    source = tmp_path / "lines"
    source.write_bytes(b"a\n\n" * BATCH_SIZE)
    with source.open("rb") as file:
        pieces = list(from_file(file, 5))
    assert [len(piece) for piece in pieces] == [BATCH_SIZE // 2, BATCH_SIZE // 2]
    assert [line.offset for line in pieces[0][:2]] == [0, 2]
    assert {(line.value, line.timestamp) for piece in pieces for line in piece} == {(b"a", 5)}


def test_a_share_in_a_candidate_policy(backtest):
    """All reports of one channel are anonymous, and none of the other's."""
    by_user = reports("named", 4, reporter={"kind": "user", "ref": "u1"})
    candidate = policy(1).replace("{reports: 1}", "{reports: 4, anonymous_share: 0.5}")
    levels, episodes = rows(backtest([policy(9)], [candidate], reports("nameless", 4) + by_user, "--json"))
    assert [(row["in_use"], row["candidate"]) for row in levels] == [(0, 1)]
    assert [each["episode"]["channel"] for each in episodes] == ["nameless"]


def test_the_shipped_policies_with_voices_are_compared_and_open_like_those_with_heads():
    trial = Trial(SHIPPED, PartitionSettings(), rfc3339(0), DEMONSTRATION)
    trial.apply(
        [
            report(number, START + number * MINUTE, category="fraud", reporter={"kind": "user", "ref": f"u{number}", "member": True})
            for number in range(8)
        ]
    )  # fmt: skip
    reached = {
        (row.policy, row.level): (row.mode, row.candidate)
        for row in levels_compared(trial.judged, trial.judged)
    }
    assert reached["fraud", 1] == ("live", 1)
    assert reached["fraud-voices", 1] == ("shadow", 1)
    # Members are not linked before a desk has decided.
    assert reached["fraud-linked", 1] == ("shadow", 0)


def together(channel, begin, number):
    """Twelve reporters who are no members report one message of the channel, a minute apart."""
    return [
        report(number + n, begin + n * MINUTE, channel=channel, category="fraud", message_ref="m",
               reporter={"kind": "user", "ref": f"u{n}", "member": False})
        for n in range(12)
    ]  # fmt: skip


def test_those_who_reported_together_before_count_as_few_voices():
    trial = Trial(SHIPPED, PartitionSettings(), rfc3339(START + DAY), DEMONSTRATION)
    for number in range(4):
        trial.apply(together(f"before-{number}", START + number * HOUR, 100 * number))
    trial.apply(together("shop", START + 2 * DAY, 1_000))
    reached = {
        row.policy: row.candidate for row in levels_compared(trial.judged, trial.judged) if row.level == 1
    }
    assert (reached["fraud"], reached["fraud-voices"], reached["fraud-linked"]) == (1, 0, 1)


def test_how_reports_are_split_over_calls_does_not_change_the_result():
    """Those without a reporter's ref need one hop, the others three."""
    traffic = [
        report(n // 2 if n % 7 == 0 else n, START + n * 7 * MINUTE, n, channel=f"c{n % 2}", category="fraud",
               reporter={"kind": "anonymous"} if n % 3 else {"kind": "user", "ref": f"u{n}"})
        for n in range(60)
    ]  # fmt: skip
    results = []
    for size in (1, 7, 60):
        trial = Trial(SHIPPED, PartitionSettings(), rfc3339(0), DEMONSTRATION)
        for begin in range(0, len(traffic), size):
            trial.apply(traffic[begin : begin + size])
        results.append(
            (
                trial.findings.episodes,
                trial.findings.first,
                trial.findings.last,
                trial.findings.counters.applied,
            )
        )
        assert trial.findings.counters.applied + trial.findings.counters.duplicates == len(traffic)
        assert trial.findings.counters.duplicates == 2
    assert results[0] == results[1] == results[2]
    assert results[0][0]


def test_one_partition_takes_and_remembers_as_much_as_all():
    each = PartitionSettings(
        duplicates_most=10, new_reporters_per_hour=1, new_channels_per_hour=2, new_messages_per_hour=3
    )
    one = as_one_partition(each, 12)
    assert (one.duplicates_most, one.duplicates_hours) == (120, each.duplicates_hours)
    assert (one.new_reporters_per_hour, one.new_channels_per_hour, one.new_messages_per_hour) == (12, 24, 36)
    assert as_one_partition(PartitionSettings(), 1_000).duplicates_most == MOST_DUPLICATES


def test_the_questions_that_a_policy_would_ask_are_counted_and_hold_nothing_back(backtest):
    """Two crowds on two days; with the policies in use nobody is asked."""
    crowds = [
        {**each, "reporter": {"kind": "user", "ref": f"u{number}"}, "message_ref": "m"}
        for channel, begin in (("a", START), ("b", START + 2 * DAY))
        for number, each in enumerate(reports(channel, 10, begin))
    ]
    ask = "\nask: {mode: live, proven_voices: 3, reports: 2, within: PT30M, reason: For this test.}\n"
    text = backtest([policy(3, 8)], [policy(3, 8), ask], crowds)
    assert "spam    live  2 level_2           2          2\n" in text
    asked = next(line for line in text.splitlines() if line.startswith("spam") and "-" in line)
    assert asked.split() == ["spam", "-", "-", "2", "1.0"]
    told = backtest([policy(3, 8)], [policy(3, 8), ask], crowds, "--json")
    (row,) = [each for each in map(json.loads, told.splitlines()) if each["kind"] == "questions"]
    assert row == {"kind": "questions", "policy": "spam", "in_use": None, "candidate": 2}
