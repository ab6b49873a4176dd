"""The native core reads the rest of a report, scores it and writes the enriched report as Python does, to the
byte.
"""

import random
from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from typing import Any, get_args

import msgspec
import pytest

from streams.contract.events.enriched_report import ReporterTrust
from streams.contract.events.integrity import IntegrityFinding, IntegritySignal
from streams.contract.events.internal.passed_report import CheckedReport, RestOfReport, RestWithChannel
from streams.contract.events.internal.stamp import ReportStamp, TrustClass
from streams.contract.events.report import (
    Channel,
    ChannelKind,
    Classifier,
    Evidence,
    ListMatch,
    MessageReport,
    Notice,
    Reporter,
)
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.encoding import encode
from streams.contract.wire.forms.checked_report import checked_report, report_of
from streams.contract.wire.origin import Origin
from streams.contract.wire.reading import Decoded
from streams.contract.wire.times import EPOCH, epoch_ms
from streams.counting.sums import WindowCounts
from streams.deciding.law.duty import published_duty
from streams.deciding.reports.case import Case
from streams.deciding.reports.enrich import enriched_json
from streams.deciding.reports.native.risk_table import risk_table
from streams.deciding.reports.risk import RiskModel
from streams.deciding.reports.rules import compile_report_rules
from streams.registry.loader import load_rules
from tests.bench import traffic
from tests.bench.place import ONE_TOPIC
from tests.native.fuzz import Publishers
from tests.readers import decode_report
from tests.tools import native_core

tocsin_native = native_core()

RULES = compile_report_rules(load_rules(sources=ONE_TOPIC))
RISK = encode(risk_table(RULES.risk_model))
# msgpack needs more than 64 bits for what is later.
LATEST = EPOCH + timedelta(seconds=1 << 34)
LATEST_MS = epoch_ms(datetime.max.replace(tzinfo=UTC))
CHARACTERS = (
    *map(chr, range(0x21)),
    '"',
    "\\",
    "/",
    "\x7f",
    "\x80",
    "é",
    "\u2028",
    "\uffff",
    "😀",
    *"abc-_.",
)
SCORES = (0.0, 1.0, -0.0, 1e-9, 1 - 1e-12, 5e-324, 0.5)
FACTORS = (1.0, 1.0, 0.0, 0.5, 1.5, 1e-9)
# One of 15 fields, and one of 17.
OF_RESTS = msgspec.msgpack.Decoder(RestOfReport), msgspec.msgpack.Decoder(RestWithChannel)


def any_text(chance: random.Random, usual: str) -> str:
    if chance.random() < 0.7:
        return usual
    return "".join(chance.choices(CHARACTERS, k=chance.choice((1, 2, 7, 31, 32, 33, 128))))


def any_time(chance: random.Random) -> datetime:
    """A time that msgpack says in 32 bits, or in 64."""
    seconds = chance.choice((chance.randrange(1 << 32), chance.randrange(1 << 34), 0, (1 << 32) - 1, 1 << 32))
    micros = chance.choice((0, 1, 250_000, 999_999, chance.randrange(1_000_000)))
    return EPOCH + timedelta(seconds=seconds, microseconds=micros)


def any_reports(chance: random.Random, count: int) -> list[MessageReport]:
    """Reports of the fuzzer's publishers that are valid, with texts and times of any form."""
    found: list[MessageReport] = []
    while len(found) < count:
        publishers = Publishers(chance, 0, 1)
        for _ in range(min(200, count)):
            record = publishers.record()
            try:
                report = decode_report(record.value, [], LATEST_MS).event
            except Rejected:
                continue
            if all(map(is_usual_time, (report.occurred_at, report.received_at or EPOCH))):
                found.append(of_any_form(chance, report))
    return found[:count]


def is_usual_time(moment: datetime) -> bool:
    """Whether the native core reads it: a damaged report may be of another zone, or of the year 6226."""
    return moment.tzinfo is UTC and EPOCH <= moment < LATEST


