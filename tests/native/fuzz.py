"""Random histories of one partition on both cores: honest reports, damaged ones, decisions of people, odd envelopes,
times, keys and restarts.

`python -m tests.native.fuzz --cases 5000000` runs as many as you like. A difference raises AssertionError and
names the seed.
"""

import argparse
import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, get_args

from streams.contract.events.report import (
    REPORTER_KINDS,
    AccountAge,
    EvidenceBasis,
    NoticeDeclaration,
    NoticeElement,
    ReportKind,
    Visibility,
)
from streams.contract.events.internal.time_correction import TimeCorrection
from streams.contract.wire.forms.time_correction import encode_time_correction
from streams.contract.wire.origin import with_origin
from streams.deciding.partition.hash_key import DEMONSTRATION, HashKeys, hash_key
from streams.deciding.partition.limits import LIMITS, UNLIMITED
from streams.deciding.partition.settings import PartitionSettings
from streams.registry.loader import load_rules
from streams.registry.rules import Rules
from tests.bench.place import ONE_TOPIC
from tests.categories import CATEGORIES
from tests.native.any_stamps import with_any_stamps
from tests.native.both_cores import BothCores
from tests.native.mutations import mutated, mutated_headers, ref_of_any_form
from tests.unit.crowd_traffic import outcome
from tests.unit.standing_traffic import paused, warned
from tests.unit.traffic import Record, levels, policy

BEGIN_MS = 1_800_000_000_000
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000

# Long enough for episodes to open, rise, clear and cool down, short enough that another seed is drawn soon.
CASES_PER_SEED = 4_000


# No policy that is shipped has a comparison other than `>=`, or any-of, or compares a channel with itself, or has
# a budget.
NOT_SHIPPED = (
    policy(
        id="unusual",
        categories=("spam", "fraud"),
        levels=levels({"reports": 2, "surprise": 3}, {"reports": 3, "per_thousand_members": 20}),
        per_hour=2,
    ),
    policy(
        id="few-reporters",
        categories=("csam", "fraud", "spam"),
        levels=levels(
            {"reports": (">", 2), "distinct_reporters": ("<", 3)}, {"reports": 5, "automated": ("<=", 1)}
        ),
    ),
    policy(
        id="any-of",
        mode="shadow",
        categories=("hate",),
        levels=levels({"reports": 1, "any_of": {"risk": ("<", 0.2), "trusted_flaggers": (">", 0)}}),
    ),
)


TWO_KEYS = HashKeys(hash_key(b"1" * 32), hash_key(b"2" * 32))
FEW = UNLIMITED._replace(slice_records=7, batch_bytes=20_000)


def with_low_limits(rules: Rules) -> Rules:
    """Return rules in which reporters soon reach a limit."""
    trust = rules.reporters
    limits = replace(
        trust,
        reports_per_day={**trust.reports_per_day, "user": 3},
        channels_per_week={**trust.channels_per_week, "user": 4, "state_actor": 1},
    )
    return replace(rules, reporters=limits)


def any_rules(rules: Rules, chance: random.Random) -> Rules:
    """Return rules with other policies, signs of coordination, questions and samples."""
    return replace(
        chance.choice((rules, with_low_limits(rules))),
        policies=chance.choice((rules.policies, (*rules.policies, *NOT_SHIPPED))),
        integrity=chance.choice(("shadow", "live")),
        ask=None
        if rules.ask is None
        else chance.choice((None, rules.ask, replace(rules.ask, mode="shadow"))),
        sample_share=chance.choice((0.0, 0.1)),
    )


class Tally(NamedTuple):
    """How many reports were published, and how many of them the native core read.

    `stamped` is the number of all that came to the home of their reporter, `stamped_natively` of those that
    the native core stamped; `counted` that of all that came to the home of their channel.
    """

    cases: int
    read: int
    stamped: int
    stamped_natively: int
    counted: int
    counted_natively: int


