"""What stages and workers expect of a core, of Python's and of the native one."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.events.internal.source_decision import SourceDecision
from streams.contract.wire.failing import StageFailed
from streams.contract.wire.forms.source_decision import encode_source_decision
from streams.contract.wire.state_records import UnknownStateVersion
from streams.contract.wire.topics import MESSAGE_REPORTS, REPORTERS_INTERNAL
from streams.deciding.partition.admission.newcomers import Newcomers
from streams.deciding.partition.core import CoreName
from streams.deciding.partition.limits import LIMITS, UNLIMITED, Limits
from streams.deciding.reporters.rules import compile_reporter_rules
from streams.deciding.reporters.stage import reporter_stage
from streams.deciding.reports.crowd import Crowd
from streams.deciding.reports.stage import report_stage
from tests.tools import native_core
from tests.unit.batch_cuts import results, takeovers, tiny
from tests.unit.traffic import (
    DAY,
    HOUR,
    INTERNAL,
    MINUTE,
    SHIPPED,
    START,
    Record,
    arriving,
    compiled,
    levels,
    policy,
    report,
    tick,
)

RULES = compiled(
    policy(levels=levels({"reports": 3}, {"reports": 9}), min_clear_ms=MINUTE, cooldown_ms=HOUR),
    policy(id="month", mode="shadow", window="P30D", window_ms=30 * DAY, levels=levels({"reports": 5})),
)
TRUST = compile_reporter_rules(SHIPPED)
CORES: tuple[CoreName, ...] = ("python", "native")


def stage(kind: str, core: CoreName) -> Any:
    if core == "native":
        native_core()
    return report_stage(RULES, core) if kind == "reports" else reporter_stage(TRUST, core)


def published(seed: int, number: int) -> list[Record]:
    """Reports about three channels, some of them published twice, refused, or of nobody known, and ticks."""
    chance = random.Random(seed)
    time, records = START, list[Record]()
    for offset in range(number):
        time += chance.choice((0, 1_000, MINUTE, MINUTE, HOUR, DAY))
        who = {"kind": "anonymous"} if chance.random() < 0.3 else {"kind": "user", "ref": f"u{offset % 7}"}
        kind = chance.random()
        if kind < 0.1:
            records.append(tick(offset, time, offset))
        elif kind < 0.2:
            records.append(Record(MESSAGE_REPORTS, 0, offset, time, b"any", b"{}"))
        else:
            again = chance.randrange(offset + 1) if kind > 0.9 else offset
            more: dict[str, Any] = {"message_ref": f"m{offset % 5}"} if chance.random() < 0.7 else {}
            channel = f"c{chance.randrange(3)}"
            records.append(report(again, time, offset, channel=channel, reporter=who, **more))
    return records


def at_home(records: list[Record]) -> list[Record]:
    """The records as they arrive at the home of their channels, in bundles; ticks as they are."""
    return [record._replace(offset=number) for number, record in enumerate(arriving(RULES, records))]


def with_reporters(records: list[Record]) -> Iterator[Record]:
    """What of the records arrives at the home of their reporters."""
    gate = report_stage(RULES)
    state = gate.restore(-1, 1)
    for record in records:
        published: list[Any] = [record]
        for output in gate.apply(state, published).outputs:
            if output.topic == REPORTERS_INTERNAL:
                yield Record(output.topic, 0, 0, record.timestamp, None, output.value, list(output.headers))


def input_of(kind: str, seed: int, number: int) -> list[Record]:
    records = published(seed, number)
    if kind == "reports":
        return at_home(records)
    return [each._replace(offset=n) for n, each in enumerate(with_reporters(records))]


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("kind", ["reports", "reporters"])
def test_it_is_named(kind: str, core: CoreName) -> None:
    assert stage(kind, core).core.name == core


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("kind", ["reports", "reporters"])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32), limits=tiny, takeovers=takeovers)
def test_what_comes_of_records_is_what_python_makes_of_them_at_once(
    kind: str, core: CoreName, seed: int, limits: Limits, takeovers: set[int]
) -> None:
    """Wherever a core is stopped by its limits, and whoever takes over."""
    records = input_of(kind, seed, 40)
    whole = results(stage(kind, "python"), records, UNLIMITED)
    assert results(stage(kind, core), records, limits, takeovers) == whole


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("kind", ["reports", "reporters"])
def test_a_slice_ends_with_the_item_that_reaches_its_limit(kind: str, core: CoreName) -> None:
    made = stage(kind, core)
    state, records = made.restore(0, 1), input_of(kind, 7, 300)
    limits = LIMITS._replace(slice_more_outputs=1, slice_records=1_000)
    applied = outputs = 0
    most = []
    for batch in made.apply_in_slices(state, records, limits):
        if batch.finished_records > applied:
            most.append(len(batch.outputs) - outputs - (batch.finished_records - applied))
        applied, outputs = batch.finished_records, len(batch.outputs)
    assert applied == len(records)
    # One item leads to an enriched report, a receipt, an escalation with its case, and the reports drawn.
    assert max(most) <= 8


@pytest.mark.parametrize("core", CORES)
def test_a_source_is_read_up_to_the_moment_that_it_may_be_read_to(core: CoreName) -> None:
    made = stage("reports", core)
    records = [report(n, START + n * MINUTE, reporter={"kind": "anonymous"}) for n in range(9)]
    *_, batch = made.apply_in_slices(
        made.restore(0, 1), records, LIMITS, {MESSAGE_REPORTS: START + 4 * MINUTE}
    )
    assert (batch.finished_records, batch.reached) == (5, {MESSAGE_REPORTS: START + 4 * MINUTE})
    assert (batch.ahead.topic, batch.ahead.moment) == (MESSAGE_REPORTS, START + 5 * MINUTE)


@pytest.mark.parametrize("core", CORES)
def test_what_is_invalid_becomes_a_dead_letter_and_the_rest_is_applied(core: CoreName) -> None:
    made = stage("reports", core)
    records = [report(n, START, reporter={"kind": "anonymous"}) for n in range(5)]
    records[2] = records[2]._replace(value=b'{"report_id":')
    batch = made.apply(made.restore(0, 1), records)
    assert batch.counters.applied == 4
    (letter,) = [dict(output.headers) for output in batch.outputs if output.topic == "dead-letters"]
    assert letter["tocsin-offset"] == b"2"
    assert batch.refused == {MESSAGE_REPORTS: 1}


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("kind", ["reports", "reporters"])
def test_a_failure_names_what_it_failed_on(
    kind: str, core: CoreName, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not what came before it in the same slice, and not what comes after."""
    made = stage(kind, core)
    reports = [report(n, START + n, reporter={"kind": "user", "ref": f"u{n}"}) for n in range(6)]
    records = at_home(reports) if kind == "reports" else list(with_reporters(reports))
    records = [each._replace(offset=n) for n, each in enumerate(records)]
    state, called = made.restore(0, 1), list[object]()

    def fails_from_the_fourth_on(*arguments: object) -> None:
        called.append(arguments)
        # A core that failed may have Python try again.
        if len(called) >= 4:
            raise LookupError("no disk")

    if kind == "reports":
        monkeypatch.setattr(Crowd, "note_link", fails_from_the_fourth_on)
    else:
        monkeypatch.setattr(Newcomers, "admit", fails_from_the_fourth_on)
    with pytest.raises(StageFailed) as failed:
        made.apply(state, records)
    assert failed.value.place.offset == 3
    assert isinstance(failed.value.__cause__, LookupError)