def of_any_form(chance: random.Random, report: MessageReport) -> MessageReport:
    changes: dict[str, Any] = {"report_id": any_text(chance, report.report_id)}
    if chance.random() < 0.3:
        changes["occurred_at"] = any_time(chance)
    if chance.random() < 0.3:
        changes["received_at"] = any_time(chance)
    if chance.random() < 0.3:
        changes["message_version"] = any_text(chance, "version-1")
    if report.message_ref is not None:
        changes["message_ref"] = any_text(chance, report.message_ref)
    if chance.random() < 0.3:
        score = chance.choice((*SCORES, chance.random()))
        changes["classifier"] = Classifier(any_text(chance, "scan"), any_text(chance, "7"), score)
    channel = report.channel
    changes["channel"] = Channel(
        any_text(chance, channel.ref),
        channel.visibility,
        channel.country,
        None if channel.language is None else any_text(chance, channel.language),
        chance.choice((channel.members, 1, 10**10)) if chance.random() < 0.2 else channel.members,
        chance.choice(get_args(ChannelKind)) if chance.random() < 0.2 else "channel",
    )
    return msgspec.structs.replace(report, **changes)


def entry_of(report: MessageReport, origin: Origin) -> tuple[CheckedReport[Any], bytes]:
    """The entry of the report at its channel's home, and its rest as bytes."""
    checked = checked_report(Decoded(report, "/app", epoch_ms(report.occurred_at)), origin, [])
    rest = msgspec.msgpack.encode(checked.rest)
    read = OF_RESTS[isinstance(checked.rest, RestWithChannel)].decode(rest)
    return msgspec.structs.replace(checked, rest=read), rest


def fields_of(rest: RestOfReport):
    """The fields as the native core gives them."""
    classifier, notice = rest.classifier, rest.notice
    with_channel = isinstance(rest, RestWithChannel)
    return (
        rest.kind,
        parts_of(rest.occurred_at),
        rest.received_at and parts_of(rest.received_at),
        rest.visibility,
        rest.channel_country,
        rest.language,
        rest.reporter_ref,
        rest.reporter_country,
        rest.account_age,
        classifier and (classifier.name, classifier.version, classifier.score),
        [(piece.country, piece.basis, piece.confidence) for piece in rest.evidence],
        msgspec.msgpack.encode(rest.evidence),
        notice
        and (list(notice.elements), None if notice.declares is msgspec.UNSET else list(notice.declares)),
        msgspec.msgpack.encode(notice),
        False,
        False,
        rest.message_version,
        rest.members if with_channel else None,
        rest.channel_kind if with_channel else "channel",
    )


def parts_of(moment: datetime) -> tuple[int, int]:
    micros = (moment - EPOCH) // datetime.resolution
    return divmod(micros, 1_000_000)


def any_origin(chance: random.Random) -> Origin:
    return Origin(
        any_text(chance, "message-reports"), chance.randrange(1_000), chance.choice((0, 7, 1 << 62)), 0
    )


# What the fields are called is in native/src/for_tests.rs.
def any_case(chance: random.Random, report: MessageReport) -> tuple[dict[str, Any], bytes]:
    """What the native core is given of a report, and the enriched report as Python writes it."""
    origin = any_origin(chance)
    checked, rest = entry_of(report, origin)
    report = report_of(checked)
    stamp = any_stamp(chance) if chance.random() < 0.6 else None
    factor = 1.0 if stamp is None else stamp.factor
    law = RULES.resolver.resolve(report)
    windows = RULES.plans[report.category].windows
    counts = [any_counts(chance) for _ in windows]
    finding = any_finding(chance) if chance.random() < 0.2 else None
    counted, possible_repeat = chance.random() < 0.8, chance.random() < 0.2
    risk = RULES.risk_model.score(report, factor)
    case = Case(report, "/app", checked.occurred, origin, law, risk, stamp)
    written = enriched_json(
        RULES, case, windows, counts, counted=counted, possible_repeat=possible_repeat, finding=finding
    )
    dsa_category, dsa_keywords = RULES.dsa[report.category]
    registry = RULES.registry
    parts = {
        "report_id": checked.report_id,
        "channel": checked.channel_ref,
        "category": checked.category,
        "message": checked.message_ref,
        "reporter_kind": checked.reporter_kind,
        "member": checked.member,
        "rest": rest,
        "jurisdictions": bytes(law.jurisdictions_json),
        "obligations": encode(tuple(published_duty(duty, registry, case.received) for duty in law.duties)),
        "routing": bytes(law.routing_json),
        "rule_of_law": bytes(law.rule_of_law_json),
        "dsa": b'"dsa_category":%b,"dsa_keywords":%b' % (encode(dsa_category), bytes(dsa_keywords)),
        "factor": factor,
        "windows": [
            (
                spec.text,
                found.reports,
                found.distinct_reporters,
                found.trusted_flaggers,
                found.automated,
                found.risk,
            )
            for spec, found in zip(windows, counts, strict=True)
        ],
        "counted": counted,
        "versions": b'"policy_version":%b,"registry_version":%b'
        % (encode(registry.policy_version), encode(registry.registry_version)),
        "topic": origin.topic,
        "partition": origin.partition,
        "offset": origin.offset,
        "trust": shown_trust(stamp),
        "finding": None if finding is None else encode(finding),
        "possible_repeat": possible_repeat,
    }
    return parts, written


