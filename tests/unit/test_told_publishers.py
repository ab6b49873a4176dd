"""Publishers that operators list are told what was refused of their reports, and never what it said."""

import dataclasses
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.events.dead_letter import REMEDIES
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.forms.refusal import encode_refusal, publisher_of
from streams.contract.wire.records import HEADERS_DROPPED, NOT_UNPACKED, Headers, OutputRecord
from streams.contract.wire.topics import DEAD_LETTERS, REFUSALS, VERIFIED_REPORTS
from streams.deciding.partition.admission import refusal_budget
from streams.deciding.partition.admission.refusal_budget import RefusalBudget
from streams.deciding.partition.settings import PartitionSettings
from streams.deciding.reporters.rules import compile_reporter_rules
from streams.deciding.reporters.stage import reporter_stage
from streams.deciding.reports.claims import UNRESTRICTED
from streams.deciding.reports.rules import ReportRules, compile_report_rules
from streams.deciding.reports.stage import report_stage
from streams.registry.rules import SourceRights
from tests.contract.examples import example, example_files, name_of
from tests.unit.reporter_traffic import read_back
from tests.unit.traffic import EXTERNAL, HOUR, REPORTERS_INTERNAL, SHIPPED, START, Record, fold

APP, INTAKE, STRANGER = "/abuse-desk/app", "/abuse-desk/intake", "/nobody"
LISTED = {
    topic: dataclasses.replace(rights, ce_sources=frozenset({APP if topic == EXTERNAL else INTAKE, "/both"}))
    for topic, rights in UNRESTRICTED.items()
}


def rules_of(sources: Any = LISTED, **settings: int) -> ReportRules:
    return compile_report_rules(
        dataclasses.replace(SHIPPED, sources=sources), settings=PartitionSettings(**settings)
    )


RULES = rules_of()


def body_of(number: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "report_id": f"r-{number}",
        "kind": "user_report",
        "occurred_at": rfc3339(START),
        "channel": {"ref": "c", "visibility": "public"},
        "category": "spam",
        **fields,
    }


def binary(source: str = APP, ce_id: str = "r-1", **changes: bytes) -> list[tuple[str, bytes]]:
    headers = {
        "ce_specversion": b"1.0",
        "ce_id": ce_id.encode(),
        "ce_type": b"tocsin.report.v1",
        "ce_source": source.encode(),
        **changes,
    }
    return list(headers.items())


def record(
    value: Any, headers: Headers, *, offset: int = 7, appended: int = START, topic: str = EXTERNAL
) -> Record:
    written = value if isinstance(value, bytes) else msgspec.json.encode(value)
    return Record(topic, 0, offset, appended, b"any", written, headers)


def apply(records: Sequence[Record], rules: ReportRules = RULES, state: Any = None) -> Any:
    stage = report_stage(rules)
    return stage.apply(state or stage.restore(0, 1), records)


def told(outputs: Iterable[OutputRecord]) -> list[dict[str, Any]]:
    return [msgspec.json.decode(row.value) for row in outputs if row.topic == REFUSALS]


def number_of(topic: str, outputs: Iterable[OutputRecord]) -> int:
    return sum(row.topic == topic for row in outputs)


def test_a_refusal_says_where_what_and_why():
    batch = apply([record(body_of(category="phish"), binary())])
    [refusal] = [row for row in batch.outputs if row.topic == REFUSALS]
    [letter] = [dict(row.headers) for row in batch.outputs if row.topic == DEAD_LETTERS]
    assert msgspec.json.decode(refusal.value) == {
        "ce_source": APP,
        "ce_id": "r-1",
        "report_id": "r-1",
        "topic": EXTERNAL,
        "partition": 0,
        "offset": 7,
        "published_at": "2026-09-04T00:00:00Z",
        "reason": "unknown_category",
        "field": "category",
        "detail": letter["tocsin-detail"].decode(),
        "remedy": REMEDIES["unknown_category"],
        "last_of_hour": False,
    }
    assert (refusal.key, refusal.partition) == (APP.encode(), None)
    headers = dict(refusal.headers)
    assert (headers["ce_type"], headers["ce_source"]) == (b"tocsin.refusal.v1", b"/tocsin")
    # The same place gives the same id, another one another.
    again = apply([record(body_of(category="phish"), binary(), offset=offset) for offset in (7, 8)])
    ids = [dict(row.headers)["ce_id"] for row in again.outputs if row.topic == REFUSALS]
    assert (ids[0], len(set(ids))) == (headers["ce_id"], 2)


