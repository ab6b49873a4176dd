"""Counts what was published and what came out, and checks that the two add up."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from streams.contract.events.authority_routing import AuthorityRouting
from streams.contract.events.escalation import Escalation
from tocsin_demo.demo.crowds import CrowdCounts
from tocsin_demo.scenario import Fate


@dataclass
class Tally:
    """Counts of one run of the demo. Fields `*_at` are times of the monotonic clock, in seconds.

    `escalations` holds the events of policies, `clock_events` those of legal clocks. `requests` counts the
    authorities' requests that were published, and `routings` holds what came of them. `outcomes` counts the
    outcomes that the desk published. `latencies` are the seconds from the publication of the report that
    caused an escalation until a subscriber could read the escalation.

    `questions` counts what the desk was asked about reports, by storyline.

    `history` counts the reports of the days before, which all other counts leave out; `history_channels` are
    their channels. `notices_due` are the notices that what moderators decided about them must lead to.
    `crowds` is what the two crowds count as in the end, `sentences` what the newest report of each said about
    coordination.
    """

    published: Counter[Fate] = field(default_factory=Counter)
    enriched: int = 0
    dead_letters: Counter[str] = field(default_factory=Counter)
    escalations: list[Escalation] = field(default_factory=list)
    shadow: list[Escalation] = field(default_factory=list)
    clock_events: list[Escalation] = field(default_factory=list)
    outcomes: int = 0
    questions: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    routings: list[AuthorityRouting] = field(default_factory=list)
    storyline_of_channel: dict[str, str] = field(default_factory=dict)
    description_of_request: dict[str, str] = field(default_factory=dict)
    reports_of_storyline: Counter[str] = field(default_factory=Counter)
    history: int = 0
    history_enriched: int = 0
    history_channels: set[str] = field(default_factory=set)
    notices_due: int = 0
    notices: int = 0
    crowds: dict[str, CrowdCounts] = field(default_factory=dict)
    sentences: dict[str, str | None] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)
    began_at: float = 0.0
    last_arrival_at: float = 0.0

    @property
    def sent(self) -> int:
        """The number of records published to the topics of reports."""
        return self.published.total()

    @property
    def arrived(self) -> int:
        """The number of records that Tocsin has answered with an enriched report or a dead letter."""
        return self.enriched + self.dead_letters.total()

    @property
    def unanswered(self) -> int:
        """The number of records published to the topics of reports that wait. Duplicates get no answer."""
        return self.sent - self.published["duplicate"] - self.arrived

    @property
    def complete(self) -> bool:
        """Whether everything published was answered."""
        return (
            self.unanswered <= 0
            and self.judged >= self.requests
            and self.stopped >= self.outcomes
            and self.history_enriched >= self.history
            and self.notices >= self.notices_due
        )

    @property
    def judged(self) -> int:
        """The number of authorities' requests that were judged."""
        return sum(step.type == "routed" for step in self.routings)

    @property
    def stopped(self) -> int:
        """The number of clocks that were stopped."""
        return sum(event.type == "resolved" for event in self.clock_events)

    def differences(self) -> list[str]:
        """Where input and output do not add up, one phrase each; empty if nothing was lost or duplicated."""
        expected = {
            "enriched reports": (self.published["report"], self.enriched),
            "dead letters": (self.published["garbage"], self.dead_letters.total()),
            "judged requests": (self.requests, self.judged),
            "stopped clocks": (self.outcomes, self.stopped),
            "enriched reports of the days before": (self.history, self.history_enriched),
            "notices to reporters": (self.notices_due, self.notices),
        }
        return [
            f"{what}: {actual:,} instead of {wanted:,}"
            for what, (wanted, actual) in expected.items()
            if actual != wanted
        ]

    def story(self, escalation: Escalation) -> str:
        """The storyline of an escalation's channel, or `background`."""
        return self.storyline_of_channel.get(escalation.channel_ref, "background")

    def episodes(self) -> dict[str, list[Escalation]]:
        """The events of each episode by escalation id, in order."""
        return _by_id(self.escalations)

    def clocks(self) -> dict[str, list[Escalation]]:
        """The events of each legal clock of a report by clock id, in order."""
        return _by_id(self.clock_events)


def _by_id(events: Iterable[Escalation]) -> dict[str, list[Escalation]]:
    by_id = defaultdict(list)
    for event in events:
        by_id[event.escalation_id].append(event)
    return by_id