def any_stamp(chance: random.Random) -> ReportStamp:
    return ReportStamp(
        chance.choice(get_args(TrustClass)),
        chance.choice((0.0, 0.5, 1.0, chance.random())),
        chance.choice((0.0, 0.3, chance.random())),
        chance.choice((0.0, 2.0, chance.random() * 1e6)),
        chance.choice((*FACTORS, chance.random() * 2)),
        first_time=False,
        over_limit=chance.random() < 0.2,
        signature=0,
        needed=5,
    )


def shown_trust(stamp: ReportStamp | None) -> tuple[Any, ...] | None:
    if stamp is None or not (stamp.outcomes or stamp.over_limit or stamp.factor != 1.0):
        return None
    return msgspec.structs.astuple(
        ReporterTrust(*stamp[:4], over_limit=stamp.over_limit),
    )


def any_counts(chance: random.Random) -> WindowCounts:
    most = chance.choice((1, 100, 1 << 40))
    return WindowCounts(
        reports=chance.randrange(most),
        risk=chance.choice((0, 1, 1_000_000, 123_456_789_012, chance.randrange(most), -1)),
        trusted_flaggers=chance.randrange(most),
        automated=chance.randrange(most),
        distinct_reporters=chance.randrange(most),
    )


def any_finding(chance: random.Random) -> IntegrityFinding:
    signals = chance.sample(get_args(IntegritySignal), chance.randrange(4))
    return IntegrityFinding(
        chance.random(), tuple(signals), any_text(chance, "Reporters."), chance.randrange(99)
    )


def compare_enriched(seed: int, count: int) -> None:
    chance = random.Random(seed)
    cases = [any_case(chance, report) for report in any_reports(chance, count)]
    written = tocsin_native.write_enriched(RISK, [parts for parts, _ in cases])
    for (parts, expected), one in zip(cases, written, strict=True):
        assert one == expected, parts


def test_writes_enriched_reports_alike():
    compare_enriched(seed=40, count=3_000)


def test_writes_the_usual_traffic_alike():
    chance = random.Random(41)
    begin = 1_790_000_000_000
    reports = [
        decode_report(one.value, [], LATEST_MS).event for one in traffic.usual(1_000, begin, 3_600_000)
    ]
    cases = [any_case(chance, report) for report in reports]
    assert tocsin_native.write_enriched(RISK, [parts for parts, _ in cases]) == [text for _, text in cases]


def test_reads_rests_alike():
    chance = random.Random(42)
    for report in any_reports(chance, 3_000):
        checked, rest = entry_of(report, any_origin(chance))
        # Of floats, repr compares all bits.
        assert repr(tocsin_native.read_rest(rest)) == repr(fields_of(checked.rest)), report


AT = datetime(2026, 9, 21, 13, 33, 20, tzinfo=UTC)
USUAL = RestOfReport(
    "user_report", AT, None, "public", "DE", "de", "person-1", "FR", "over_1y", None, (), None
)
# Field 12 is `times`, field 13 is `match`.
HAS_TIMES, HAS_MATCH = 14, 15


