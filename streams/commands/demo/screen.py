"""What a person sees of the demo: a line for each escalation, how far it is, and what it all came to."""

import os
import time
from collections import Counter
from statistics import median

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from streams.commands.demo.portrait import most_telling, portrait
from streams.commands.demo.tally import Tally
from streams.commands.record_text import escalation_grounds, escalation_text
from streams.commands.scenario import DEMO_STORYLINES, STORYLINES
from streams.commands.text_table import text_table
from streams.events.escalation import Escalation

# Where there is no terminal to redraw, a line now and then shows that it goes on.
_PLAIN_PROGRESS_SECONDS = 2.0

# An escalation that takes longer has waited behind other reports.
_QUEUED_SECONDS = 1.0

# Enough to tell the channels of a run apart; `tocsin tail` shows the whole.
_REF_SHOWN = 8

_STYLES = {"opened": "bold yellow", "updated": "bold red", "resolved": "green"}


class Screen:
    """Standard output: redrawn progress on a terminal, plain lines anywhere else."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self._bars = Progress(
            *columns, console=self._console, transient=True, disable=not self._console.is_terminal
        )
        self._published = self._bars.add_task("published", total=None)
        self._answered = self._bars.add_task("answered", total=None)
        self._plain_at = 0.0

    def say(self, text: str = "") -> None:
        """Print a line."""
        self._console.print(Text(text))

    def begin(self, count: int) -> None:
        """Tell what is played, and start the progress bars."""
        self.say(f"\nPlaying six hours of a platform's reports, {count:,} records. Hidden in the noise:")
        for name in DEMO_STORYLINES:
            self.say(f"  {name:<16} {STORYLINES[name].description}")
        self.say()
        for bar in (self._published, self._answered):
            self._bars.update(bar, total=count)
        self._bars.start()
        self._plain_at = time.monotonic()

    def progress(self, tally: Tally) -> None:
        """Show how far it is."""
        self._bars.update(self._published, completed=tally.sent)
        self._bars.update(self._answered, completed=tally.arrived)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._plain_at > _PLAIN_PROGRESS_SECONDS:
            self._plain_at = now
            self.say(f"  ... {tally.sent:,} published, {tally.arrived:,} answered")

    def escalation(self, tally: Tally, escalation: Escalation) -> None:
        """Show an escalation: whose, and with which numbers."""
        head = Text(escalation_text(escalation), style=_STYLES[escalation.type])
        head.append(
            f"  {tally.story(escalation)}, channel {escalation.channel_ref[:_REF_SHOWN]}", style="default"
        )
        self._bars.console.print(head)
        self._bars.console.print(Text(f"         {escalation_grounds(escalation)}", style="dim"))

    def end(self) -> None:
        """Take the progress bars away."""
        self._bars.stop()

    def summary(self, tally: Tally) -> None:
        """Show what became of each storyline, which policies were met, and that the numbers add up."""
        self.say("\nWhat was played, and what became of it")
        self.say(text_table(_STORY_HEADER, _story_rows(tally)))
        self.say("\nEpisodes by policy and the highest level they reached")
        self.say(text_table(("policy", "level", "episodes", "resolved"), _policy_rows(tally)))
        example = most_telling(tally)
        if example is not None:
            self.say("\nOne escalation as a trust and safety desk gets it")
            self.say(portrait(example))
        reasons = ", ".join(f"{reason} {number}" for reason, number in sorted(tally.dead_letters.items()))
        self.say(f"\nDead letters: {reasons}")
        seconds = tally.last_arrival_at - tally.began_at
        self.say(
            f"Played at {tally.sent / seconds:,.0f} records a second for {seconds:.1f} s, publisher, broker, worker and "
            f"this reader sharing {os.cpu_count()} cores."
        )
        if tally.latencies:
            typical, longest = median(tally.latencies), max(tally.latencies)
            self.say(
                "From a report's publication to its committed escalation: "
                f"median {typical * 1000:.0f} ms, longest {longest * 1000:.0f} ms."
            )
            if typical > _QUEUED_SECONDS:
                self.say(
                    "(The reports came faster than this machine could answer: most of it is time in the queue.)"
                )
        self.say(
            f"It adds up: {tally.sent:,} published = {tally.enriched:,} enriched "
            f"+ {tally.published['duplicate']:,} duplicates dropped + {tally.dead_letters.total():,} dead letters."
        )


_STORY_HEADER = ("storyline", "reports", "channels", "episodes", "highest level", "remarks")


def _story_rows(tally: Tally) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    channels = Counter(tally.storyline_of_channel.values())
    episodes = tally.episodes().values()
    for name in [*DEMO_STORYLINES, "background"]:
        own = [events for events in episodes if tally.story(events[0]) == name]
        events = [escalation for episode in own for escalation in episode]
        highest = max(events, key=lambda escalation: escalation.level, default=None)
        reports = tally.reports_of_storyline[name]
        if name == "background":
            reports = tally.published["report"] - tally.reports_of_storyline.total()
        rows.append(
            (
                name,
                f"{reports:,}",
                str(channels[name]) if name in STORYLINES else "",
                str(len(own)),
                f"{highest.level} {highest.level_name}" if highest else "none",
                ", ".join(_remarks(tally, name, events)),
            )
        )
    return rows


def _remarks(tally: Tally, story: str, events: list[Escalation]) -> list[str]:
    resolved = sum(escalation.type == "resolved" for escalation in events)
    in_shadow = sum(
        escalation.type == "opened" and tally.story(escalation) == story for escalation in tally.shadow
    )
    remarks = [f"{resolved} resolved"] if resolved else []
    if in_shadow:
        remarks.append(f"{in_shadow} in shadow")
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
