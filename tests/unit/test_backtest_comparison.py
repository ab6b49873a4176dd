"""What a back-test says: verdicts and their interval, what differs and why, and the numbers that stay in the log."""

import math
import random
from collections import Counter
from dataclasses import replace

import msgspec
import pytest

from streams.commands.backtest.comparison import cases_compared, only_in, other_levels, why_not
from streams.commands.backtest.comparison_text import Comparison, comparison_json, comparison_text
from streams.commands.backtest.findings import Findings, Judged, Measured, OpenedEpisode
from streams.commands.backtest.judging import Result
from streams.commands.backtest.summary import summary
from streams.commands.backtest.verdicts import Share, Verdict, decided
from streams.contract.events.moderation_outcome import MessageSubject
from streams.contract.wire.envelope import rfc3339
from streams.deciding.reports.counters import BeyondBudget
from streams.registry.changes.live_change import is_live_change
from streams.registry.rules import AskRules
from tests.unit.traffic import DAY, HOUR, SHIPPED, START, levels, policy

SPAM = policy(levels=levels({"distinct_reporters": 3}, {"distinct_reporters": 6, "risk": 0.5}))
STRICT = policy(levels=levels({"distinct_reporters": 5}, {"distinct_reporters": 9}))


def rules(*policies, **changes):
    return replace(SHIPPED, policies=policies, **changes)


def episode(channel, level=1, policy="spam", opened=START, mode="live", gate="human_review", **measures):
    measures = measures or {"distinct_reporters": 3}
    conditions = tuple(Measured(name, value, ">=", 0) for name, value in measures.items())
    return OpenedEpisode(policy, channel, rfc3339(opened), "grounds", level, mode, gate, conditions)


def judged(ruling, *episodes):
    found = Findings(rfc3339(0), {str(number): each for number, each in enumerate(episodes)})
    found.first, found.last, found.counters.applied = START, START + 2 * DAY, 100
    return Judged(ruling, found)


@pytest.mark.parametrize("number", [1, 2, 7, 40])
def test_the_interval_has_the_shares_that_the_verdicts_do_not_contradict(number):
    """A share is in it if the number of upheld ones is within 1.96 standard deviations of what it leads to."""
    for upheld in range(number + 1):
        low, high = Share(upheld, number - upheld, 5).interval
        within = [
            share
            for share in (step / 20_000 for step in range(20_001))
            if abs(upheld - number * share) <= 1.959964 * math.sqrt(number * share * (1 - share)) + 1e-9
        ]
        assert low == pytest.approx(min(within), abs=1e-4)
        assert high == pytest.approx(max(within), abs=1e-4)
        assert 0 <= low <= upheld / number <= high <= 1
    assert Share(0, 0, 3).interval is None


def test_verdicts_of_the_channel_and_the_categories_count_from_the_window_on_and_the_last_one_holds():
    draw = random.Random(5)
    found = Counter()
    for _ in range(400):
        verdicts = [
            Verdict(
                "c",
                MessageSubject("c", draw.choice("ab")),
                draw.choice(("spam", "fraud")),
                START + draw.randrange(-3, 4) * HOUR // 2,
                draw.random() < 0.5,
                f"o{number}",
                f"o{draw.randrange(number)}" if number and draw.random() < 0.2 else None,
            )
            for number in range(draw.randrange(6))
        ]
        last = {}
        for each in verdicts:
            counts = each.category == "spam" and each.decided_ms >= START - HOUR
            counts &= all(other.supersedes != each.outcome_id for other in verdicts)
            known = last.get(each.subject)
            if counts and (
                known is None or (each.decided_ms, each.upheld) >= (known.decided_ms, known.upheld)
            ):
                last[each.subject] = each
        wanted = (
            "undecided" if not last else "upheld" if any(v.upheld for v in last.values()) else "dismissed"
        )
        assert decided(episode("c"), SPAM, verdicts) == wanted
        found[wanted] += 1
    assert min(found.values()) > 40
    assert len(found) == 3


def test_what_differs_is_named_with_the_threshold_and_the_value():
    in_use = judged(rules(SPAM), episode("a"), episode("b", 2, distinct_reporters=7, risk=0.6), episode("d"))
    candidate = judged(rules(STRICT), episode("b", 1, distinct_reporters=5), episode("d"), episode("d", 2))
    assert [each.channel for each in only_in(in_use, candidate)] == ["a"]
    assert only_in(candidate, in_use) == []
    assert [
        (each.in_use, each.candidate, each.higher.channel) for each in other_levels(in_use, candidate)
    ] == [
        (2, 1, "b"),
        (1, 2, "d"),
    ]
    assert why_not(episode("a"), rules(STRICT)) == "distinct_reporters 3, and >= 5 is needed"
    assert why_not(episode("b", 2, distinct_reporters=7), rules(SPAM)) == "asks for risk >= 0.5"
    assert why_not(episode("b", 3), rules(SPAM)) == "the policy has no level 3"
    assert why_not(episode("a", policy="fraud"), rules(SPAM)) == "has no such policy"
    assert why_not(episode("a"), rules(replace(SPAM, mode="off"))) == "the policy is off"
    assert why_not(episode("a"), rules(SPAM)).startswith("its thresholds are met")
    either = policy(levels=levels({"reports": 1, "any_of": {"risk": 2, "trusted_flaggers": 1}}))
    assert why_not(episode("a", reports=5, risk=1, trusted_flaggers=1), rules(either)).startswith(
        "its thresholds are met"
    )
    assert why_not(episode("a", reports=5, risk=1, trusted_flaggers=0), rules(either)) == (
        "risk 1, and >= 2 is needed, trusted_flaggers 0, and >= 1 is needed"
    )


