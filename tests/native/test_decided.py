"""The native core applies reports of messages that were decided on as Python does, and leaves it what changes a decision."""

import random

import pytest

from streams.contract.wire.envelope import rfc3339
from streams.counting.attribution import KEPT
from tests import bundled
from tests.native.fuzz import BEGIN_MS, DAY, HOUR, MINUTE
from tests.native.test_channel_home import RULES, Homes, at_home, together
from tests.tools import native_core
from tests.unit.crowd_traffic import KEY, outcome

native_core()

GROUNDS = (
    {"kind": "terms", "rule": "scams-2.1"},
    {"kind": "law", "duty": "dsa-16", "jurisdiction": "DE"},
)
VERDICTS = {
    "upheld": ("phishing", "not_substantiated", "not_found"),
    "dismissed": ("not_a_violation", "not_substantiated", "not_found"),
    "manifestly_unfounded": ("fabricated",),
}


def any_outcome(chance, number, time, message):
    """What somebody decided about a message, or about one of the first reports."""
    decision = chance.choice((*VERDICTS, "upheld"))
    subject = None
    if chance.random() < 0.1:
        subject = {"kind": "report", "report_id": f"r{chance.randrange(number + 1)}", "ce_source": "/app"}
    return outcome(
        number,
        decision,
        time,
        subject,
        message,
        reason=chance.choice(VERDICTS[decision]),
        ground=chance.choice(GROUNDS),
        reviewer={"ref": f"desk-{chance.randrange(3)}", "role": "desk"},
        confidence=chance.choice(("two_agree", "one_reviewer")),
        **({"supersedes": f"o{chance.randrange(number)}"} if number and chance.random() < 0.2 else {}),
    )


def any_report(chance, number, time):
    """A report that may have been received long ago, of anybody who may have been right elsewhere."""
    kind = chance.choice(("user",) * 5 + ("automated", "trusted_flagger", "state_actor"))
    fields = {"category": chance.choice(("spam",) * 6 + ("fraud", "harassment"))}
    if chance.random() < 0.9:
        fields["message_ref"] = f"m{chance.randrange(3)}"
    if kind == "automated":
        fields["kind"] = "automated_detection"
        if chance.random() < 0.7:
            name = f"scan{chance.randrange(2)}"
            fields["classifier"] = {"name": name, "version": f"{chance.randrange(2)}", "score": 0.7}
    elif kind == "trusted_flagger":
        fields["kind"] = "trusted_flagger_notice"
    if chance.random() < 0.3:
        fields["received_at"] = rfc3339(time - chance.choice((0, MINUTE, HOUR, 2 * HOUR)))
    tags = [KEY.channel_tag(channel) for channel in ("c", "elsewhere", "there", "far")]
    stamp = {"proof": tuple(chance.sample(tags, chance.choice((0, 0, 1, 2, 3))))}
    return at_home(number, time, f"u{chance.randrange(60)}", stamp=stamp, reporter={"kind": kind}, **fields)


@pytest.mark.parametrize("seed", range(6))
def test_any_decisions_among_any_reports(seed):
    chance = random.Random(seed)
    homes = Homes()
    time = BEGIN_MS
    for step in range(60):
        reports = []
        for number in range(chance.choice((1, 5, 20))):
            time += chance.choice((0, 300, 20_000))
            reports.append(any_report(chance, 100 * step + number, time))
        decided_at = time - chance.choice((0, MINUTE, HOUR))
        decision = any_outcome(chance, step, decided_at, f"m{chance.randrange(3)}")
        homes.apply(together(reports) + [decision] * (chance.random() < 0.3))
        if chance.random() < 0.1:
            homes.restart(swap=chance.random() < 0.5)
    assert homes.counted_natively > homes.applied * 0.3


def test_reports_after_a_decision_are_applied_natively():
    """Of people, and of detectors and flaggers who were right elsewhere; the first one reported it before."""
    homes = Homes()
    proven = {"proof": tuple(KEY.channel_tag(channel) for channel in ("there", "far"))}

    def found(number, time, version):
        detector = {"name": "scan", "version": version, "score": 0.7}
        fields = {"kind": "automated_detection", "classifier": detector}
        reporter = {"kind": "automated", "ref": "d"}
        return at_home(number, time, stamp=proven, message_ref="m1", reporter=reporter, **fields)

    before = [at_home(n, BEGIN_MS + n, message_ref="m1") for n in range(3)]
    homes.apply(together([*before, found(3, BEGIN_MS + 3, "6")]))
    decision = outcome(1, "dismissed", BEGIN_MS + MINUTE)
    late = [
        at_home(10, BEGIN_MS + HOUR, "u1", message_ref="m1"),
        at_home(11, BEGIN_MS + HOUR, "new", stamp=proven, message_ref="m1"),
        found(12, BEGIN_MS + HOUR, "7"),
        at_home(13, BEGIN_MS + HOUR, "other", message_ref="m1"),
    ]
    for batch in ([decision, *together(late[:2])], together(late[2:])):
        before = homes.counted_natively
        homes.apply(batch)
        assert homes.counted_natively - before == 2
        homes.restart(swap=True)


