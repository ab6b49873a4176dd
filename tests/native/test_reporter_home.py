"""The native core at the home of reporters stamps what Python stamps, to the byte, and leaves the same state."""

import random

import pytest

from streams.contract.events.internal.source_decision import SourceDecision
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.failing import StageFailed
from streams.contract.wire.forms.source_decision import encode_source_decision
from streams.deciding.partition.admission.newcomers import Newcomers
from streams.deciding.partition.limits import UNLIMITED
from streams.deciding.partition.settings import DEFAULTS, PartitionSettings
from streams.deciding.reporters.rules import compile_reporter_rules
from streams.deciding.reporters.stage import reporter_stage
from streams.deciding.reporters.store import QUIET_DAYS
from streams.deciding.reporters.tally import PERIOD_DAYS, VERDICTS
from streams.registry.loader import load_rules
from tests.bench.place import ONE_TOPIC
from tests.native.both_cores import LONG_SOURCE, BothStages
from tests.native.fuzz import BEGIN_MS, DAY, HOUR, with_low_limits
from tests.tools import native_core
from tests.unit.reporter_traffic import credit, gate, passed, read_back
from tests.unit.traffic import Record, report

native_core()

RULES = load_rules(sources=ONE_TOPIC)
STRICT = with_low_limits(RULES)
INTERNAL = "reporters-internal"


class Homes(BothStages):
    """One partition whose reports Python stamps, and one whose reports the native core does."""

    def __init__(self, rules=RULES, settings=DEFAULTS):
        super().__init__(
            lambda core: reporter_stage(compile_reporter_rules(rules, settings=settings), core),
            (0, 1),
        )


def reported(count, begin=BEGIN_MS, step=1_000, **fields):
    """Reports of one reporter, each about another channel."""
    return [passed(n, begin + n * step, channel=f"c{n}", **fields) for n in range(count)]


def test_a_quiet_reporter_is_known_for_weeks_and_linked_by_what_was_reported():
    """Targets enter the signature after a day, leave the list after a week, and are forgotten after two."""
    homes = Homes()
    steps = (0, HOUR, 23 * HOUR, 25 * HOUR, 6 * DAY, 8 * DAY, 9 * DAY, 13 * DAY, 16 * DAY, 24 * DAY, 60 * DAY)
    for member in (False, True):
        for number, step in enumerate(steps, 50 * member):
            now, reporter = BEGIN_MS + step + member * 90 * DAY, {"member": member}
            homes.apply(
                [
                    # What moves time on to another day is Python's.
                    passed(100 + number, now, "another"),
                    passed(
                        number, now, channel=f"c{number}", message_ref=f"m{number % 4}", reporter=reporter
                    ),
                ]
            )
            homes.restart(swap=True)
    assert homes.natively >= 2 * len(steps)


@pytest.mark.parametrize("step", [1_000, HOUR, 5 * HOUR, 6 * HOUR])
def test_more_targets_than_are_kept_open(step):
    homes = Homes()
    homes.apply(reported(80, step=step, reporter={"member": False}))
    homes.restart(swap=True)
    homes.apply(reported(5, begin=BEGIN_MS + 90 * step, reporter={"member": False}, message_ref="m"))
    assert homes.natively > 20