class Publishers:
    """Makes records in the order of their append times. Everything about them is drawn from `chance`."""

    def __init__(self, chance: random.Random, partition: int, partitions: int) -> None:
        self.clock_ms = BEGIN_MS + chance.randrange(40 * DAY)
        self._chance = chance
        self._place = partition, partitions
        self.channels = [
            ref_of_any_form(chance) if chance.random() < 0.1 else f"channel-{chance.randrange(1 << 40):x}"
            for _ in range(chance.choice((1, 3, 20, 300)))
        ]
        self.people = [f"person-{number:x}" for number in range(chance.choice((2, 50, 3_000)))]
        self.messages = [f"message-{number}" for number in range(chance.choice((1, 5, 60)))]
        # A few categories come often, so that their policies have something to judge.
        self._categories = chance.sample(CATEGORIES, chance.choice((1, 3, len(CATEGORIES))))
        self._usual_facts = [self._any_facts() for _ in range(30)]
        self._usual_step = chance.choice((0, 5, 1_000, 30_000, 5 * MINUTE))
        self._damage = chance.choice((0.0, 0.05, 0.4))
        self._offset = 0
        self._published: list[Record] = []
        self.partition = partition
        # What an outcome about one of the latest reports names.
        self.reported: list[tuple[str, dict[str, str]]] = []

    def record(self) -> Record:
        """Return the next record."""
        chance = self._chance
        if self._published and chance.random() < 0.01:
            return self._again(chance.choice(self._published))
        self.clock_ms += int(chance.expovariate(1) * self._usual_step)
        if chance.random() < 0.002:
            self.clock_ms += chance.choice((HOUR, DAY, 3 * DAY, 35 * DAY, 95 * DAY))
        report = self._report()
        value = json.dumps(report, separators=chance.choice(((",", ":"), (", ", ": ")))).encode()
        headers = self._headers(report)
        if chance.random() < self._damage:
            value = mutated(chance, value)
        if chance.random() < self._damage / 4:
            headers = mutated_headers(chance, headers)
        channel = report["channel"]["ref"]
        named = {"kind": "report", "report_id": report["report_id"], "ce_source": "/app"}
        self.reported = [*self.reported[-50:], (channel, named)]
        ref = channel.encode()
        key = ref if chance.random() < 0.95 else chance.choice((None, b"", b"other", ref + b"x"))
        topic = chance.choice(
            ("message-reports",) * 30 + ("prefix.message-reports", "verified-reports", "other-reports")
        )
        record = Record(
            topic, self._place[0], self._offset, self.clock_ms + chance.randrange(2_000), key, value, headers
        )
        self._offset += 1
        # With several partitions, this one may not be its home.
        if self._place[1] == 1 and chance.random() < 0.02:
            record = record._replace(topic="message-reports-internal", headers=with_origin(record))
        self._published.append(record)
        del self._published[:-500]
        return record

    def _again(self, record: Record) -> Record:
        self._offset += 1
        return record._replace(offset=self._offset - 1, timestamp=self.clock_ms)

    def _report(self) -> dict[str, Any]:
        chance = self._chance
        occurred = self.clock_ms
        if chance.random() < 0.1:
            occurred -= chance.choice((MINUTE, 20 * MINUTE, 3 * HOUR, 2 * DAY, 29 * DAY, 40 * DAY))
        if chance.random() < 0.02:
            occurred += chance.choice((MINUTE, 6 * MINUTE))
        facts = self._any_facts() if chance.random() < 0.1 else chance.choice(self._usual_facts)
        report: dict[str, Any] = {
            "report_id": f"r-{chance.randrange(1 << 40):x}",
            "kind": facts["kind"],
            "occurred_at": self._time(occurred),
            "channel": {"ref": chance.choice(self.channels), **facts["channel"]},
            "category": chance.choice(self._categories),
        }
        if chance.random() < 0.2:
            report["received_at"] = self._time(occurred + chance.choice((0, MINUTE, -MINUTE, -DAY)))
        if chance.random() < 0.8:
            report["message_ref"] = chance.choice(self.messages)
            if chance.random() < 0.03:
                report["message_version"] = chance.choice(("v1", "v2"))
        if chance.random() < 0.9:
            report["reporter"] = self._reporter()
        if chance.random() < 0.15:
            score = chance.choice((chance.random(), round(chance.random(), 2), 0.0, 1.0, 1e-9, 1 - 1e-12))
            report["classifier"] = {"name": "scan", "version": "7", "score": score}
        report |= {name: facts[name] for name in ("evidence", "notice") if name in facts}
        if chance.random() < 0.2:
            items = list(report.items())
            chance.shuffle(items)
            report = dict(items)
        return report

    def _any_facts(self) -> dict[str, Any]:
        """Return what the law of a report depends on. Finding it is most of the work, so most reports share
        some.
        """
        chance = self._chance
        channel: dict[str, Any] = {"visibility": chance.choice(get_args(Visibility))}
        if chance.random() < 0.7:
            channel["country"] = chance.choice(("DE", "FR", "US", "IN", "RU", "BR", "GB", None))
        if chance.random() < 0.5:
            channel["language"] = chance.choice(("de", "en-GB", "pt-BR", None))
        if chance.random() < 0.1:
            channel["members"] = chance.choice((1, 90, 4_000, 10**9))
        if chance.random() < 0.05:
            channel["kind"] = "account"
        facts: dict[str, Any] = {
            "kind": chance.choice(("user_report",) * 6 + get_args(ReportKind)),
            "channel": channel,
        }
        if chance.random() < 0.7:
            facts["evidence"] = [
                {
                    "country": chance.choice(("DE", "FR", "US", "IN", "RU")),
                    "basis": chance.choice(get_args(EvidenceBasis)),
                    "confidence": chance.choice((0.8, 0.5, 0.9, 1.0, 0.0, round(chance.random(), 3))),
                }
                for _ in range(chance.choice((0, 1, 1, 1, 2, 4)))
            ]
        if chance.random() < 0.2:
            facts["notice"] = {"elements": chance.sample(get_args(NoticeElement), chance.randrange(6))}
            if chance.random() < 0.3:
                facts["notice"]["declares"] = chance.sample(get_args(NoticeDeclaration), chance.randrange(3))
        return facts

    def _reporter(self) -> dict[str, Any] | None:
        chance = self._chance
        if chance.random() < 0.05:
            return None
        reporter: dict[str, Any] = {"kind": chance.choice(("user",) * 6 + REPORTER_KINDS)}
        if chance.random() < 0.8:
            reporter["ref"] = chance.choice(self.people)
        if chance.random() < 0.5:
            reporter["country"] = chance.choice(("DE", "FR", "US", None))
        if chance.random() < 0.5:
            reporter["member"] = chance.choice((True, False, None))
        if chance.random() < 0.5:
            reporter["account_age"] = chance.choice((*get_args(AccountAge), None))
        return reporter

    def _headers(self, report: dict[str, Any]) -> list[tuple[str, bytes | None]]:
        chance = self._chance
        if chance.random() < 0.1:
            return []
        headers: list[tuple[str, bytes | None]] = [
            ("ce_specversion", b"1.0"),
            ("ce_id", report["report_id"].encode()),
            ("ce_source", chance.choice((b"/app", b"/app", b"/app/eu"))),
            ("ce_type", b"tocsin.report.v1"),
            ("ce_time", report["occurred_at"].encode()),
            ("content-type", b"application/json"),
        ]
        if chance.random() < 0.1:
            headers.append(("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
        return headers

    def _time(self, time_ms: int) -> str:
        moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=time_ms)
        digits = self._chance.choice(("seconds", "milliseconds", "milliseconds", "microseconds"))
        return moment.isoformat(timespec=digits).replace("+00:00", "Z")


def any_decision(chance: random.Random, publishers: Publishers, number: int) -> Record:
    """Return what people decided about a message, or about a reporter."""
    now = publishers.clock_ms
    if chance.random() < 0.3:
        return chance.choice((warned, paused))(number, now, chance.choice(publishers.people))
    if chance.random() < 0.05:
        # A record in the future had moved time on.
        wrong = TimeCorrection(now + chance.choice((0, HOUR)), now - HOUR, "a clock was wrong", "op-1")
        value, headers = encode_time_correction(wrong)
        return Record("message-reports-internal", publishers.partition, 0, now, None, value, headers)
    decision = chance.choice(("upheld", "upheld", "dismissed", "manifestly_unfounded"))
    channel, message = chance.choice(publishers.channels), chance.choice(publishers.messages)
    if chance.random() < 0.15 and publishers.reported:
        channel, subject = chance.choice(publishers.reported)
        return outcome(number, decision, now, subject, channel=channel)
    replaced = {"supersedes": f"o{chance.randrange(1, number + 1)}"} if chance.random() < 0.2 else {}
    return outcome(number, decision, now, message=message, channel=channel, **replaced)


def any_partition(rules: Rules, chance: random.Random, place: tuple[int, int], **more: Any) -> BothCores:
    """Return a partition with settings and keys drawn from `chance`; `more` is for BothCores."""
    return BothCores(
        any_rules(rules, chance),
        place,
        PartitionSettings(
            duplicates_most=chance.choice((20, 3_000, 5_000_000)),
            new_reporters_per_hour=chance.choice((30, 1_000, 100_000)),
        ),
        chance.choice((DEMONSTRATION,) * 5 + (TWO_KEYS,)),
        **more,
    )


def play(
    both: BothCores,
    publishers: Publishers,
    chance: random.Random,
    cases: int,
    sizes: Sequence[int],
    restart: Callable[[], None],
) -> int:
    """Apply so many reports in batches of these sizes, and call `restart` after each; return their number.

    Raises AssertionError if the two sides differ.
    """
    done = 0
    while done < cases:
        size = chance.choice(sizes)
        batch: list[Record] = [publishers.record() for _ in range(size)]
        done += size
        if chance.random() < 0.3:
            batch.insert(chance.randrange(size + 1), any_decision(chance, publishers, done))
        if chance.random() < 0.2:
            both.tick(publishers.clock_ms)
        both.apply(batch, publishers.clock_ms, chance.choice((LIMITS, FEW, UNLIMITED)))
        restart()
    return done


@contextmanager
def naming(seed: int) -> Iterator[None]:
    """Name the seed in an AssertionError."""
    try:
        yield
    except AssertionError as error:
        error.add_note(f"seed {seed}")
        raise


def unchanged(record: Record) -> Record:
    """Return what arrives at the home of a channel as it was stamped."""
    return record


def run(rules: Rules, seed: int, cases: int) -> Tally:
    """Run one history of so many reports. Raises AssertionError, with the seed, if the cores differ."""
    chance = random.Random(seed)
    place = chance.choice(((0, 1),) * 6 + ((1, 3),))
    arriving = with_any_stamps if chance.random() < 0.3 else unchanged
    both = any_partition(rules, chance, place, arriving=arriving)
    publishers = Publishers(chance, *place)

    def restart() -> None:
        if chance.random() < 0.05:
            both.restart(swap=chance.random() < 0.5)

    with naming(seed):
        done = play(both, publishers, chance, cases, (1, 1, 2, 5, 30, 150, 1_500), restart)
    return Tally(
        done,
        both.reports.natively,
        both.reporters.applied,
        both.reporters.natively,
        both.reports.applied,
        both.reports.counted_natively,
    )


def fuzz(cases: int, first_seed: int = 0) -> Tally:
    """Run histories of as many reports in all."""
    rules = load_rules(sources=ONE_TOPIC)
    total = Tally(0, 0, 0, 0, 0, 0)
    seed = first_seed
    while total.cases < cases:
        tally = run(rules, seed, CASES_PER_SEED)
        total = Tally(*(one + other for one, other in zip(total, tally, strict=True)))
        seed += 1
    return total


def main() -> None:
    """Parse the command line, run, and print what was compared."""
    parser = argparse.ArgumentParser(prog="python -m tests.native.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--first-seed", type=int, default=0)
    options = parser.parse_args()
    tally = fuzz(options.cases, options.first_seed)
    print(
        f"{tally.cases:,} records, of which the native core read {tally.read:,}; {tally.stamped:,} reports at the "
        f"home of their reporter, of which it stamped {tally.stamped_natively:,}; {tally.counted:,} reports at the "
        f"home of their channel, of which it counted {tally.counted_natively:,}: no difference"
    )


if __name__ == "__main__":
    main()
