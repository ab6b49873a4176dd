"""Sample traffic: six made-up hours of a platform (reports, authorities' requests), and ten days of crowds.

The same seed, size and end give the same records:

    for record in play(seed=7, count=50_000, end_ms=now):
        producer.send(record.topic, key=record.key, value=record.value, headers=record.headers)
"""

from tocsin_demo.scenario.play import (
    MINIMUM_COUNT,
    Fate,
    ScenarioRecord,
    play,
    play_alone,
    play_crowds,
    play_history,
    play_requests,
)
from tocsin_demo.scenario.returning import HONEST_WAVE, RETURNING_BRIGADE
from tocsin_demo.scenario.storylines import DEMO_STORYLINES, RIGHT_CROWDS, STORYLINES

__all__ = [
    "DEMO_STORYLINES",
    "HONEST_WAVE",
    "MINIMUM_COUNT",
    "RETURNING_BRIGADE",
    "RIGHT_CROWDS",
    "STORYLINES",
    "Fate",
    "ScenarioRecord",
    "play",
    "play_alone",
    "play_crowds",
    "play_history",
    "play_requests",
]