def test_a_day_begins_with_its_first_millisecond():
    """Who was silent for long is forgotten then, which is Python's."""
    homes = Homes()
    midnight = (BEGIN_MS // DAY + QUIET_DAYS) * DAY
    homes.apply([passed(0, BEGIN_MS, "silent"), passed(1, midnight - 2, "a"), passed(2, midnight - 1, "b")])
    homes.apply([passed(3, midnight, "c")])
    assert (homes.natively, len(homes.states[1].reporters)) == (1, 3)


def test_targets_have_the_time_at_which_the_platform_received_the_report():
    homes = Homes()
    for n, waited in enumerate((0, HOUR, 23 * HOUR, 30 * HOUR, 8 * DAY)):
        homes.apply([passed(n, BEGIN_MS, received_at=rfc3339(BEGIN_MS - waited), message_ref=f"m{n}")])
    # Without a message the channel is meant, on the day on which the platform received the report.
    homes.apply([passed(n, BEGIN_MS + n, received_at=rfc3339(BEGIN_MS - n * DAY)) for n in range(5, 9)])
    assert homes.natively == 8


def test_bundles_end_where_those_of_python_do():
    """A source is counted in characters, as Python counts it: these have three bytes each."""
    homes = Homes()
    published = [report(n, BEGIN_MS)._replace(headers=LONG_SOURCE) for n in range(800)]
    (batch,) = homes.apply(read_back(gate(published).outputs, INTERNAL))
    assert len(batch.outputs) > 1
    assert homes.natively == 799


def test_what_is_repeated_is_dropped_at_any_distance():
    homes = Homes()
    reports = [passed(n, BEGIN_MS + n, f"u{n}") for n in range(4)]
    homes.apply([*reports, *reports[1:3]])
    (batch,) = homes.apply([passed(9, BEGIN_MS + 9), *reports])
    assert (homes.applied, batch.counters.duplicates) == (5, 4)


def test_who_reports_late_and_early():
    """Targets are in the order in which the platform received the reports."""
    homes = Homes()
    times = [40, 2, 30, 200, 190, 1, 201, 230, 400, 231]
    homes.apply(
        [
            passed(n, BEGIN_MS + at * HOUR, message_ref=f"m{n}", reporter={"member": False})
            for n, at in enumerate(times)
        ]
    )
    assert homes.natively


def test_limits_of_a_day_and_a_week():
    """At each limit, below and above it; in a floor category no limit cuts the weight."""
    homes = Homes(STRICT)
    kinds = ("user", "state_actor", "trusted_flagger")
    for first, category in ((0, "spam"), (36, "csam")):
        homes.apply(
            [
                passed(
                    n,
                    BEGIN_MS + n,
                    f"{category}-{n % 3}",
                    channel=f"c{n % 7}",
                    category=category,
                    reporter={"kind": kinds[n % 3]},
                )
                for n in range(first, first + 36)
            ]
        )
    # Four times a person should look.
    assert homes.natively == homes.applied - 1 - 4


def test_a_new_reporter_too_many_is_refused():
    homes = Homes(settings=PartitionSettings(new_reporters_per_hour=2))
    (batch,) = homes.apply([passed(n, BEGIN_MS + n, f"u{n % 4}") for n in range(8)])
    assert batch.counters.dead_letters["too_many_new"] == 4
    # The first one moves time on to its day.
    assert homes.natively == 3


def test_what_operators_decided_is_left_to_python():
    homes = Homes()
    value, headers = encode_source_decision(SourceDecision("reporters-internal", "pause", "a flood", "op-1"))
    homes.apply([Record(INTERNAL, 0, 0, BEGIN_MS, None, value, headers), *reported(4)])
    assert (homes.natively, bool(homes.states[1].sources)) == (0, True)


def test_a_failure_names_the_entry(monkeypatch):
    """The entry that fails is the first one of another call."""
    homes = Homes()
    calls = []

    def fails(self, kind, topic, ce_source, now):
        calls.append(kind)
        # The first one is Python's, and that which fails is asked about again.
        if len(calls) >= 4:
            raise LookupError("no disk")

    monkeypatch.setattr(Newcomers, "admit", fails)
    published = [passed(n, BEGIN_MS, f"u{n}") for n in range(6)]
    with pytest.raises(StageFailed) as failed:
        homes.stages[1].apply(homes.states[1], published)
    assert isinstance(failed.value.__cause__, LookupError)
    assert failed.value.place.offset == 3


def test_a_panic_names_the_entry(monkeypatch):
    """Without a number of channels for any number of bits, the core looks for one beyond the end."""
    homes = Homes()
    monkeypatch.setattr("streams.deciding.reporters.native.home_rules.CHANNELS", ())
    failing = reporter_stage(compile_reporter_rules(RULES), "native")
    with pytest.raises(StageFailed) as failed:
        failing.apply(homes.states[1], [passed(n, BEGIN_MS, f"u{n}") for n in range(2)])
    assert failed.value.place.offset == 1
    assert "the native core panicked" in str(failed.value.__cause__)


@pytest.mark.parametrize("decision", ["upheld", "dismissed", "manifestly_unfounded"])
def test_reporters_with_outcomes_are_stamped(decision):
    homes = Homes()
    homes.apply(reported(4))
    homes.apply([credit(n, BEGIN_MS + HOUR + n, decision=decision, message=f"m{n}") for n in range(2)])
    before = homes.natively
    homes.apply([passed(50 + n, BEGIN_MS + 2 * HOUR, channel=f"c{n}", message_ref=f"m{n}") for n in range(5)])
    assert homes.natively - before == 5
    # In its own category, and in one of which nothing is known, on this day and on later ones.
    for day in (0, 3, 17):
        homes.apply([passed(100 + day, BEGIN_MS + day * DAY + HOUR, "another")])
        homes.apply([passed(200 + day, BEGIN_MS + day * DAY + 3 * HOUR, category="fraud", message_ref="m0")])
        homes.restart(swap=True)
    assert homes.natively - before > 5


def test_what_python_said_of_a_reporter_holds_until_an_outcome_comes():
    homes = Homes()
    classes = []
    for n in range(12):
        homes.apply([credit(n, BEGIN_MS + n, message=f"m{n}", channel=f"c{n}")])
        (batch,) = homes.apply([passed(n, BEGIN_MS + 60_000 + n), passed(50 + n, BEGIN_MS + 60_000 + n)])
        classes.append(max(batch.counters.stamped))
    assert len(set(classes)) > 1
    assert homes.natively > 12


def test_outcomes_that_fade_are_pythons_until_it_has_moved_them_on():
    homes = Homes()
    homes.apply([passed(1, BEGIN_MS), credit(2, BEGIN_MS + 1)])
    later = BEGIN_MS + PERIOD_DAYS * DAY
    homes.apply([passed(3, later, "another")])
    before = homes.natively
    homes.apply([passed(4, later + 1)])
    assert homes.natively == before
    homes.apply([passed(5, later + 2)])
    assert homes.natively == before + 1


def test_a_person_is_asked_about_a_reporter_once_a_week():
    homes = Homes()
    wrong = [
        credit(n, BEGIN_MS + n, decision="manifestly_unfounded", message=f"m{n}", channel=f"c{n}")
        for n in range(40)
    ]
    homes.apply([passed(1, BEGIN_MS), *wrong])
    before = homes.natively
    (batch,) = homes.apply([passed(n, BEGIN_MS + HOUR + n) for n in range(2, 5)])
    assert sum(batch.counters.cases.values()) == 1
    assert homes.natively == before + 2
    homes.apply([passed(6, BEGIN_MS + 7 * DAY, "another"), passed(7, BEGIN_MS + 7 * DAY + 1)])
    assert homes.natively == before + 2


def test_very_many_reporters_with_outcomes():
    """More than what Python said of is kept."""
    homes = Homes()
    number = 10_050
    homes.apply([credit(n, BEGIN_MS, ref=f"u{n}") for n in range(number)])
    published = [report(n, BEGIN_MS + 1, reporter={"kind": "user", "ref": f"u{n}"}) for n in range(number)]
    homes.apply(read_back(gate(published).outputs, INTERNAL))
    assert homes.natively == number


@pytest.mark.parametrize("seed", range(6))
def test_random_outcomes(seed):
    chance = random.Random(seed)
    homes, now = Homes(chance.choice((RULES, STRICT))), BEGIN_MS
    for _ in range(60):
        records = []
        for number in range(chance.choice((1, 8, 40))):
            now += chance.choice((0, 0, 1_000, HOUR))
            who, message = f"u{chance.randrange(4)}", f"m{chance.randrange(9)}"
            channel = f"c{chance.randrange(4)}"
            if chance.random() < 0.3:
                decision, removed = chance.choice(VERDICTS), chance.choice((None, None, *VERDICTS))
                more = {"percent": chance.choice((1, 40, 100)), "reviewer": chance.choice((0, 0, 7))}
                category = chance.choice(("spam", "fraud"))
                records.append(
                    credit(number, now, who, decision, removed, message, channel, category=category, **more)
                )
            else:
                report_id = chance.randrange(1 << 40)
                member = {"member": chance.choice((True, False))}
                category = chance.choice(("spam", "fraud", "csam"))
                records.append(
                    passed(
                        report_id,
                        now,
                        who,
                        channel=channel,
                        message_ref=message,
                        category=category,
                        reporter=member,
                    )
                )
        now += chance.choice((0, 0, 0, DAY, 8 * DAY, 40 * DAY))
        homes.apply(records, chance.choice((UNLIMITED, UNLIMITED._replace(slice_records=3))))
        if chance.random() < 0.2:
            homes.restart(swap=True)
    assert homes.natively > 100
