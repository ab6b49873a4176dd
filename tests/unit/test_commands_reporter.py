"""`tocsin reporter show`: what it reads from the state, what it prints in words and as JSON, and its errors."""

import orjson
import pytest
from aiokafka.errors import UnknownTopicOrPartitionError
from click.testing import CliRunner

from streams.commands.main import commands
from streams.commands.reporter import kept_reporter
from streams.contract.wire.forms.reporter_history import REPORTER_HEADER
from streams.contract.wire.origin import with_origin
from streams.contract.wire.state_records import STATE_VERSION
from streams.deciding.partition.hash_key import DEMONSTRATION, DEMONSTRATION_KEY
from streams.deciding.reports.reporter_keys import REPORTER_KEYS
from streams.deciding.reports.state import ReportState
from streams.running.clients import kept_state
from tests.unit.reporter_traffic import credit, passed, stamp_all
from tests.unit.standing_traffic import paused, warned
from tests.unit.traffic import (
    MINUTE,
    REPORTERS_INTERNAL,
    SHIPPED,
    START,
    Record,
    compiled,
    fold,
    report,
    run,
)

DAY = 86_400_000
ONE = "reporter-1"


def stored_reporters(*records):
    stored = {}
    fold(stored, stamp_all(records).changes)
    return stored


def upheld_and_dismissed(upheld=8, dismissed=2, category="fraud", end=START + MINUTE):
    """Outcomes of the reporter, decided at `end`, and then reports about three channels."""
    verdicts = ["upheld"] * upheld + ["dismissed"] * dismissed
    credits = [
        credit(n, end, ONE, verdict, message=f"m{n}", category=category) for n, verdict in enumerate(verdicts)
    ]
    reports = [
        passed(100 + n, end + MINUTE, ONE, channel=f"c{n}", message=f"of-c{n}", category=category)
        for n in range(3)
    ]
    return [*credits, *reports]


class Topics:
    """What the command reads, by topic, and how often it reads."""

    def __init__(self, monkeypatch):
        self.records = {"reporter-state": {}, "channel-state": {}}
        for name, value in (("committed_records", self._committed), ("partition_count", self._count)):
            monkeypatch.setattr(kept_reporter, name, value)
            monkeypatch.setattr(kept_state, name, value)
        monkeypatch.setenv("TOCSIN_HASH_KEY", DEMONSTRATION_KEY.hex())

    async def _committed(self, _, topic, *, partition):
        for key, value in self.records[topic].items():
            yield Record(topic, partition, 0, START, key, value)

    async def _count(self, _, topic):
        if self.records[topic] is None:
            raise UnknownTopicOrPartitionError(topic)
        return 1


@pytest.fixture
def topics(monkeypatch):
    return Topics(monkeypatch)


def show(*arguments):
    return CliRunner().invoke(commands, ["reporter", "show", *arguments])