@pytest.mark.parametrize("seed", range(6))
def test_any_reports_that_were_received_before_a_decision_that_was_applied_before_them(seed):
    chance = random.Random(seed)
    homes = Homes()
    tags = [KEY.channel_tag(f"elsewhere-{n}") for n in range(5)]
    homes.apply(together([at_home(n, BEGIN_MS, f"u{n}", message_ref=f"m{n}") for n in range(3)]))
    for number in range(3):
        decision = chance.choice(("upheld", "upheld", "dismissed", "manifestly_unfounded"))
        homes.apply([outcome(number, decision, BEGIN_MS + HOUR, message=f"m{number}")])
    reports = []
    for number in range(3, 120):
        proof = tuple(chance.sample(tags, chance.choice((0, 0, 0, 1, 2, 3))))
        received = BEGIN_MS + chance.randrange(0, 70) * MINUTE - 1_000
        report = at_home(
            number,
            BEGIN_MS + 2 * HOUR,
            f"u{number}",
            stamp={"proof": proof},
            received_at=rfc3339(received),
            message_ref=f"m{chance.randrange(3)}",
        )
        reports.append(report)
    for begin in range(0, len(reports), 10):
        homes.apply(together(reports[begin : begin + 10]))
        if chance.random() < 0.3:
            homes.restart(swap=chance.random() < 0.5)
    assert homes.counted_natively > homes.applied * 0.3


@pytest.mark.parametrize("decision", ["upheld", "dismissed", "manifestly_unfounded"])
def test_who_reported_in_time_is_credited_natively(decision):
    """Their reports are read after the decision, which is what happens while a worker catches up."""
    homes = Homes()
    homes.apply(together([at_home(n, BEGIN_MS, f"u{n}", message_ref="m1") for n in range(3)]))
    homes.apply([outcome(1, decision, BEGIN_MS + HOUR)])
    before = homes.counted_natively
    reports = [
        at_home(n, BEGIN_MS + 2 * HOUR, f"u{n}", received_at=rfc3339(BEGIN_MS + MINUTE), message_ref="m1")
        for n in range(3, KEPT + 3)
    ]
    (batch,) = homes.apply(together(reports))
    assert homes.counted_natively - before == KEPT
    credited = [credit.added is not None for credit in bundled.credits_in(batch.outputs)]
    # Beyond those who are kept nobody is.
    assert credited == [True] * (KEPT - 3) + [False] * 3
    homes.restart(swap=True)


def test_who_reports_in_the_same_second_as_others_comes_after_them():
    """So it takes four channels to confirm the report, and not three."""
    homes = Homes()
    tags = tuple(KEY.channel_tag(channel) for channel in ("there", "far", "farther"))
    crowd = [at_home(n, BEGIN_MS + MINUTE, f"u{n}", message_ref="m1") for n in range(1, 8)]
    witness = at_home(8, BEGIN_MS + 2 * MINUTE, "p", stamp={"proof": tags}, message_ref="m1")
    homes.apply(together([at_home(0, BEGIN_MS, message_ref="m1"), *crowd, witness]))
    homes.apply([outcome(1, "upheld", BEGIN_MS + HOUR)])
    before = homes.counted_natively
    received = rfc3339(BEGIN_MS + MINUTE)
    late = at_home(20, BEGIN_MS + 2 * HOUR, "late", received_at=received, message_ref="m1")
    (batch,) = homes.apply(together([late]))
    (credit,) = bundled.credits_in(batch.outputs)
    assert (homes.counted_natively - before, credit.added.confirmed) == (1, False)


