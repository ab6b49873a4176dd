"""Everything that happened with a case, as one list in the order of time."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from msgspec import UNSET

from streams.contract.events.escalation import Escalation
from streams.contract.wire.times import epoch_ms, moment_ms
from streams.desk.console.read_model.case_query import HangingClock, KnownCase
from streams.desk.console.read_model.requests_query import KnownRequest
from streams.desk.console.web.decided import named_acts, proposed_in, rows_at_the_time
from streams.desk.console.web.vocabulary import Vocabulary
from streams.desk.console.web.words import duty_name, in_words
from streams.desk.text.country_names import in_places
from streams.desk.text.crowd_text import integrity_text, question_text
from streams.desk.text.desk_text import moderation_text
from streams.desk.text.record_text import conditions_text, likely_countries
from streams.desk.text.routing_text import minute


class Happening(NamedTuple):
    """One thing that happened: when, who or what did it, what it was, and why or with which effect."""

    at_ms: int
    by: str
    what: str
    detail: str
    counted: bool = True


def timeline(case: KnownCase, vocabulary: Vocabulary) -> list[Happening]:
    """What the stream found, what people did, what was decided, and what became of clocks."""
    happenings = [
        Happening(
            moment_ms(event.at),
            "Tocsin",
            f"{event.type}: level {event.level}, {in_words(event.level_name)}",
            _grounds(event, vocabulary),
        )
        for member in case.members
        for event in member.events
    ]
    happenings += dict.fromkeys(each for member in case.members for each in _acts(member, case, vocabulary))
    happenings += [
        Happening(
            epoch_ms(outcome.decided_at),
            outcome.reviewer.ref,
            "outcome recorded",
            moderation_text(outcome).partition("\n")[0],
        )
        for outcome in case.outcomes
    ]
    happenings += _said_of_clocks(case.clocks, vocabulary)
    return sorted(happenings, key=lambda each: each.at_ms)


def _grounds(event: Escalation, vocabulary: Vocabulary) -> str:
    """Why it happened: what was measured, or which clock is how far, where, and signs of coordination."""
    if event.clock is None:
        numbers = in_words(conditions_text(event.conditions))
    else:
        duty, due = duty_name(vocabulary.duties, event.clock.obligation), minute(event.clock.due_at)
        numbers = f"{duty}, due {due}, {event.clock.elapsed:.0%} of its time has passed"
    gate = event.rule_of_law.decision
    remarks = (
        ": ".join(filter(None, (in_words(event.reason), numbers))),
        in_places(likely_countries(event.jurisdictions)).strip(),
        integrity_text(event.integrity),
        "" if event.question is UNSET else question_text(event.question),
        "" if gate == "human_review" else in_words(gate),
    )
    return "; ".join(filter(None, remarks))


def request_timeline(case: KnownRequest, vocabulary: Vocabulary) -> list[Happening]:
    """How the request was judged, what people did, and what happened to its clocks."""
    first = case.first
    happenings = [
        Happening(moment_ms(first.at), "Tocsin", in_words(first.decision), f"gate: {in_words(first.gate)}")
    ]
    happenings += [
        Happening(
            moment_ms(step.at),
            "Tocsin",
            in_words(step.reason),
            duty_name(vocabulary.duties, clock.view.obligation),
        )
        for clock in case.clocks
        for step in clock.steps
    ]
    happenings += _acts(case, case, vocabulary)
    happenings += _said_of_clocks(case.clocks, vocabulary)
    return sorted(happenings, key=lambda each: each.at_ms)


def _acts(
    on: KnownCase | KnownRequest, case: KnownCase | KnownRequest, vocabulary: Vocabulary
) -> Iterator[Happening]:
    """The acts on a case or on one of its members. What somebody did with all of them at once is the same."""
    for each, what in named_acts(on.acts):
        act, refused = each.act, each.refused
        detail = in_words(act.note or "")
        if refused is not None:
            detail = f"did not count: {in_words(refused)}"
        elif (judged := proposed_in(act)) is not None:
            detail = "; ".join(map(str, rows_at_the_time(judged, case, vocabulary)))
        yield Happening(epoch_ms(act.at), act.actor.ref, what, detail, counted=refused is None)


def _said_of_clocks(clocks: Sequence[HangingClock], vocabulary: Vocabulary) -> Iterator[Happening]:
    for clock in clocks:
        for outcome in clock.outcomes:
            reason = f" for {in_words(outcome.reason)}" if outcome.reason else ""
            yield Happening(
                epoch_ms(outcome.occurred_at),
                outcome.actor or "a desk",
                f"clock {in_words(outcome.outcome)}{reason}",
                duty_name(vocabulary.duties, clock.view.obligation),
            )
