"""Each topic name is defined once, and names can be distinguished behind any prefix."""

from itertools import permutations

from streams.contract.wire.topics import TOPICS, without_prefix
from streams.running.topics.topic_catalogue import load_catalogue


def test_the_catalogue_has_every_name():
    assert set(load_catalogue()) == set(TOPICS)


def test_no_topic_name_ends_with_another():
    assert not [(one, other) for one, other in permutations(TOPICS, 2) if one.endswith(other)]


def test_any_prefix_is_removed():
    for prefix in ("", "eu.", "escalations", "message-reports-"):
        assert [without_prefix(prefix + name) for name in TOPICS] == list(TOPICS)
    assert without_prefix("somebody-elses") == "somebody-elses"
