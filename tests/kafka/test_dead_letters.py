"""Every dead letter reason, and a batch that cannot be unpacked."""

import base64
import hashlib
import re
from pathlib import Path

import orjson

from streams.contract.events.dead_letter import DEAD_LETTER_REASONS
from streams.deciding.reports.escalation.clock_events import clock_id
from tests.kafka.harness.deployment import (
    DEAD_LETTERS,
    ENRICHED,
    MODERATION,
    OUTCOMES,
    SOURCE,
    STANDING,
    VERIFIED,
)
from tests.kafka.harness.moderation import outcome_document, standing_document
from tests.kafka.harness.reader import Reader
from tests.kafka.harness.reports import Published, generate, now_ms, report, rfc3339, source_of
from tests.kafka.harness.strange import publish_bomb

ENVELOPE = (
    ("ce_specversion", b"1.0"),
    ("ce_id", b"1"),
    ("ce_source", b"/tests"),
    ("ce_type", b"tocsin.report.v1"),
)


def json(**changes):
    return orjson.dumps(report("bad-1", now_ms()) | changes)


def without(*headers):
    return tuple(header for header in ENVELOPE if header[0] not in headers)


def bad_records():
    """Bad reports by name: (reason, field, value, headers)."""
    missing = report("bad-1", now_ms())
    del missing["category"]
    structured = (("content-type", b"application/cloudevents+json"),)
    event = {"specversion": "1.0", "id": "1", "source": "/tests", "type": "tocsin.report.v1"}
    pii = base64.b64encode(json(reporter={"kind": "user", "ref": "someone@example.org"})).decode()
    return {
        "tombstone": ("empty", "value", None, ()),
        "nothing": ("empty", "value", b"", ENVELOPE),
        "text": ("not_json", "value", b"hello", ()),
        "byte order mark": ("not_json", "value", b"\xef\xbb\xbf" + json(), ()),
        "latin 1": ("invalid_utf8", "value", json(comment="X").replace(b"X", b"\xe9"), ()),
        "nested": ("too_deep", "value", json(comment=0).replace(b"0}", b"[" * 500 + b"]" * 500 + b"}"), ()),
        "number": ("wrong_type", "report_id", json(report_id=7), ()),
        "list": ("wrong_type", "value", b"[]", ()),
        "no category": ("missing_field", "category", orjson.dumps(missing), ENVELOPE),
        "long ref": ("invalid_value", "channel.ref", json(channel={"ref": "x" * 129, "visibility": "public"}), ()),
        "category": ("unknown_category", "category", json(category="witchcraft"), ()),
        "country": ("invalid_country", "channel.country",
                    json(channel={"ref": "c", "visibility": "public", "country": "ZZ"}), ()),  # fmt: skip
        "no zone": ("invalid_time", "occurred_at", json(occurred_at="2026-03-01T12:00:00"), ()),
        "future": ("future_timestamp", "occurred_at", json(occurred_at=rfc3339(now_ms() + 400_000)), ()),
        "large": ("oversized", "value", json(comment="x" * 65_536), ()),
        "e-mail": ("pii_detected", "reporter.ref", json(reporter={"kind": "user", "ref": "a@example.org"}), ENVELOPE),
        "phone": ("pii_detected", "channel.ref", json(channel={"ref": "+4930123456", "visibility": "public"}), ()),
        "hidden": ("pii_detected", "reporter.ref", orjson.dumps({**event, "data_base64": pii}), structured),
        "half an envelope": ("bad_envelope", "ce_source", json(), without("ce_source")),
        "weight": ("not_allowed_here", "reporter.kind", json(reporter={"kind": "trusted_flagger"}), ENVELOPE),
        "other version": ("unsupported_version", "ce_type", json(),
                          (*without("ce_type"), ("ce_type", b"tocsin.report.v2"))),  # fmt: skip
    }  # fmt: skip


def bad_outcomes():
    """Bad outcomes of clocks by name, in the same form. The name is also the channel."""

    def outcome(channel, **changes):
        clock = clock_id("GB.osa.s10-3A", channel, "", "notice-1")
        document = {"outcome_id": channel, "clock_id": clock, "subject": "report", "key": channel}
        return orjson.dumps({**document, "occurred_at": rfc3339(now_ms()), **changes})

    return {
        "no-such-clock": ("clock_not_running", "clock_id", outcome("no-such-clock", outcome="fulfilled"), ()),
        "victims-1": (
            "not_pausable",
            "reason",
            outcome("victims-1", outcome="paused", reason="holidays"),
            (),
        ),
    }


def bad_decisions():
    """Bad outcomes of desks by name, in the same form. The name is also the channel."""
    subject = {"kind": "report", "channel_ref": "no-such-report", "report_id": "r-1"}
    document = outcome_document("o-1", "dismissed", subject)
    return {"no-such-report": ("subject_not_found", "subject.report_id", orjson.dumps(document), ())}


def bad_standings():
    """A pause of a reporter who was not warned, in the same form."""
    document = standing_document(
        "s-1",
        "never-warned",
        "r-1",
        "paused",
        confirmed_by={"ref": "desk-2", "role": "desk"},
        until=rfc3339(now_ms() + 60 * 60 * 1000),
    )
    return {"never-warned": ("standing_not_possible", "state", orjson.dumps(document), ())}


