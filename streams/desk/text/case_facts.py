"""What the events of an escalation say that a sentence about it needs: who says so, about what, where."""

from collections.abc import Sequence

import msgspec

from streams.contract.events.escalation import Escalation, Window
from streams.contract.events.report import Category
from streams.contract.wire.times import moment_ms
from streams.desk.text.record_text import likely_countries


class CaseFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """The facts of one escalation, or of several about the same message or channel.

    Counts are those of the newest event that counted reports, within a window of `window_ms`. `messages` is
    how many messages events name, at most ten, 0 if all reports are about the channel itself.
    `asked_by_victim`: a request in the form that a statute gives to the person shown or concerned, also if
    somebody made it for them. `clock_asks` is the action of a clock's duty, null for an episode. `voices` is
    null if no report came with a stamp.
    """

    category: Category
    countries: tuple[str, ...]
    reports: int
    distinct_reporters: int
    trusted_flaggers: int
    automated: int
    state_actors: int
    window_ms: int
    messages: int
    surge: bool = False
    asked_by_victim: bool = False
    clock_asks: str | None = None
    voices: float | None = None
    linked: int = 0
    coordinated: int = 0
    brigade: bool = False
    waits_for_answer: bool = False
    about_account: bool = False

    @property
    def of_people(self) -> int:
        """Reports that came neither from a detector, nor from a trusted flagger, nor from a state actor."""
        # Without doubtful reports a window may have fewer than these.
        return max(self.reports - self.automated - self.trusted_flaggers - self.state_actors, 0)


def case_facts(events: Sequence[Escalation]) -> CaseFacts:
    """The facts of one escalation. `events` are in the order of their sequence."""
    newest = events[-1]
    # The last event of a quiet channel counts nothing any more.
    counted = next((event for event in reversed(events) if event.counts.reports), newest)
    counts, finding = counted.counts, counted.integrity.finding
    duty = newest.obligations[0] if newest.clock is not None and newest.obligations else None
    return CaseFacts(
        category=newest.category,
        countries=tuple(likely_countries(newest.jurisdictions)),
        reports=counts.reports,
        distinct_reporters=counts.distinct_reporters,
        trusted_flaggers=counts.trusted_flaggers,
        automated=counts.automated,
        state_actors=counts.state_actors,
        # Of a clock it is the time of its duty, in which nothing is counted.
        window_ms=0 if newest.clock else _length_ms(counted.window),
        messages=len(messages_of(events)),
        surge=newest.level_name == "surge",
        asked_by_victim=any(map(_asked_by_victim, events)),
        clock_asks=None if duty is None else duty.action,
        voices=None if counts.voices is msgspec.UNSET else counts.voices,
        linked=counts.linked or 0,
        coordinated=0 if finding is msgspec.UNSET else finding.members,
        brigade=counted.integrity.brigade_suspected,
        waits_for_answer=newest.question is not msgspec.UNSET and newest.question.state == "asked",
        about_account=any(event.channel_kind == "account" for event in events),
    )


def messages_of(events: Sequence[Escalation]) -> tuple[str, ...]:
    """The messages that an escalation is about, most reported first, as its newest event that names any says.

    The last event of a quiet channel names none.
    """
    return next((event.message_refs for event in reversed(events) if event.message_refs), ())


def _length_ms(window: Window) -> int:
    """How long a window is; 0 if whoever wrote the event gave it no moments."""
    try:
        return moment_ms(window.end) - moment_ms(window.start)
    except (TypeError, ValueError):
        return 0


def _asked_by_victim(event: Escalation) -> bool:
    return any(
        duty.trigger == "statutory_victim_request" and duty.not_armed_reason != "trigger_not_met"
        for duty in event.obligations
    )