def structured(data: Any, **attributes: Any) -> Record:
    event = {"specversion": "1.0", "id": "r-1", "source": APP, "type": "tocsin.report.v1", "data": data}
    return record(event | attributes, [("content-type", b"Application/CloudEvents+json")])


BAD = body_of(category="phish")


@pytest.mark.parametrize(
    ("refused", "ids"),
    [
        (record(BAD, binary()), ("r-1", "r-1")),
        (record(BAD, binary(ce_id="other:1")), ("other:1", "r-1")),
        (structured(BAD), ("r-1", "r-1")),
        (structured(BAD, id=4), (None, "r-1")),
        (structured("no report"), ("r-1", None)),
        (record(b"{", binary()), ("r-1", None)),
        (record(b"", binary()), ("r-1", None)),
        (record(BAD | {"report_id": 17}, binary()), ("r-1", None)),
        (record(b'{"x":"' + b"x" * 70_000 + b'"}', binary()), ("r-1", None)),
        (record(b"[" * 5_000, binary()), ("r-1", None)),
        # No ids: too long, of another alphabet, or what may be somebody's telephone number.
        (record(BAD | {"report_id": "x" * 129}, binary(ce_id="a b")), (None, None)),
        (record(BAD, binary(ce_id="tel:4915112345678")), (None, "r-1")),
        (record(BAD, binary(ce_id="r-1\n")), (None, "r-1")),
        # Either could be meant.
        (record(BAD, [*binary(), ("ce_id", b"r-2")]), (None, "r-1")),
        # What was refused.
        (record(body_of(category="r-1"), binary()), (None, None)),
        (record(body_of(message_ref="a@example.org"), binary()), (None, None)),
    ],
)
def test_ids_are_told_if_they_are_ids_and_not_what_was_refused(refused: Record, ids: tuple[str, str]):
    [refusal] = told(apply([refused]).outputs)
    assert (refusal["ce_id"], refusal["report_id"]) == ids


@pytest.mark.parametrize(
    "unread",
    [
        record(BAD, []),
        record(BAD, binary(STRANGER)),
        # Listed for the other topic only: whoever may write here must not reach that publisher.
        record(BAD, binary(INTAKE)),
        record(BAD, [*binary(), ("ce_source", APP.encode())]),
        record(BAD, binary(ce_source=b"\xff")),
        record(BAD, [*binary(), (HEADERS_DROPPED, b"300")]),
        record(b"", NOT_UNPACKED),
        structured(BAD, source=[APP]),
        record(b"{", [("content-type", b"application/cloudevents+json")]),
        # The header is not what names the publisher of a structured event.
        record(BAD, [*binary(), ("content-type", b"application/cloudevents+json")]),
    ],
)
def test_without_a_listed_publisher_nobody_is_told(unread: Record):
    batch = apply([unread])
    assert number_of(DEAD_LETTERS, batch.outputs) == 1
    assert told(batch.outputs) == []
    assert batch.counters.refused_reports == {"other": 1}


def test_nobody_is_told_of_other_events_or_where_no_publisher_is_listed():
    [outcome] = [record({}, binary(), topic="clock-outcomes")]
    batch = apply([outcome])
    assert (number_of(DEAD_LETTERS, batch.outputs), told(batch.outputs)) == (1, [])
    assert batch.counters.refused_reports == {}
    assert told(apply([record(BAD, binary())], rules_of(UNRESTRICTED)).outputs) == []


def test_a_valid_report_tells_nobody():
    assert told(apply([record(body_of(), binary())]).outputs) == []


