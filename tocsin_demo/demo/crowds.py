"""The two crowds of the demo: a brigade that desks have met before, and an honest wave."""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from streams.commands.shared.channel_state import read_channel
from streams.counting.coordination.clusters import voices_millionths
from streams.counting.measures import MILLION
from streams.deciding.partition.hash_key import DEMONSTRATION
from streams.running.worker.rules import configured_rules, report_rules
from streams.running.worker.settings import Settings
from tocsin_demo.scenario import HONEST_WAVE, RETURNING_BRIGADE

CROWDS = (RETURNING_BRIGADE, HONEST_WAVE)
"""Their storylines."""

_CATEGORY = "fraud"
# Of the shipped policy `fraud`: both crowds are within it.
_WINDOW = "PT24H"


class CrowdCounts(NamedTuple):
    """What the reports about a crowd's channel count as."""

    reports: int
    reporters: int
    voices: float


class _Integrity(msgspec.Struct):
    sentence: str


class _Enriched(msgspec.Struct):
    integrity: _Integrity | None = None


_decode_enriched = msgspec.json.Decoder(_Enriched).decode


def sentence_of(enriched: bytes) -> str | None:
    """What an enriched report says about coordination; None if it shows no sign of any."""
    found = _decode_enriched(enriched).integrity
    return None if found is None else found.sentence


async def count_crowds(settings: Settings, story_of_channel: Mapping[str, str]) -> dict[str, CrowdCounts]:
    """Read from the worker's committed state what the crowds count as, by storyline.

    `story_of_channel` has their channels among others.
    """
    rules = report_rules(settings, configured_rules(settings), DEMONSTRATION)
    found = {}
    for channel, story in story_of_channel.items():
        if story in CROWDS:
            kept = await read_channel(settings, rules, channel)
            for category, window, counts in kept.windows:
                if (category, window) == (_CATEGORY, _WINDOW):
                    voices = voices_millionths(counts.stamped.sums) / MILLION
                    found[story] = CrowdCounts(counts.reports, counts.distinct_reporters, voices)
    return {story: found[story] for story in CROWDS if story in found}
