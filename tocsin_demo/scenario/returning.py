"""A brigade that desks have met before, and an honest wave to compare it with.

What makes the difference is in the days before the six hours: the same accounts reported the same messages,
and desks dismissed them.
"""

from collections.abc import Iterator

from streams.contract.wire.times import HOUR, MINUTE
from tocsin_demo.scenario.crowds import (
    Planned,
    brigade_accounts,
    brigade_reports,
    decided,
    reported,
    wave_reports,
)
from tocsin_demo.scenario.world import PlannedReport, World

RETURNING_BRIGADE = "returning brigade"
HONEST_WAVE = "honest wave"

# Three shared targets link two outsiders safely (docs/coordination.md, 'Who belongs together'), and not
# everybody takes part each time. A day and a half apart, all of them lie within the week in which a dismissal
# enters a signature.
_EARLIER_TARGETS = 4
_BETWEEN_MS = 36 * HOUR
_DECIDED_AFTER_MS = 12 * HOUR


def returning_brigade(world: World, start_ms: int) -> Iterator[PlannedReport]:
    """Sixty old accounts report a shop within ten minutes, after the days of `brigade_history`."""
    channel, message = world.channel(RETURNING_BRIGADE, "TR"), world.message(RETURNING_BRIGADE, 0)
    random = world.randomness(RETURNING_BRIGADE)
    accounts = brigade_accounts(world, RETURNING_BRIGADE)
    begins = start_ms + 4 * HOUR + 10 * MINUTE
    yield from brigade_reports(random, RETURNING_BRIGADE, accounts, begins, channel, message)


def honest_wave(world: World, start_ms: int) -> Iterator[PlannedReport]:
    """Eighty people who reported nothing together before report a scam within an hour."""
    channel, message = world.channel(HONEST_WAVE, "DE"), world.message(HONEST_WAVE, 0)
    random = world.randomness(HONEST_WAVE)
    yield from wave_reports(world, random, HONEST_WAVE, start_ms + 3 * HOUR, channel, message)


def brigade_history(world: World, start_ms: int) -> Iterator[Planned]:
    """The week before `start_ms` (ms since the epoch): four shops that the brigade reported, all dismissed.

    In between each account reports something else, as anybody would.
    """
    story = f"{RETURNING_BRIGADE}/before"
    random = world.randomness(story)
    accounts = brigade_accounts(world, RETURNING_BRIGADE)
    for number in range(_EARLIER_TARGETS):
        name = f"{story}/{number}"
        channel, message = world.channel(name, "TR"), world.message(name, 0)
        begins = start_ms - (_EARLIER_TARGETS - number) * _BETWEEN_MS
        yield from brigade_reports(random, story, accounts, begins, channel, message)
        yield decided(random, story, begins + _DECIDED_AFTER_MS, channel, message, "dismissed")
    for index, account in enumerate(accounts):
        name = f"{story}/elsewhere/{index}"
        at = start_ms - int(random.random() * _EARLIER_TARGETS * _BETWEEN_MS)
        member = account | {"member": True}
        yield reported(random, story, at, world.channel(name), world.message(name, 0), member)
