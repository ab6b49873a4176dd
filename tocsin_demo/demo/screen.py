"""The demo's output: events as they arrive, progress, and the summary."""

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from streams.contract.events.authority_routing import AuthorityRouting
from streams.contract.events.escalation import Escalation
from streams.desk.text.record_text import escalation_grounds, escalation_text
from streams.desk.text.routing_text import clock_text, routing_grounds, routing_text
from tocsin_demo.demo.results import Tally
from tocsin_demo.demo.summary import summary
from tocsin_demo.scenario import DEMO_STORYLINES, STORYLINES

# Without a terminal nothing can be redrawn; a line at this interval shows progress instead.
_PLAIN_PROGRESS_SECONDS = 2.0

# So many files of Kafka are downloaded between two lines that say so.
_FILES_SHOWN = 10

# Enough characters to tell the channels of a run apart; `tocsin tail` shows the whole ref.
_REF_SHOWN = 8

_STYLES = {
    "opened": "bold yellow", "updated": "bold red", "resolved": "green",
    "routed": "bold yellow", "incomplete": "bold yellow", "refused": "bold red",
}  # fmt: skip


class Screen:
    """Writes to standard output: progress bars on a terminal, plain lines anywhere else."""

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

    def fetched(self, number: int, of: int) -> None:
        """Print now and then how far the download of Kafka is."""
        if number == 0:
            self.say(f"  downloading it once: {of} files, some 45 MB")
        elif number % _FILES_SHOWN == 0 or number == of:
            self.say(f"  {number} of {of} files")

    def begin(self, count: int) -> None:
        """Print what is about to be played, and start the progress bars."""
        self.say(f"\nPlaying six hours of a platform's reports, {count:,} records. Hidden in the noise:")
        for name in DEMO_STORYLINES:
            self.say(f"  {name:<17} {STORYLINES[name].description}")
        self.say(
            "A few requests of authorities arrive as well. Legal clocks run where the law sets a time "
            "limit.\n"
            "In the week before, desks dismissed four targets of the returning brigade."
        )
        self.say()
        for bar in (self._published, self._answered):
            self._bars.update(bar, total=count)
        self._bars.start()
        self._plain_at = time.monotonic()

    def progress(self, tally: Tally) -> None:
        """Update the progress bars, or print a line every two seconds without a terminal."""
        self._bars.update(self._published, completed=tally.sent)
        self._bars.update(self._answered, completed=tally.arrived)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._plain_at > _PLAIN_PROGRESS_SECONDS:
            self._plain_at = now
            self.say(f"  ... {tally.sent:,} published, {tally.arrived:,} answered")

    def escalation(self, tally: Tally, escalation: Escalation) -> None:
        """Print an event of an escalation, with its storyline, channel and reasons."""
        head = Text(escalation_text(escalation), style=_STYLES[escalation.type])
        head.append(
            f"  {tally.story(escalation)}, channel {escalation.channel_ref[:_REF_SHOWN]}", style="default"
        )
        self._bars.console.print(head)
        self._bars.console.print(Text(f"         {escalation_grounds(escalation)}", style="dim"))

    def routing(self, tally: Tally, routing: AuthorityRouting) -> None:
        """Print a step of an authority's request, with its reasons and clocks."""
        head = Text(routing_text(routing), style=_STYLES[routing.decision])
        head.append(f"  {tally.description_of_request.get(routing.request_id, '')}", style="default")
        self._bars.console.print(head)
        for line in [*routing_grounds(routing), *map(clock_text, routing.clocks)]:
            self._bars.console.print(Text(f"         {line}", style="dim"))

    def end(self) -> None:
        """Remove the progress bars."""
        self._bars.stop()

    def summary(self, tally: Tally) -> None:
        """Print the tables, the examples and the check that the numbers add up."""
        for line in summary(tally):
            self.say(line)