def notice():
    """A report that arms the clock of the Online Safety Act which `bad_outcomes` tries to pause."""
    document = report(
        "notice-1",
        now_ms(),
        kind="statutory_victim_request",
        channel={"ref": "victims-1", "visibility": "private", "country": "GB"},
        category="ncii",
        notice={
            "elements": ["subject_or_authorised", "location", "good_faith", "contact"],
            "declares": ["intimate_image_content"],
        },
    )
    return Published(b"victims-1", orjson.dumps(document))


def test_every_reason_occurs_and_the_stream_continues(deploy):
    deployment = deploy()
    cases, outcomes, decisions = bad_records(), bad_outcomes(), bad_decisions()
    standings = bad_standings()
    everything = cases | outcomes | decisions | standings
    # `bad_batch` concerns a whole batch; the next test covers it. `skipped` is an operator's decision: see
    # test_source_commands.py. `too_many_new` needs many reports: see tests/unit/test_newcomers.py.
    occurring = {reason for reason, *_ in everything.values()}
    assert occurring | {"bad_batch", "skipped", "too_many_new"} == set(DEAD_LETTER_REASONS)
    good = [notice(), *generate(8, 500, bad=0)]
    headers = (("trace", b"\x00\xff"), ("trace", b"second"), ("tocsin-reason", b"forged"))
    letters, outcome_records, decided, about_reporters = (
        [
            Published(name.encode(), value, None, reason, (*envelope, *headers))
            for name, (reason, _, value, envelope) in bad.items()
        ]
        for bad in (cases, outcomes, decisions, standings)
    )
    deployment.publish([*good[:250], *letters, *good[250:]])
    deployment.fleet.start()
    deployment.wait_until_applied()
    # The clock must be running before the outcomes are published.
    deployment.publish_outcomes(outcome_records)
    deployment.publisher(topic=MODERATION).publish(decided)
    deployment.publisher(topic=STANDING).publish(about_reporters)
    deployment.wait_until_applied()
    reader = deployment.outputs()

    rows = {place_of(row): row for row in reader.all(deployment.name(DEAD_LETTERS))}
    sources = {name: SOURCE for name in cases} | {name: OUTCOMES for name in outcomes}
    sources |= {name: MODERATION for name in decisions} | {name: STANDING for name in standings}
    originals = {
        (topic, row.key): row
        for topic in (SOURCE, VERIFIED, OUTCOMES, MODERATION, STANDING)
        for row in reader.all(deployment.name(topic))
    }
    assert len(rows) == len(sources)
    for name, (reason, field, value, _) in everything.items():
        original = originals[sources[name], name.encode()]
        row = rows[b"%s/%d/%d" % (original.topic.encode(), original.partition, original.offset)]
        described = {key: text for key, text in row.headers if key.startswith("tocsin-")}
        assert described.pop("tocsin-detail").startswith((b"Must ", b"Missing"))
        assert described == {
            "tocsin-reason": reason.encode(),
            "tocsin-field": field.encode(),
            "tocsin-topic": original.topic.encode(),
            "tocsin-partition": b"%d" % original.partition,
            "tocsin-offset": b"%d" % original.offset,
            "tocsin-timestamp": b"%d" % original.timestamp,
            "tocsin-attempt": b"1",
        }, name
        if reason in ("pii_detected", "oversized"):
            redacted = {"sha256": hashlib.sha256(value).hexdigest(), "length": len(value), "field": field}
            assert (row.key, orjson.loads(row.value)) == (None, redacted)
            assert b"example.org" not in row.value + repr(row.headers).encode()
        else:
            assert (row.key, row.value) == (original.key, original.value), name
            kept = [header for header in original.headers if header[0] != "tocsin-reason"]
            assert list(row.headers[: len(kept)]) == kept
    assert reader.count(deployment.name(ENRICHED)) == len({record.value for record in good})


def test_a_batch_too_large_to_unpack_becomes_a_dead_letter_and_the_stream_continues(deploy):
    deployment = deploy(partitions=1)
    before, after = (generate(seed, 200, duplicates=0, bad=0) for seed in (83, 84))
    deployment.publish(before)
    publish_bomb(deployment.bootstrap, deployment.name(SOURCE))
    deployment.publish(after)
    worker = deployment.fleet.start()
    largest = []

    def applied():
        largest.append(resident_mib(worker))
        return deployment.everything_applied()

    deployment.fleet.wait_for(applied, 60, "applied", tend=False)
    with Reader(deployment.bootstrap, map(deployment.name, (ENRICHED, DEAD_LETTERS))) as reader:
        reader.catch_up()
    assert reader.count(deployment.name(ENRICHED)) == len(before) + len(after)
    (letter,) = reader.all(deployment.name(DEAD_LETTERS))
    described = dict(letter.headers)
    earlier = sum(source_of(record) == SOURCE for record in before)
    assert (described["tocsin-reason"], described["tocsin-offset"]) == (b"bad_batch", b"%d" % earlier)
    assert letter.key is None
    assert orjson.loads(letter.value)["length"] == 0
    assert max(largest) < 300


def resident_mib(worker):
    """Resident memory of a worker's process in MiB."""
    status = Path(f"/proc/{worker.process.pid}/status").read_text()
    return int(re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)[1]) // 1024


def place_of(letter):
    """Topic, partition and offset of a dead letter's original record."""
    headers = dict(letter.headers)
    return b"/".join(headers[f"tocsin-{name}"] for name in ("topic", "partition", "offset"))
