"""A small world through the evaluation: brigades are told from crowds, and the figures can be trusted to
fail.
"""

from dataclasses import replace

import pytest

from streams.counting.coordination import clusters
from tests.evaluate.figures import figures, table
from tests.evaluate.fresh import levels_of_a_fresh_brigade
from tests.evaluate.play import Play
from tests.evaluate.world import QUICK, Builder

SMALL = replace(
    QUICK, honest=6_000, background=8_000, channels=4_000, popular=160, communities=5, sizes=(50,), adaptive=1
)


@pytest.fixture(scope="module")
def world():
    return Builder(3, SMALL).build()


@pytest.mark.slow
def test_brigades_are_linked_and_honest_waves_keep_their_voices(world):
    found = figures(world, Play(world, 0.7).run())
    assert found["honest linked %"] <= 0.6
    assert found["recall, 5 targets"] >= 0.7
    assert found["recall, 10 targets"] >= 0.95
    assert found["voices, later targets"] <= 5
    assert found["kept by waves, 10th pct"] >= 0.95
    assert found["waves opened"] == 1
    assert found["delay s, 90th pct"] <= 60
    assert "| recall, 5 targets | >= 0.75 |" in table({"70% known": [found]})


@pytest.mark.slow
def test_without_links_brigades_count_by_heads(world, monkeypatch):
    monkeypatch.setattr(clusters, "linked", lambda *_: False)
    found = figures(world, Play(world, 0.7).run())
    assert found["honest linked %"] == found["recall, 10 targets"] == 0
    assert found["voices, later targets"] > 20


def test_a_fresh_brigade_alone_never_rises_above_review_outside_floor_categories():
    assert max(level for level, floor in levels_of_a_fresh_brigade() if not floor) == 1
    # It would, without the cap.
    assert max(level for level, floor in levels_of_a_fresh_brigade(capped=False) if not floor) > 1