@pytest.mark.parametrize("witness", ["people", "a flagger", "people, of a flagger"])
def test_a_report_that_takes_the_confirmation_of_others_from_them_is_pythons(witness):
    """With the eighth who reported it by then it takes four channels to confirm somebody, with three still."""
    homes = Homes()
    tags = tuple(KEY.channel_tag(channel) for channel in ("there", "far", "farther"))
    flagger = {"kind": "trusted_flagger_notice", "reporter": {"kind": "trusted_flagger"}}
    first = [at_home(n, BEGIN_MS + n * MINUTE, f"u{n}", message_ref="m1") for n in range(6)]
    if witness == "a flagger":
        last = at_home(6, BEGIN_MS + 6 * MINUTE, "p", message_ref="m1", **flagger)
    else:
        last = at_home(6, BEGIN_MS + 6 * MINUTE, "p", stamp={"proof": tags}, message_ref="m1")
    if witness == "people, of a flagger":
        first[5] = at_home(5, BEGIN_MS + 5 * MINUTE, "u5", message_ref="m1", **flagger)
        # Whoever came before is confirmed by the flagger, and needs no channels.
    homes.apply(together([*first, last]))
    homes.apply([outcome(1, "upheld", BEGIN_MS + HOUR)])
    natively = []
    for number in (20, 21):
        before = homes.counted_natively
        received = rfc3339(BEGIN_MS + MINUTE + 1_000)
        late = at_home(number, BEGIN_MS + 2 * HOUR, f"u{number}", received_at=received, message_ref="m1")
        homes.apply(together([late]))
        natively.append(homes.counted_natively - before)
    # Whom a flagger confirms needs no channels.
    assert natively == ([1, 1] if witness == "a flagger" else [1, 0])


@pytest.mark.parametrize(
    "fields",
    [
        {"received_at": rfc3339(BEGIN_MS - HOUR)},
        {"received_at": rfc3339(BEGIN_MS)},
        {
            "received_at": rfc3339(BEGIN_MS + MINUTE - 1_000),
            "stamp": {"proof": (KEY.channel_tag("there"), KEY.channel_tag("far"))},
        },
        {"category": "fraud"},
        {"kind": "trusted_flagger_notice", "reporter": {"kind": "trusted_flagger"}},
    ],
    ids=[
        "before all others",
        "in the second of the first",
        "may confirm others",
        "another category",
        "the first of a flagger",
    ],
)
def test_what_changes_a_decision_is_pythons(fields):
    """What supports others changes, or what is counted of the decision."""
    homes = Homes()
    homes.apply(together([at_home(n, BEGIN_MS + n, message_ref="m1") for n in range(3)]))
    homes.apply([outcome(1, "upheld", BEGIN_MS + MINUTE)])
    before = homes.counted_natively
    homes.apply(together([at_home(10, BEGIN_MS + HOUR, message_ref="m1", **fields)]))
    assert homes.counted_natively == before == 2


def test_another_finding_of_a_detector_that_had_reported_the_message_confirms_nobody():
    """It is no further finding, so where the detector was right elsewhere is not noted with the message."""
    homes = Homes()
    reporter = {"kind": "automated", "ref": "d"}
    fields = {"message_ref": "m1", "kind": "automated_detection", "reporter": reporter}
    found = at_home(3, BEGIN_MS + 1_000, **fields)
    homes.apply(together([*(at_home(n, BEGIN_MS, message_ref="m1") for n in range(3)), found]))
    homes.apply([outcome(1, "upheld", BEGIN_MS + MINUTE)])
    before = homes.counted_natively
    proof = tuple(KEY.channel_tag(channel) for channel in ("there", "far", "farther"))
    classifier = {"name": "scan", "version": "7", "score": 0.7}
    (batch,) = homes.apply(
        together([at_home(9, BEGIN_MS + HOUR, stamp={"proof": proof}, classifier=classifier, **fields)])
    )
    assert (homes.counted_natively - before, batch.counters.credits) == (1, 1)


def test_nobody_is_dropped_after_a_decision():
    """Beyond those who are kept everybody is told, but which report it was is forgotten; the record expires in time."""
    homes = Homes()
    homes.apply(together([at_home(0, BEGIN_MS, message_ref="m1")]))
    homes.apply([outcome(1, "upheld", BEGIN_MS + MINUTE)])
    crowd = [at_home(n, BEGIN_MS + HOUR + n, message_ref="m1") for n in range(1, KEPT + 20)]
    before = homes.counted_natively
    homes.apply(together(crowd[:200]))
    homes.restart(swap=True)
    (batch,) = homes.apply(together(crowd[200:]))
    assert homes.counted_natively - before == KEPT + 19
    assert batch.counters.credits == KEPT - 181
    for day in (1, 100, 181):
        homes.apply(together([at_home(1_000 + day, BEGIN_MS + day * DAY)]))
        homes.restart()