def natively_read(rest: Any):
    return tocsin_native.read_rest(msgspec.msgpack.encode(rest))


@pytest.mark.parametrize("form", [RestOfReport, RestWithChannel])
def test_says_what_is_pythons(form):
    usual = form(*msgspec.structs.astuple(USUAL))
    replace = msgspec.structs.replace
    elsewhere = AT.astimezone(timezone(timedelta(hours=2)))
    read = natively_read(replace(usual, occurred_at=elsewhere, times=(elsewhere.isoformat(), None)))
    assert (read[1], read[HAS_TIMES], read[HAS_MATCH]) == (parts_of(AT), True, False)
    read = natively_read(replace(usual, match=ListMatch("list-1"), message_version="v"))
    assert (read[HAS_TIMES], read[HAS_MATCH]) == (False, True)


@pytest.mark.parametrize("more", [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)])
def test_reads_as_many_items_as_a_report_may_have(more):
    evidence, elements, declares = more
    most = msgspec.structs.replace(
        USUAL,
        evidence=(Evidence("DE", "channel", 0.5),) * (32 + evidence),
        notice=Notice(("explanation",) * (16 + elements), ("against_a_woman",) * (8 + declares)),
    )
    assert (natively_read(most) is None) == any(more)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, None),
        (0, b"user_report"),
        # In 96 bits.
        (1, datetime(1969, 12, 31, tzinfo=UTC)),
        (1, datetime(2600, 1, 1, tzinfo=UTC)),
        (1, "2026-09-21T13:33:20Z"),
        (1, msgspec.msgpack.Ext(-1, ((1_001 << 34) + 1).to_bytes(8, "big"))),
        (1, msgspec.msgpack.Ext(-1, ((1_000_000_000 << 34) + 1).to_bytes(8, "big"))),
        (1, msgspec.msgpack.Ext(1, bytes(4))),
        (1, msgspec.msgpack.Ext(1, bytes(8))),
        (9, {"name": "scan", "version": "7", "score": 1.5}),
        (9, {"name": "scan", "version": "7", "score": float("nan")}),
        (9, {"name": "scan", "version": "7", "score": "1"}),
        (9, {"name": "scan", "version": "7"}),
        (9, {"name": "scan", "version": "7", "score": 0.5, "more": 1}),
        (10, None),
        (10, [{"country": "DE", "basis": "victim", "confidence": -0.1}]),
        (10, [{"country": "DE", "basis": "victim", "confidence": 0.1}] * 33),
        (11, {}),
        (11, {"elements": ["location"] * 17}),
        (11, {"elements": [], "declares": ["against_a_woman"] * 9}),
        (11, {"elements": [], "more": []}),
        (14, 1),
        (15, -1),
        (15, 0.5),
        (16, "group"),
        (16, None),
    ],
)
def test_leaves_the_unexpected_to_python(place, value):
    fields = list(msgspec.structs.astuple(RestWithChannel(*msgspec.structs.astuple(USUAL), members=3)))
    assert natively_read(fields) is not None
    fields[place] = value
    assert natively_read(fields) is None


def test_takes_no_other_number_of_fields():
    fields = list(msgspec.structs.astuple(RestWithChannel(*msgspec.structs.astuple(USUAL), members=3)))
    for length in range(20):
        read = natively_read((fields + [None] * 3)[:length])
        assert (read is not None) == (length in (15, 17))


def test_takes_no_rest_that_was_cut_off_or_goes_on():
    chance = random.Random(43)
    for report in any_reports(chance, 50):
        rest = entry_of(report, any_origin(chance))[1]
        assert tocsin_native.read_rest(rest + b"\xc0") is None
        for length in range(len(rest)):
            assert tocsin_native.read_rest(rest[:length]) is None


def test_reads_damaged_rests_without_a_panic():
    chance = random.Random(44)
    read = 0
    for report in any_reports(chance, 500):
        rest = entry_of(report, any_origin(chance))[1]
        for _ in range(40):
            damaged = bytearray(rest)
            for _ in range(chance.choice((1, 1, 2, 8))):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            read += tocsin_native.read_rest(bytes(damaged)) is not None
    assert read