def test_a_report_that_claims_too_much_is_told_to_a_publisher_of_the_topic():
    rights = SourceRights(frozenset({"user_report"}), frozenset({"user", "anonymous"}), frozenset({APP}))
    batch = apply(
        [record(body_of(kind="automated_detection"), binary())], rules_of(LISTED | {EXTERNAL: rights})
    )
    [refusal] = told(batch.outputs)
    assert (refusal["reason"], refusal["field"]) == ("not_allowed_here", "kind")


def test_what_a_later_stage_refuses_is_told_with_the_place_where_it_was_published():
    few = PartitionSettings(new_reporters_per_hour=1)
    rules = rules_of(new_reporters_per_hour=1)
    gate = apply(
        [
            record(body_of(n, reporter={"kind": "user", "ref": f"u{n}"}), binary(ce_id=f"r-{n}"), offset=n)
            for n in (1, 2, 3)
        ],
        rules,
    )
    assert told(gate.outputs) == []
    stage = reporter_stage(compile_reporter_rules(rules.registry, settings=few))
    batch = stage.apply(stage.restore(0, 1), read_back(gate.outputs, REPORTERS_INTERNAL))
    assert [
        (row["reason"], row["topic"], row["offset"], row["report_id"]) for row in told(batch.outputs)
    ] == [
        ("too_many_new", EXTERNAL, 2, "r-2"),
        ("too_many_new", EXTERNAL, 3, "r-3"),
    ]
    assert batch.counters.refused_reports == {APP: 2}


HEADER = st.tuples(
    st.sampled_from(["ce_source", "ce_id", "ce_type", "content-type", "ce_x", "tocsin-headers-dropped"]),
    st.binary(max_size=12) | st.sampled_from([APP.encode(), b"application/cloudevents+json"]),
)


@given(
    st.binary(max_size=40)
    | st.recursive(st.none() | st.text() | st.integers(), lambda inner: st.dictionaries(
        st.sampled_from(["source", "id", "data", "report_id", "specversion"]), inner | st.just(APP)
    )).map(lambda found: json.dumps(found).encode()),
    st.lists(HEADER, max_size=5),
)  # fmt: skip
def test_no_record_stops_the_stage(value: bytes, headers: Headers):
    batch = apply([record(value, headers)])
    assert number_of(DEAD_LETTERS, batch.outputs) == 1
    assert len(told(batch.outputs)) == batch.counters.refused_reports[APP] <= 1


PATHS = [
    ("kind",), ("occurred_at",), ("channel",), ("channel", "ref"), ("channel", "visibility"),
    ("channel", "country"), ("channel", "language"), ("category",), ("received_at",), ("message_ref",),
    ("reporter",), ("reporter", "kind"), ("reporter", "ref"), ("classifier", "score"), ("match", "list"),
    ("message_version",), ("unknown",),
]  # fmt: skip
SECRETS = ["Zq7 secret text", "zq7@example.org", "+49 151 5550 7711", {"zq7": "zq7"}, ["zq7"], "zq7" * 90]


def texts_in(secret: Any) -> list[bytes]:
    return [b"zq7", b"Zq7", b"5550 7711"] if secret is not None else []


@pytest.mark.parametrize("secret", SECRETS, ids=str)
@pytest.mark.parametrize("path", PATHS, ids=".".join)
def test_what_was_refused_is_nowhere_in_a_refusal(path: tuple[str, ...], secret: Any):
    body = body_of(
        reporter={"kind": "user", "ref": "u"}, classifier={"name": "n", "version": "1", "score": 0.5},
        match={"list": "l"},
    )  # fmt: skip
    place = body
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = secret
    batch = apply([record(body, [*binary(), ("x-note", b"zq7"), ("ce_zq7", b"zq7"), ("ce_zq7", b"zq7")])])
    [refusal] = [row for row in batch.outputs if row.topic == REFUSALS]
    written = b"".join([refusal.key or b"", refusal.value or b"", *(value for _, value in refusal.headers)])
    assert [text for text in texts_in(secret) if text in written] == []
    assert json.loads(refusal.value or b"")["ce_id"] in ("r-1", None)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5), st.booleans()), max_size=60),
    st.integers(1, 4),
)
def test_the_budget_is_that_of_a_model(steps: list[tuple[str, int, bool]], most: int):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(refusal_budget, "MOST_PER_HOUR", most)
        budget, newest = RefusalBudget(), 0
        seen: Counter[tuple[str, int]] = Counter()
        stored: dict[bytes, bytes] = {}
        for source, hour, restart in steps:
            # A report that was written in an earlier hour counts in the newest.
            newest = max(newest, hour)
            seen[source, newest] += 1
            number = seen[source, newest]
            expected = "yes" if number < most else "last" if number == most else "no"
            assert budget.tell(source, START + hour * HOUR + 59) == expected
            if restart:
                if (change := budget.drain_change()) is not None:
                    fold(stored, dict([change]))
                budget = RefusalBudget()
                for entry in stored.items():
                    budget.restore(*entry)


