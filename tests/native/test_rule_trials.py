"""A candidate in shadow and for a share of channels: the same bytes on both cores, wherever owners change."""

import random

import pytest

from streams.deciding.partition.limits import UNLIMITED
from tests.tools import native_core
from tests.unit.test_rule_trials import CHANNELS, records_of, results, stages

native_core()

KINDS = ["report"] * 8 + ["late", "tick", "tick", "trial"]
FEW = UNLIMITED._replace(slice_records=7, batch_bytes=20_000)


@pytest.mark.parametrize("seed", range(12))
def test_both_cores_try_a_candidate_alike(seed):
    draw = random.Random(seed)
    walk = [
        (
            draw.choice(KINDS),
            draw.choice(CHANNELS),
            draw.choice([0, 1, 6, 40]),
            draw.choice(["spam", "spam", "fraud"]),
            draw.choice([0, 10, 50, None]),
        )
        for _ in range(120)
    ]
    records = records_of(walk)
    cuts = set(draw.sample(range(40), 4))
    python = results(stages(), records)
    native = results(stages("native"), records, FEW, cuts)
    assert native == python
    topics = {output.topic for output in python[0]}
    assert topics >= {"escalations", "escalations-shadow", "rule-trials"}
