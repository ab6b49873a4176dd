"""Everything that happened with a case, as one list in the order of time."""

from typing import NamedTuple

from streams.console.read_model.case_query import KnownCase
from streams.console.web.words import in_words
from streams.text.desk_text import moderation_text
from streams.text.moments import moment_ms
from streams.text.record_text import escalation_grounds
from streams.wire.times import epoch_ms


class Happening(NamedTuple):
    """One thing that happened: when, who or what did it, what it was, and why or with which effect."""

    at_ms: int
    by: str
    what: str
    detail: str
    counted: bool = True


def timeline(case: KnownCase) -> list[Happening]:
    """What the stream found, what people did, what was decided, and what became of clocks."""
    happenings = [
        Happening(
            moment_ms(event.at),
            "Tocsin",
            f"{event.type}: level {event.level}, {in_words(event.level_name)}",
            escalation_grounds(event),
        )
        for event in case.events
    ]
    for known in case.acts:
        act = known.act
        detail = in_words(act.note) if act.note else ""
        if act.proposed is not None:
            detail = f"{in_words(act.proposed.decision)}, {in_words(act.proposed.reason)}"
        if known.refused is not None:
            detail = f"did not count: {in_words(known.refused)}"
        happenings.append(
            Happening(
                epoch_ms(act.at), act.actor.ref, in_words(act.kind), detail, counted=known.refused is None
            )
        )
    happenings += [
        Happening(
            epoch_ms(outcome.decided_at),
            outcome.reviewer.ref,
            "outcome recorded",
            moderation_text(outcome).partition("\n")[0],
        )
        for outcome in case.outcomes
    ]
    happenings += [
        Happening(
            epoch_ms(outcome.occurred_at),
            outcome.actor or "a desk",
            f"clock {in_words(outcome.outcome)}",
            clock.view.obligation,
        )
        for clock in case.clocks
        for outcome in clock.outcomes
    ]
    return sorted(happenings, key=lambda each: each.at_ms)