def shown(*arguments):
    result = show(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return orjson.loads(result.stdout)


def test_trust_is_that_of_the_worked_example(topics):
    topics.records["reporter-state"] = stored_reporters(*upheld_and_dismissed())
    known = shown(ONE)
    # docs/trust.md, 'Trust': 8 upheld and 2 dismissed outcomes by two reviewers each.
    assert known["trust"] == {
        "trust_class": "high",
        "mean": 0.714,
        "lower": 0.592,
        "factor": 2.857,
        "basis": "reporter",
        "outcomes": {"upheld": 8, "dismissed": 2, "manifestly_unfounded": 0},
    }
    (category,) = known["categories"]
    assert category["category"] == "fraud"
    assert category["decided"] == {"upheld": 8, "dismissed": 2, "manifestly_unfounded": 0}
    assert category["trust"]["basis"] == "category"
    assert (known["today"]["reports"], known["today"]["limit"]) == (3, 30)
    assert (known["this_week"]["channels"], known["this_week"]["limit"]) == (3, 60)


def test_the_text_says_why_and_from_what(topics):
    topics.records["reporter-state"] = stored_reporters(*upheld_and_dismissed())
    result = show(ONE)
    assert result.exit_code == 0, result.output
    for expected in (
        "mean 0.714, lower bound 0.592",
        "8 upheld, 2 dismissed, 0 manifestly unfounded, each fading by half every 90 days",
        "(1 of 4 reports upheld)",
        "2.857 times that of a reporter of this kind without outcomes",
        "3 reports on 2026-09-04 (UTC), of 30 that weigh",
        "about 3 different channels; from 60 on a person is asked to look",
        "From 5 outcomes in a category on",
    ):
        assert expected in result.stdout, expected


def test_a_class_says_what_the_next_one_needs(topics):
    topics.records["reporter-state"] = stored_reporters(*upheld_and_dismissed(upheld=3, dismissed=0))
    assert "medium, with lower bound 0.396 and 3 upheld; high needs 0.5 and 5 upheld" in show(ONE).stdout


def decided(record):
    """A decision as it comes to the reporter's home."""
    key = b"%016x" % DEMONSTRATION.current.reporter_hash(ONE)
    headers = (*with_origin(record), (REPORTER_HEADER, key))
    return record._replace(topic=REPORTERS_INTERNAL, headers=headers)


def test_a_warning_and_a_pause_are_shown_as_long_as_they_are_in_force(topics):
    records = [decided(warned(1, START, ONE)), passed(1, START, ONE), decided(paused(2, START, ONE))]
    topics.records["reporter-state"] = stored_reporters(*records)
    assert shown(ONE)["standing"] == {
        "warned_until": "2027-03-03T00:00:00.000Z",
        "paused_until": "2026-10-04T00:00:00.000Z",
        "channels": 1,
    }
    assert (
        "paused until 2026-10-04T00:00:00.000Z: reports weigh nothing; warned, in force until "
        "2027-03-03T00:00:00.000Z; watched in 1 channel"
    ) in show(ONE).stdout
    later = passed(2, START + 200 * DAY, ONE)
    topics.records["reporter-state"] = stored_reporters(*records, later)
    assert shown(ONE)["standing"] is None
    assert "standing" not in show(ONE).stdout


def test_without_outcomes_trust_is_what_is_expected_of_the_kind(topics):
    topics.records["reporter-state"] = stored_reporters(passed(1, START, ONE))
    known = shown(ONE)
    assert (known["trust"]["basis"], known["trust"]["mean"], known["categories"]) == ("kind", 0.25, [])
    flagger = shown(ONE, "--kind", "trusted_flagger")
    assert (flagger["trust"]["mean"], flagger["today"]["limit"]) == (0.6, 2000)
    assert (
        "what is expected of kind anonymous: 1 of 5 reports upheld" in show(ONE, "--kind", "anonymous").stdout
    )
    assert "kind automated has no limit" in show(ONE, "--kind", "automated").stdout


def test_the_limit_of_the_day_and_the_asking_are_shown(topics):
    reports = [passed(n, START, ONE, channel=f"c{n}") for n in range(70)]
    topics.records["reporter-state"] = stored_reporters(*reports)
    text = show(ONE).stdout
    assert "70 reports on" in text
    assert "beyond the limit of 30" in text
    assert "a person is asked to look (done)" in text


def test_days_and_weeks_that_are_over_do_not_count(topics):
    later = [passed(500, START + 30 * DAY, "another", channel="elsewhere")]
    topics.records["reporter-state"] = stored_reporters(*upheld_and_dismissed(), *later)
    known = shown(ONE)
    assert (known["today"]["reports"], known["this_week"]["channels"]) == (0, 0)
    assert known["trust"]["outcomes"]["upheld"] == pytest.approx(8 * 2 ** (-30 / 90), abs=0.01)


def test_nothing_is_printed_that_the_operator_did_not_type(topics):
    records = stored_reporters(*upheld_and_dismissed())
    topics.records["reporter-state"] = records
    for result in (show(ONE), show(ONE, "--json")):
        hashed = DEMONSTRATION.current.reporter_hash(ONE)
        assert f"{hashed:x}" not in result.output
        assert str(hashed) not in result.output
        assert "of-c" not in result.output


def test_an_unknown_reporter_is_an_error(topics):
    topics.records["reporter-state"] = stored_reporters(*upheld_and_dismissed())
    result = show("reporter-2")
    assert result.exit_code == 1
    assert "nothing is known of this reporter (home partition 0)" in result.stderr
    assert "or the ref is wrong" in result.stderr


def counted():
    stored = {}
    rules = compiled(*SHIPPED.policies)
    fold(stored, run(ReportState(0, 1, rules), rules, [report(1, START)]).changes)
    assert stored[REPORTER_KEYS].startswith(STATE_VERSION)
    return stored


def test_another_key_than_the_workers_is_named_by_its_id(topics, monkeypatch):
    topics.records["channel-state"] = counted()
    monkeypatch.setenv("TOCSIN_HASH_KEY", bytes(range(32)).hex())
    result = show(ONE)
    assert result.exit_code == 1
    assert f"but the workers use {DEMONSTRATION.current.id}, another one" in result.stderr
    assert bytes(range(32)).hex() not in result.output
    monkeypatch.setenv("TOCSIN_HASH_KEY_PREVIOUS", DEMONSTRATION_KEY.hex())
    assert "the one in TOCSIN_HASH_KEY_PREVIOUS" in show(ONE).stderr


def test_with_the_workers_key_an_unknown_reporter_is_not_blamed_on_the_key(topics):
    topics.records["channel-state"] = counted()
    assert "or the ref is wrong" in show(ONE).stderr


def test_a_missing_topic_is_named(topics):
    topics.records["reporter-state"] = None
    result = show(ONE)
    assert result.exit_code == 1
    assert "`tocsin topics create` creates it" in result.stderr


def test_a_key_is_needed(topics, monkeypatch):
    monkeypatch.delenv("TOCSIN_HASH_KEY")
    result = show(ONE)
    assert result.exit_code != 0
    assert "TOCSIN_HASH_KEY is missing" in str(result.exception)


def test_damaged_state_is_an_error_without_a_traceback(topics):
    stored = stored_reporters(*upheld_and_dismissed())
    for key in list(stored):
        if key.startswith(b"W"):
            stored[key] = STATE_VERSION + b"\xc1" + bytes(4)
    topics.records["reporter-state"] = stored
    result = show(ONE)
    assert isinstance(result.exception, SystemExit)
    assert "Run `tocsin state check` for details" in result.stderr


def test_what_is_no_ref_is_refused():
    assert show("not a ref").exit_code == 2
