"""A case as a sentence: what it is, who says so, about what, where; and on a second line the evidence."""

from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from streams.contract.wire.times import DAY, HOUR, MINUTE
from streams.desk.text.case_facts import CaseFacts
from streams.desk.text.category_words import category_title
from streams.desk.text.country_names import in_places

# Categories of which the person who may ask by statute is the one to be seen.
_SHOWN: Final = ("ncii", "ncii_deepfake", "sextortion")

_WAITS: Final[dict[str, str]] = {
    "acknowledge": "waits for its receipt",
    "decide": "waits for a decision",
    "remove": "waits to be acted on",
    "geo_disable": "waits to be acted on",
    "escalate_internal": "waits to be looked at",
}
# Only a law that Tocsin does not ship starts another clock with a report.
_OTHERWISE: Final = "waits for what the law asks"

MOST_FACTS: Final = 2
"""Facts of evidence in a row: one line of the desk has room for two."""


class Sentence(NamedTuple):
    """A case in words. `what` and `says` are one sentence; `evidence` are facts beside it, at most two."""

    what: str
    says: str
    evidence: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.what}: {self.says}"

    @property
    def second_line(self) -> str:
        """The evidence as one line."""
        return "; ".join(self.evidence)


def case_sentence(facts: CaseFacts) -> Sentence:
    """The sentence of a case. What events do not say is left out."""
    what = category_title(facts.category) + (" surge" if facts.surge else "")
    return Sentence(what, _says(facts), tuple(islice(_evidence(facts), MOST_FACTS)))


def _says(facts: CaseFacts) -> str:
    about, where = _about(facts), in_places(facts.countries)
    if facts.asked_by_victim:
        person = "the person shown" if facts.category in _SHOWN else "the person concerned"
        if facts.clock_asks in (None, "remove", "geo_disable"):
            return f"{person} asks for removal{where}"
        return f"a request of {person}{where} {_waits(facts)}"
    if facts.clock_asks is not None:
        notice = "a trusted flagger's notice" if facts.trusted_flaggers else "a report"
        return f"{notice} about {about}{where} {_waits(facts)}"
    who, plural = _who(facts)
    if not who:
        return f"reports about {about}{where}"
    if facts.brigade and plural:
        together = "look coordinated" if facts.voices is None else f"count as {_voices(facts.voices)}"
        return f"{who} who report {about}{where} {together}"
    return f"{who} report{'' if plural else 's'} {about}{where}"


def _waits(facts: CaseFacts) -> str:
    return _OTHERWISE if facts.clock_asks is None else _WAITS.get(facts.clock_asks, _OTHERWISE)


def _about(facts: CaseFacts) -> str:
    channel = "an account" if facts.about_account else "a channel"
    if facts.messages == 0:
        return channel
    return "a message" if facts.messages == 1 else f"messages of {channel}"


def _who(facts: CaseFacts) -> tuple[str, bool]:
    """Who reports, and whether that takes a verb in the plural."""
    vouched = [
        f"a {one}" if number == 1 else many
        for number, one, many in (
            (facts.automated, "detector", "detectors"),
            (facts.trusted_flaggers, "trusted flagger", "trusted flaggers"),
            (facts.state_actors, "state actor", "state actors"),
        )
        if number
    ]
    if vouched:
        # Among the different reporters are flaggers and detectors: how many of them are people is not said.
        others = {0: [], 1: ["1 person"]}.get(facts.of_people, ["others"])
        *most, last = [*vouched, *others]
        return f"{', '.join(most)} and {last}" if most else last, bool(most) or last.endswith("s")
    people = facts.distinct_reporters or min(facts.reports, 1)
    if facts.distinct_reporters == 0 and facts.reports > 1:
        return "people", True
    return (_people(people), people != 1) if people else ("", False)


def _evidence(facts: CaseFacts) -> Iterator[str]:
    if facts.waits_for_answer:
        yield "a desk is asked whether its reports are right"
    if facts.linked:
        yield f"{facts.linked:,} of {facts.distinct_reporters:,} reporters report together"
    elif facts.coordinated:
        yield f"{facts.coordinated:,} reporters look coordinated"
    elif facts.brigade:
        yield "few reporters sent most of the reports"
    if _counts_as_fewer(facts) and not facts.brigade:
        assert facts.voices is not None
        yield f"they count as {_voices(facts.voices)}"
    if facts.reports > 1:
        yield _how_many(facts)


def _how_many(facts: CaseFacts) -> str:
    """The reports, their window, and how many came from whom if not all came from people."""
    within, sources = _within(facts), _sources(facts)
    if within and not sources and facts.reports == facts.distinct_reporters:
        # The sentence has the number.
        return f"all{within}"
    return ": ".join(filter(None, (f"{counted(facts.reports, 'report')}{within}", sources)))


def _counts_as_fewer(facts: CaseFacts) -> bool:
    return facts.voices is not None and round(facts.voices) < facts.distinct_reporters


def _sources(facts: CaseFacts) -> str:
    """How many reports came from whom; empty if all came from people."""
    if facts.of_people >= facts.reports:
        return ""
    numbers = (
        (facts.automated, "by detectors"),
        (facts.trusted_flaggers, "by trusted flaggers"),
        (facts.state_actors, "by state actors"),
        (facts.of_people, "by people"),
    )
    return ", ".join(f"{number:,} {by}" for number, by in numbers if number > 0)


def _within(facts: CaseFacts) -> str:
    """The window in which reports were counted, in its largest whole unit."""
    for length, unit in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")):
        if facts.window_ms and facts.window_ms % length == 0:
            number = facts.window_ms // length
            return f" within {'a day' if (number, unit) == (1, 'day') else counted(number, unit)}"
    return ""


def _voices(voices: float) -> str:
    return counted(max(round(voices), 1), "voice")


def _people(number: int) -> str:
    return "1 person" if number == 1 else f"{number:,} people"


def counted(number: int, noun: str) -> str:
    """A number and its noun, which takes an s for more than one."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
