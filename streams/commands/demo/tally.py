"""What went in and what came out, and whether the two add up."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from streams.commands.scenario import Fate
from streams.events.escalation import Escalation


@dataclass
class Tally:
    """Counts of one run of the demo. `*_at` are times of the monotonic clock, in seconds.

    `latencies` are seconds from the publication of the report that caused an escalation until the escalation could be
    read by a subscriber.
    """

    published: Counter[Fate] = field(default_factory=Counter)
    enriched: int = 0
    dead_letters: Counter[str] = field(default_factory=Counter)
    escalations: list[Escalation] = field(default_factory=list)
    shadow: list[Escalation] = field(default_factory=list)
    storyline_of_channel: dict[str, str] = field(default_factory=dict)
    reports_of_storyline: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    began_at: float = 0.0
    last_arrival_at: float = 0.0

    @property
    def sent(self) -> int:
        """Records published."""
        return self.published.total()

    @property
    def arrived(self) -> int:
        """Records that Tocsin has answered: enriched, or put into the dead letters."""
        return self.enriched + self.dead_letters.total()

    @property
    def complete(self) -> bool:
        """Whether there is an answer to every record but the duplicates, which have none."""
        return self.arrived >= self.sent - self.published["duplicate"]

    def differences(self) -> list[str]:
        """Where input and output do not add up, one sentence each; empty when nothing was lost or doubled."""
        expected = {
            "enriched reports": (self.published["report"], self.enriched),
            "dead letters": (self.published["garbage"], self.dead_letters.total()),
        }
        return [
            f"{what}: {came:,} came, {should:,} should have"
            for what, (should, came) in expected.items()
            if came != should
        ]

    def story(self, escalation: Escalation) -> str:
        """The storyline that an escalation belongs to."""
        return self.storyline_of_channel.get(escalation.channel_ref, "background")

    def episodes(self) -> dict[str, list[Escalation]]:
        """The events of each episode, in their order."""
        by_id = defaultdict(list)
        for escalation in self.escalations:
            by_id[escalation.escalation_id].append(escalation)
        return by_id
