"""The summary of a demo run: tables, examples in detail, and the check that the numbers add up."""

import os
import textwrap
from collections import Counter
from collections.abc import Iterator
from statistics import median

from streams.contract.events.authority_routing import AuthorityRouting
from streams.contract.events.escalation import Escalation
from streams.desk.text.routing_text import minute
from streams.desk.text.text_table import text_table
from tocsin_demo.demo.crowds import CROWDS
from tocsin_demo.demo.portrait import (
    clock_portrait,
    most_pressing,
    most_telling,
    portrait,
    refusal_portrait,
    refused,
)
from tocsin_demo.demo.results import Tally
from tocsin_demo.scenario import DEMO_STORYLINES, STORYLINES

# Of sentences: a little less than that of the tables.
_WIDTH = 120

# A longer latency means that the machine was busy.
_BUSY_SECONDS = 1.0


def summary(tally: Tally) -> Iterator[str]:
    """The texts to print: tables, three examples in detail, and the check that the numbers add up."""
    yield "\nStorylines and the episodes that opened"
    yield text_table(_STORY_HEADER, _story_rows(tally))
    yield "\nTwo crowds, and how many voices they count as"
    yield text_table(("crowd", "reports", "reporters", "voices", "highest level"), _crowd_rows(tally))
    yield from _crowd_sentences(tally)
    yield "\nEpisodes by policy and highest level reached"
    yield text_table(("policy", "level", "episodes", "resolved"), _policy_rows(tally))
    yield "\nLegal clocks of reports"
    yield text_table(("duty", "requires", "started", "due", "status"), _clock_rows(tally))
    yield "\nRequests of authorities"
    yield text_table(("request", "decision", "gate", "reason or clocks"), _request_rows(tally))
    if (example := most_telling(tally)) is not None:
        yield "\nOne escalation as a trust and safety desk receives it"
        yield portrait(example)
    if (clock := most_pressing(tally)) is not None:
        yield "\nOne legal clock as a legal desk receives it"
        yield clock_portrait(clock)
    if (refusal := refused(tally)) is not None:
        yield "\nOne refusal as the desk that answers authorities receives it"
        yield refusal_portrait(refusal)
    yield from _numbers(tally)


def _numbers(tally: Tally) -> Iterator[str]:
    reasons = ", ".join(f"{reason} {number}" for reason, number in sorted(tally.dead_letters.items()))
    yield f"\nDead letters: {reasons}"
    seconds = tally.last_arrival_at - tally.began_at
    yield (
        f"Played {tally.sent / seconds:,.0f} records per second for {seconds:.1f} s; "
        f"publisher, broker, worker and this reader shared {os.cpu_count()} cores."
    )
    if tally.latencies:
        typical, longest = median(tally.latencies), max(tally.latencies)
        yield (
            "From a report's publication to its committed escalation: "
            f"median {typical * 1000:.0f} ms, longest {longest * 1000:.0f} ms."
        )
        if typical > _BUSY_SECONDS:
            yield "(This machine was busy: the publisher waited for the worker, so the story is the same.)"
    yield (
        f"The days before: {tally.history:,} reports, {tally.notices:,} notices to reporters about what "
        "desks decided."
    )
    yield (
        f"It adds up: {tally.sent:,} published = {tally.enriched:,} enriched + "
        f"{tally.published['duplicate']:,} duplicates dropped + {tally.dead_letters.total():,} dead letters."
    )


def _clock_rows(tally: Tally) -> list[tuple[str, ...]]:
    rows = []
    for events in tally.clocks().values():
        newest = events[-1]
        clock = newest.clock
        assert clock is not None
        rows.append(
            (
                clock.obligation,
                newest.obligations[0].action,
                minute(clock.started_at),
                minute(clock.due_at),
                clock.status,
            )
        )
    return sorted(rows, key=lambda row: row[2:4])


def _request_rows(tally: Tally) -> list[tuple[str, ...]]:
    return [
        (
            tally.description_of_request.get(step.request_id, step.kind),
            step.decision,
            step.gate,
            _reason_or_clocks(step),
        )
        for step in sorted(tally.routings, key=lambda step: step.at)
        if step.type == "routed"
    ]