@pytest.mark.parametrize("core", CORES)
def test_without_memory_no_record_is_to_blame(core: CoreName, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Crowd, "note_link", fails)
    made = stage("reports", core)
    records = at_home([report(n, START + n) for n in range(3)])
    with pytest.raises(MemoryError):
        made.apply(made.restore(0, 1), records)


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("kind", ["reports", "reporters"])
def test_state_of_another_version_is_not_restored(kind: str, core: CoreName) -> None:
    made = stage(kind, core)
    kept = made.apply(made.restore(0, 1), input_of(kind, 3, 40)).changes
    for key, value in kept.items():
        assert value is not None
        with pytest.raises(UnknownStateVersion):
            made.restore(0, 1, [(key, b"\xff" + value[1:])])


@pytest.mark.parametrize("core", CORES)
def test_what_operators_decided_to_skip_is_not_read(core: CoreName) -> None:
    made = stage("reports", core)
    value, headers = encode_source_decision(SourceDecision(MESSAGE_REPORTS, "skip", "a flood", "op-7f3a", 3))
    decision = Record(INTERNAL, 0, 0, START, None, value, list(headers))
    records = [report(n, START, reporter={"kind": "anonymous"}) for n in range(1, 6)]
    batch = made.apply(made.restore(0, 1), [decision, *records])
    letters = [dict(output.headers) for output in batch.outputs if output.topic == "dead-letters"]
    assert [letter["tocsin-offset"] for letter in letters] == [b"1", b"2"]
    assert batch.counters.applied == 3
