"""Small worlds through the stages: brigades are told from crowds, and the figures can be trusted to fail."""

from dataclasses import replace

import pytest

from streams.counting.coordination import clusters
from tests.evaluate import agents, drawn
from tests.evaluate.desks import DeskSettings
from tests.evaluate.figures import figures, stories, story_table, table
from tests.evaluate.play import play
from tests.evaluate.replay import read_labels, read_ratings, replay
from tests.evaluate.stages import shipped

SMALL = replace(drawn.QUICK, tactics=0)
LIVE = shipped(integrity="live")
TRUE = DeskSettings(known=1.0)


@pytest.fixture(scope="module")
def world():
    return drawn.drawn_world(3, SMALL)


@pytest.mark.slow
def test_brigades_are_linked_and_honest_waves_keep_their_voices(world):
    played = play(world, LIVE, TRUE)
    found = figures(played)
    assert found["honest linked %"] <= 0.3
    assert found["brigades: recall, 10 targets"] >= 0.9
    assert found["brigades: voices of heads, later targets"] <= 0.5
    assert found["waves: voices kept, 10th pct"] >= 0.95
    assert found["waves: opened"] == 1
    assert found["waves: delay of level 1, s, 90th pct"] <= 60
    assert found["trust: factor, honest"] > found["trust: factor, brigades"]
    by_story = stories(played)
    assert by_story["brigade of 100 new accounts"]["level"] <= 1
    assert by_story["one account, 33 csam reports"]["level"] == 1
    assert "| wave of 80 | 1 | 80.0 | 80.0 |" in story_table([by_story])


@pytest.mark.nightly
def test_without_links_brigades_count_by_heads(world, monkeypatch):
    monkeypatch.setattr(clusters, "linked", lambda *_: False)
    found = figures(play(world, LIVE, TRUE))
    assert found["honest linked %"] == found["brigades: recall, 10 targets"] == 0
    assert found["brigades: voices of heads, later targets"] > 0.9


@pytest.mark.nightly
def test_desks_that_err_are_seen_in_the_trust(world):
    # The share of pairs in which an honest person is trusted more than one of a brigade.
    apart = [
        figures(play(world, LIVE, desks))["trust: an honest one above one of a brigade"]
        for desks in (TRUE, replace(TRUE, errs=1.0))
    ]
    assert apart[0] > 0.8
    # A desk that is always wrong turns it round.
    assert apart[1] < 0.4


@pytest.mark.nightly
def test_a_society_has_waves_quarrels_and_brigades_without_labels():
    world = agents.agent_world(1, agents.QUICK)
    found = figures(play(world, LIVE, DeskSettings()))
    assert found["waves: opened"] >= 0.9
    assert found["brigades: voices of heads, later targets"] < found["waves: voices kept, 10th pct"]


@pytest.mark.parametrize(
    "make", [lambda seed: drawn.drawn_world(seed, SMALL), lambda seed: agents.agent_world(seed, agents.QUICK)]
)
def test_a_seed_makes_the_same_world_and_another_seed_another(make):
    assert make(1) == make(1)
    assert make(1).reports != make(2).reports


def test_some_publishers_leave_out_who_is_a_member_and_how_old_accounts_are(world):
    for field, least in (("member", 0.1), ("age", 0.15)):
        missing = sum(getattr(each, field) is None for each in world.reports) / len(world.reports)
        assert least < missing < 0.5


def test_a_missed_aim_is_marked():
    assert "| honest linked % | <= 0.3 | 0.40 **missed** |" in table({"x": [{"honest linked %": 0.4}]})
    assert "| honest linked % | <= 0.3 | 0.20 (0.10 to 0.30) |" in table(
        {"x": [{"honest linked %": 0.1}, {"honest linked %": 0.3}]}
    )


def test_a_file_of_ratings_shows_whether_trust_tells_known_raters_apart(tmp_path):
    """Honest raters rate the fraudulent down, and these rate the honest down: ten of each, in six months."""
    network, labels = tmp_path / "network.csv", tmp_path / "labels.csv"
    rows = []
    for month in range(6):
        for rater in range(20):
            rated = 10 + (rater + month) % 10 if rater < 10 else (rater + month) % 10
            rows.append(f"{rater},{rated},-10,{1_300_000_000 + month * 2_500_000 + rater * 60}")
            rows.append(f"{rated},{rater},1,{1_300_000_000 + month * 2_500_000 + rater * 60}")
    network.write_text("\n".join(rows) + "\n")
    labels.write_text("".join(f"{person},{1 if person < 10 else -1}\n" for person in range(20)))
    found = replay(read_ratings(network), read_labels(labels), LIVE)
    assert found["negative ratings"] == found["of them about a person with a label"] == 120
    assert found["honest raters with outcomes"] == found["fraudulent raters with outcomes"] == 10
    assert found["factor, honest"] > 1 > found["factor, fraudulent"]
    assert found["an honest one is trusted more than a fraudulent one (AUC)"] == 1
    network.write_text("1,2,-10\n")
    with pytest.raises(ValueError, match="line 1: must be rater,rated"):
        read_ratings(network)
    labels.write_text("1,good\n")
    with pytest.raises(ValueError, match="line 1: must be person"):
        read_labels(labels)