def _reason_or_clocks(step: AuthorityRouting) -> str:
    assert step.findings is not None
    if step.findings.refusals:
        return ", ".join(refusal.code for refusal in step.findings.refusals)
    if step.findings.competence.contested:
        return "reach contested: a lawyer today"
    if step.findings.belongs_to:
        return "belongs to " + ", ".join(row.authority or row.reason for row in step.findings.belongs_to)
    if (telling := step.findings.telling) is not None:
        return f"{', '.join(telling.paused)} paused: tell the authority by {minute(telling.by)}"
    if step.findings.missing:
        return f"missing: {', '.join(step.findings.missing)}"
    return ", ".join(f"{clock.obligation} due {minute(clock.due_at)}" for clock in step.clocks)


_STORY_HEADER = ("storyline", "reports", "channels", "episodes", "highest level", "remarks")


def _story_rows(tally: Tally) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    channels = Counter(tally.storyline_of_channel.values())
    episodes = tally.episodes().values()
    for name in [*DEMO_STORYLINES, "background"]:
        of_story = [events for events in episodes if tally.story(events[0]) == name]
        events = [escalation for episode in of_story for escalation in episode]
        reports = tally.reports_of_storyline[name]
        if name == "background":
            reports = tally.published["report"] - tally.reports_of_storyline.total()
        rows.append(
            (
                name,
                f"{reports:,}",
                str(channels[name]) if name in STORYLINES else "",
                str(len(of_story)),
                _highest(events),
                ", ".join(_remarks(tally, name, events)),
            )
        )
    return rows


def _crowd_rows(tally: Tally) -> list[tuple[str, ...]]:
    return [
        (
            name,
            str(counts.reports),
            str(counts.reporters),
            f"{counts.voices:.1f}",
            _highest([event for event in tally.escalations if tally.story(event) == name]),
        )
        for name, counts in tally.crowds.items()
    ]


def _crowd_sentences(tally: Tally) -> Iterator[str]:
    for name in CROWDS:
        if name in tally.crowds:
            sentence = tally.sentences.get(name) or (
                f"none of {tally.crowds[name].reporters} reporters had before reported the same messages as "
                "another of them, messages that were not upheld; each counts."
            )
            yield textwrap.fill(f"{name}: {sentence}", _WIDTH, initial_indent="  ", subsequent_indent="    ")


def _highest(events: list[Escalation]) -> str:
    highest = max(events, key=lambda escalation: escalation.level, default=None)
    return f"{highest.level} {highest.level_name}" if highest else "none"


def _remarks(tally: Tally, story: str, events: list[Escalation]) -> list[str]:
    resolved = sum(escalation.type == "resolved" for escalation in events)
    in_shadow = sum(
        escalation.type == "opened" and tally.story(escalation) == story for escalation in tally.shadow
    )
    remarks = [f"{resolved} resolved"] if resolved else []
    if in_shadow:
        remarks.append(f"{in_shadow} in shadow")
    if asked := tally.questions[story]:
        remarks.append(f"desk asked {asked} times" if asked > 1 else "desk asked")
    if any(escalation.integrity.brigade_suspected for escalation in events):
        remarks.append("brigade suspected")
    decisions = {escalation.rule_of_law.decision for escalation in events} - {"human_review"}
    return remarks + sorted(decision.replace("_", " ") for decision in decisions)


def _policy_rows(tally: Tally) -> list[tuple[str, ...]]:
    reached: Counter[tuple[str, int, str]] = Counter()
    resolved: Counter[tuple[str, int, str]] = Counter()
    for events in tally.episodes().values():
        highest = max(events, key=lambda escalation: escalation.level)
        row = (highest.policy, highest.level, highest.level_name)
        reached[row] += 1
        resolved[row] += events[-1].type == "resolved"
    return [
        (row[0], f"{row[1]} {row[2]}", str(number), str(resolved[row]))
        for row, number in sorted(reached.items())
    ]
