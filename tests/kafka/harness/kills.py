"""Records that arrive while workers are killed."""

import random
import time
from collections.abc import Sequence

from tests.kafka.harness.deployment import Deployment
from tests.kafka.harness.publisher import Publisher
from tests.kafka.harness.reports import Published


def send_while_workers_are_killed(
    deployment: Deployment,
    chance: random.Random,
    pieces: int,
    *sends: tuple[Publisher, Sequence[Published]],
) -> None:
    """Send the records of all publishers in so many pieces, and kill one of two workers after each but the last."""
    fleet = deployment.fleet
    for number in range(pieces):
        for publisher, records in sends:
            publisher.send(records[number::pieces])
        time.sleep(chance.uniform(0, 2))
        if number < pieces - 1:
            fleet.tend()
            deployment.kill(chance.choice(fleet.running), at_once=number % 2 == 0)
            if len(fleet.running) < 2:
                fleet.start()
        for publisher, _ in sends:
            publisher.flush()