def test_a_clock_that_was_ahead_does_not_silence_the_right_hours():
    budget = RefusalBudget()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(refusal_budget, "MOST_PER_HOUR", 1)
        assert [budget.tell(APP, START + 9 * HOUR) for _ in "12"] == ["last", "no"]
        assert budget.tell(APP, START) == "no"
        budget.turn_back(START)
        assert budget.tell(APP, START) == "last"


def test_a_flood_is_told_up_to_the_budget_wherever_batches_are_cut(monkeypatch):
    monkeypatch.setattr(refusal_budget, "MOST_PER_HOUR", 5)
    records = [
        record(
            BAD, binary(APP if number % 3 else "/both"), offset=number, appended=START + number * HOUR // 20
        )
        for number in range(40)
    ]
    whole = apply(records).outputs
    assert number_of(DEAD_LETTERS, whole) == 40
    by_publisher = Counter(row["ce_source"] for row in told(whole))
    assert by_publisher == {APP: 10, "/both": 10}
    assert [row["offset"] for row in told(whole) if row["last_of_hour"]] == [7, 12, 26, 33]
    stage = report_stage(RULES)
    for size in (1, 3, 7):
        stored: dict[bytes, bytes] = {}
        outputs: list[OutputRecord] = []
        for begin in range(0, 40, size):
            batch = stage.apply(stage.restore(0, 1, stored.items()), records[begin : begin + size])
            outputs += batch.outputs
            fold(stored, batch.changes)
        assert outputs == whole


GOLDEN_LETTERS = {
    path.stem: path for path in example_files("dead-letters") if b"ce_source" in path.read_bytes()
}


@pytest.mark.parametrize("path", example_files("refusals"), ids=name_of)
def test_an_example_is_what_the_publisher_of_the_dead_letter_is_told(path: Any):
    golden = example(path)
    letter = example(GOLDEN_LETTERS[path.stem])
    headers = {name: value.decode() for name, value in letter.headers}
    published = Record(
        headers["tocsin-topic"], int(headers["tocsin-partition"]), int(headers["tocsin-offset"]),
        int(headers["tocsin-timestamp"]), b"any", letter.value,
        [header for header in letter.headers if not header[0].startswith("tocsin-")],
    )  # fmt: skip
    reason: Any = headers["tocsin-reason"]
    rejected = Rejected(reason, headers["tocsin-field"], headers["tocsin-detail"])
    ce_source = publisher_of(published)
    assert ce_source is not None
    last = golden.document["last_of_hour"]
    refusal = encode_refusal(published, rejected, ce_source, last_of_hour=last)
    assert (refusal.key, refusal.value) == ((golden.key or "").encode(), golden.value)
    assert list(refusal.headers) == golden.headers


def test_the_topic_of_detectors_has_publishers_of_its_own():
    detection = body_of(kind="automated_detection", category="phish")
    batch = apply([record(detection, binary(INTAKE), topic=VERIFIED_REPORTS)])
    assert [row["ce_source"] for row in told(batch.outputs)] == [INTAKE]


def test_the_page_for_publishers_shows_an_example():
    page = (Path(__file__).parents[2] / "docs/publishing.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```json refusal\n(.*?)```", page, re.DOTALL)
    (golden,) = [path for path in example_files("refusals") if path.stem == "not-allowed-here"]
    assert json.loads(shown) == example(golden).document
    assert f"{refusal_budget.MOST_PER_HOUR:,} of a publisher within an hour" in page