def scored(model: RiskModel, questions):
    """The risks that Python finds, as the native core gives them."""
    for category, kind, member, age, factor, classifier in questions:
        report = MessageReport(
            "r-1",
            "user_report",
            AT,
            Channel("channel-1", "public"),
            category,
            reporter=Reporter(kind, None, None, member, age),
            classifier=None if classifier is None else Classifier("scan", "7", classifier),
        )
        risk = model.score(report, factor)
        yield encode(risk), model.millionths(risk)


def compare_risks(seed: int, draws: int) -> None:
    chance, model = random.Random(seed), RULES.risk_model
    factors = (1.0, *(chance.choice((*FACTORS, chance.random() * 2)) for _ in range(draws)))
    scores = (None, *SCORES, *(chance.random() for _ in range(draws)))
    questions = [(*cohort, *drawn) for cohort in model.cohorts for drawn in product(factors, scores)]
    assert tocsin_native.score_reports(RISK, questions) == list(scored(model, questions))


def test_scores_all_cohorts_alike():
    compare_risks(seed=45, draws=3)


def test_scores_no_cohort_that_there_is_not():
    (category, kind, member, age), *_ = RULES.risk_model.cohorts
    known = (category, kind, member, age, 1.0, None)
    unknown = [
        ("no-category", *known[1:]),
        (category, "nobody", *known[2:]),
        (category, kind, member, "ancient", 1.0, None),
    ]
    answers = tocsin_native.score_reports(RISK, [known, *unknown])
    assert answers[0] is not None
    assert answers[1:] == [None] * 3


def assert_written_alike(*, texts=(), floats=(), ints=(), times=()):
    moments = [EPOCH + timedelta(seconds=seconds, microseconds=micros) for seconds, micros in times]
    expected = b"".join(encode(value) + b"\n" for value in (*texts, *floats, *ints, *moments))
    assert tocsin_native.write_json(texts, floats, ints, times) == expected


def test_writes_texts_alike():
    chance = random.Random(46)
    texts = [chr(code) for code in range(0xD800)] + ["", "".join(CHARACTERS)]
    texts += [any_text(chance, "usual") for _ in range(10_000)]
    assert_written_alike(texts=texts)


def test_writes_floats_alike():
    assert_written_alike(floats=[number / 1_000_000 for number in range(1_000_001)])


def test_writes_unusual_floats_alike():
    chance = random.Random(47)
    numbers = [0.0, 1.0, 5e-324, 123456.789012, 1.7976931348623157e308, float("inf"), float("nan")]
    numbers += [float(f"{digits}e{power}") for digits in ("1", "1.5", "9.999999") for power in range(-30, 30)]
    numbers += [chance.randrange(1 << 53) / 1_000_000 for _ in range(100_000)]
    numbers += [chance.random() * 10 ** chance.randrange(-20, 20) for _ in range(100_000)]
    numbers += msgspec.msgpack.decode(
        b"\xdd"
        + (100_000).to_bytes(4, "big")
        + b"".join(b"\xcb" + chance.randbytes(8) for _ in range(100_000))
    )
    assert_written_alike(floats=[*numbers, *(-number for number in numbers)])


def test_writes_integers_alike():
    powers = [sign * (1 << power) + more for power in range(63) for sign in (1, -1) for more in (-1, 0, 1)]
    tens = [sign * 10**power + more for power in range(19) for sign in (1, -1) for more in (-1, 0, 1)]
    assert_written_alike(ints=[*powers, *tens, (1 << 63) - 1, -(1 << 63)])


def test_writes_times_alike():
    chance = random.Random(48)
    # All days that a rest may have, and some of all years that a time has.
    days = [*range((LATEST - EPOCH).days), *range(0, (datetime.max.replace(tzinfo=UTC) - EPOCH).days + 1, 13)]
    times = [(day * 86_400 + chance.randrange(86_400), 0) for day in days]
    times += [parts_of(any_time(chance)) for _ in range(10_000)]
    assert_written_alike(times=times)