def compared():
    in_use = judged(rules(SPAM), episode("a"), episode("b"), episode("c", gate="two_person_review"))
    candidate = judged(rules(SPAM), episode("b"), *(episode(f"n{number}") for number in range(12)))
    verdicts = {
        f"n{number}": [Verdict(f"n{number}", MessageSubject("n", "m"), "spam", START, number < 3, "o", None)]
        for number in range(4)
    }
    return Comparison(in_use, candidate, "next", verdicts, ["Something is deleted."])


def test_the_text_has_cases_a_day_verdicts_and_the_newest_that_differ():
    text = comparison_text(compared())
    assert text.startswith("3 -> 13 episodes (+10): 12 in channels that are not escalated today, and 2 of")
    assert "records were skipped.\nSomething is deleted.\n" in text
    rows = {tuple(line.split()) for line in text.splitlines()}
    assert ("human_review", "2", "1.0", "13", "6.5") in rows
    assert ("two_person_review", "1", "0.5", "0", "0.0") in rows
    assert ("new", "spam", "3", "1", "8", "30%", "to", "95%") in rows
    assert ("gone", "spam", "0", "0", "2", "-") in rows
    assert "Only with next: 12 episodes, the newest 10:" in text
    assert "in use: its thresholds are met" in text
    documents = [msgspec.json.decode(line) for line in comparison_json(compared())]
    episodes = [each for each in documents if each["kind"] == "episode"]
    assert len(episodes) == 14
    assert Counter(each["decided"] for each in episodes) == {"undecided": 10, "upheld": 3, "dismissed": 1}
    assert {each["kind"] for each in documents} == {"reports", "level", "cases", "decisions", "episode"}
    assert documents[0] == {
        "kind": "reports",
        "applied": 100,
        "first": rfc3339(START),
        "last": rfc3339(START + 2 * DAY),
        "notes": ["Something is deleted."],
    }
    assert [tuple(row) for row in cases_compared(compared().in_use, compared().candidate)] == [
        ("human_review", 2, 13),
        ("two_person_review", 1, 0),
    ]


def test_cases_stand_beside_the_budgets_of_their_policies():
    budgeted = replace(SPAM, per_hour=2)
    unlimited = policy(id="fraud", levels=SPAM.levels)
    in_use = judged(rules(SPAM, unlimited), episode("a"))
    candidate = judged(
        rules(budgeted, unlimited),
        *(episode(f"c{number}", opened=START + number * HOUR // 3) for number in range(5)),
        *(episode(f"f{number}", policy="fraud") for number in range(9)),
    )
    candidate.findings.counters.beyond_budget.update(
        {
            BeyondBudget("spam", 1, "digest"): 1,
            BeyondBudget("spam", 2, "rests"): 3,
            BeyondBudget("fraud", 1, "rests"): 70,
        }
    )
    compared = Comparison(in_use, candidate, "next")
    [head] = [line for line in comparison_text(compared).splitlines() if line.startswith("budget of")]
    row = comparison_text(compared).splitlines()[comparison_text(compared).splitlines().index(head) + 2]
    assert row.split() == ["spam", "-", "-", "-", "2", "3", "4"]
    [budget] = [
        each for each in map(msgspec.json.decode, comparison_json(compared)) if each["kind"] == "budget"
    ]
    assert budget == {
        "kind": "budget",
        "policy": "spam",
        "in_use": None,
        "candidate": {"per_hour": 2, "busiest_hour": 3, "beyond": 4},
    }
    assert "budget of" not in comparison_text(compared._replace(candidate=in_use))


def test_the_log_keeps_what_the_text_says():
    result = Result(Findings(""), Findings(""))
    kept = summary(compared(), result, "a" * 64)
    assert (kept.against, kept.reports, kept.cases_before, kept.cases_after) == ("a" * 64, 100, 3, 13)
    assert kept.complete
    [spam] = kept.policies
    assert (spam.before, spam.after, spam.new, spam.gone) == (3, 13, 12, 2)
    assert (spam.upheld, spam.dismissed, spam.undecided) == (3, 1, 8)
    assert (spam.low, spam.high) == (0.3006, 0.9544)
    result.missing = 1
    assert not summary(compared(), result, None).complete
    same = compared()._replace(candidate=compared().in_use)
    assert summary(same, result, None).policies == ()


def test_only_what_stays_in_shadow_is_no_live_change():
    shadow = policy(id="next", mode="shadow")
    assert not is_live_change(rules(SPAM), rules(SPAM))
    assert not is_live_change(rules(SPAM), rules(SPAM, shadow))
    assert not is_live_change(rules(SPAM, shadow), rules(SPAM, replace(shadow, mode="off")))
    for after in (
        rules(STRICT),
        rules(),
        rules(SPAM, replace(shadow, mode="live")),
        rules(replace(SPAM, mode="shadow")),
        rules(SPAM, integrity="live" if SHIPPED.integrity == "shadow" else "shadow"),
        rules(SPAM, ask=AskRules("live", 7, 2, HOUR)),
        rules(SPAM, severity_points=SHIPPED.severity_points + 1),
        rules(SPAM, registry_version="other"),
    ):
        assert is_live_change(rules(SPAM), after)
