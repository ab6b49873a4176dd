"""What arrives by HTTP becomes events without an id of the platform, or is refused with the field named."""

import base64
import hashlib
import hmac

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from streams.contract.wire.forms.report_decoding import FORM
from streams.contract.wire.reading import event_reader
from streams.intake.mapping import load_mapping
from streams.intake.quota import Quota
from streams.intake.reports import NotReadable, ReportReader
from streams.intake.sources import PRESETS, IntakeSource, load_intake_sources
from streams.intake.verification import Bearer, BodyHmac, StandardWebhooks, why_not_verified
from streams.registry.categories import built_in_categories
from streams.registry.reading.errors import RegistryError
from streams.registry.sources import load_sources
from streams.running.clients.pseudonym import pseudonym
from streams.running.wall_clock import clock_ms
from tests.unit.intake_documents import MASTODON, MASTODON_PRIVATE, REPORT

KEY = b"a key of thirty-two characters.."
READER = ReportReader(KEY, load_sources(), event_reader(FORM, built_in_categories()))
FORUM = IntakeSource("forum", "/forum", "message-reports", 600, "", Bearer([b"token"]), None)
SERVER = IntakeSource(
    "server",
    "/server",
    "message-reports",
    600,
    "",
    Bearer([b"token"]),
    load_mapping(PRESETS / "mastodon.yaml"),
)
SECRET = b"a secret of a service"


def read(document, source=FORUM, **headers):
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return READER.reports(source, orjson.dumps(document), named, clock_ms())


def test_a_report_is_published_as_a_publisher_would_with_pseudonyms():
    [accepted] = read(REPORT).accepted
    event = accepted.event
    published = orjson.loads(event.value)
    assert event.topic == "message-reports"
    assert event.key.decode() == published["channel"]["ref"] == pseudonym(KEY, "channel", "", "room 7")
    assert published["message_ref"] == pseudonym(KEY, "message", "", "message 9")
    assert published["reporter"]["ref"] == pseudonym(KEY, "reporter", "", "alice@example.org")
    assert dict(event.headers)["ce_source"] == b"/forum"
    assert dict(event.headers)["ce_id"] == b"r-1"


def test_the_same_report_is_the_same_event_and_tenants_have_pseudonyms_of_their_own():
    assert read(REPORT).accepted == read(REPORT).accepted
    other = IntakeSource("b", "/b", "message-reports", 600, "b", FORUM.scheme, None)
    assert read(REPORT, other).accepted[0].event.key != read(REPORT).accepted[0].event.key


def test_nothing_that_the_mapping_does_not_name_leaves_the_door():
    [accepted] = read(MASTODON, SERVER).accepted
    everything = b"".join(
        [accepted.event.key, accepted.event.value, *(text for _, text in accepted.event.headers)]
    )
    assert not [text for text in MASTODON_PRIVATE if text.encode() in everything]


MARK = "Zq7mark"
SMALL = st.integers(-(2**63), 2**63)


@given(
    st.recursive(
        st.just(MARK) | st.none() | SMALL,
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_no_field_that_nobody_knows_is_published(extra):
    report = REPORT | {"comment": extra, MARK: 1, "channel": REPORT["channel"] | {"title": extra}}
    reading = read(report)
    assert MARK.encode() not in reading.accepted[0].event.value


@given(st.sampled_from(sorted(REPORT)), st.recursive(st.just(MARK) | SMALL, st.lists))
def test_what_is_refused_is_not_quoted(field, value):
    reading = read(REPORT | {field: value})
    for refused in reading.refused:
        assert MARK not in refused.detail + refused.path


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"category": "hmm"}, "category", "unknown_category"),
        ({"kind": "trusted_flagger_notice"}, "kind", "not_allowed_here"),
        ({"report_id": "alice@example.org"}, "report_id", "pii_detected"),
        ({"occurred_at": "yesterday"}, "occurred_at", "invalid_time"),
        ({"channel": "room"}, "channel", "wrong_type"),
        ({"reporter": {"kind": "user", "ref": 7}}, "reporter.ref", "wrong_type"),
    ],
)
def test_a_refused_report_is_named_by_field_and_the_others_are_taken(change, field, reason):
    reading = read([REPORT, REPORT | change, REPORT | {"report_id": "r-3"}])
    assert [each.report.report_id for each in reading.accepted] == ["r-1", "r-3"]
    assert [(each.index, each.field, each.reason) for each in reading.refused] == [(1, field, reason)]


def test_what_a_mapping_looked_for_is_named():
    report = MASTODON["object"] | {"created_at": None}
    [refused] = read(MASTODON | {"object": report}, SERVER).refused
    assert (refused.field, refused.path, refused.reason) == (
        "occurred_at",
        "object.created_at",
        "missing_field",
    )
    assert read(MASTODON | {"event": "status.created"}, SERVER).is_other


def test_cloudevents_in_all_their_forms_are_read():
    event = {"specversion": "1.0", "type": "tocsin.report.v1", "source": "/forum", "id": "x", "data": REPORT}
    plain = read(REPORT).accepted
    assert read(event, content_type="application/cloudevents+json; charset=utf-8").accepted == plain
    assert read([event], content_type="application/cloudevents-batch+json").accepted == plain
    assert read(REPORT, ce_source="/forum").accepted == plain
    [refused] = read(event | {"source": "/other"}, content_type="application/cloudevents+json").refused
    assert (refused.field, refused.reason) == ("ce_source", "not_allowed_here")


@pytest.mark.parametrize("depth", [100, 300, 1_000])
def test_a_report_nested_too_deeply_is_refused_beside_others(depth):
    deep = orjson.dumps(REPORT)[:-1] + b', "more": ' + b"[" * depth + b"]" * depth + b"}"
    reading = READER.reports(FORUM, b"[%s, %s]" % (deep, orjson.dumps(REPORT)), {}, clock_ms())
    assert [(each.index, each.field, each.reason) for each in reading.refused] == [(0, "value", "too_deep")]
    assert len(reading.accepted) == 1


@pytest.mark.parametrize(
    ("body", "content_type", "said"),
    [
        (b"", "", "the body is empty"),
        (b"{", "", "not JSON"),
        (b"[" * 100_000, "", "nested too deeply"),
        (b'{"specversion": "1.0"}', "application/cloudevents+json", "type of a CloudEvent"),
        (b"7", "application/cloudevents+json", "must be an object"),
        (b"{}", "application/cloudevents-batch+json", "must be an array"),
        (orjson.dumps([{}] * 1_001), "", "more than 1,000 reports"),
    ],
)
def test_a_body_without_reports_is_refused_as_a_whole(body, content_type, said):
    with pytest.raises(NotReadable, match=said):
        READER.reports(FORUM, body, {"content-type": content_type}, clock_ms())


def signed(secret, body, sent, event_id="msg_1"):
    text = b"%s.%d.%s" % (event_id.encode(), sent, body)
    signature = base64.b64encode(hmac.digest(secret, text, hashlib.sha256)).decode()
    return {"webhook-id": event_id, "webhook-timestamp": str(sent), "webhook-signature": f"v1,{signature}"}


def test_standard_webhooks_are_verified_as_their_own_library_signs():
    from datetime import UTC, datetime

    secret, now, body = "whsec_" + base64.b64encode(SECRET * 2).decode(), 1_790_000_000, b'{"a": 1}'
    scheme = StandardWebhooks([b"old", SECRET * 2])
    signature = Webhook(secret).sign("msg_1", datetime.fromtimestamp(now, UTC), body.decode())
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(now),
        "webhook-signature": f"v1a,x {signature}",
    }
    assert why_not_verified(scheme, headers, body, now) is None
    assert why_not_verified(scheme, headers, body, now + 299) is None
    assert "last five minutes" in why_not_verified(scheme, headers, body, now + 301)
    assert "last five minutes" in why_not_verified(scheme, headers, body, now - 301)
    assert "no valid signature" in why_not_verified(scheme, headers, body + b" ", now)
    assert "no valid signature" in why_not_verified(scheme, headers | {"webhook-id": "msg_2"}, body, now)
    assert "missing" in why_not_verified(scheme, {}, body, now)
    assert "malformed" in why_not_verified(scheme, headers | {"webhook-timestamp": "9" * 40}, body, now)


@pytest.mark.parametrize("encoding", ["hex", "base64"])
def test_a_signature_of_the_body_in_a_header_of_the_senders(encoding):
    digest = hmac.digest(SECRET, b"body", hashlib.sha256)
    text = digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()
    scheme = BodyHmac([b"another secret", SECRET], "X-Hub-Signature", "sha256=", encoding)
    assert why_not_verified(scheme, {"x-hub-signature": f"sha256={text}"}, b"body", 0) is None
    for wrong in (f"sha256={text}", f"sha1={text}", text, "sha256=", "sha256=zz", ""):
        changed = b"other" if wrong.startswith("sha256=") and wrong.endswith(text) else b"body"
        assert why_not_verified(scheme, {"x-hub-signature": wrong}, changed, 0) is not None
    assert why_not_verified(scheme, {}, b"body", 0) is not None


def test_bearer_tokens():
    scheme = Bearer([b"old token", b"token"])
    for given, valid in (
        ("Bearer token", True), ("bearer  token", True), ("Bearer old token", True), ("Bearer toke", False),
        ("Basic token", False), ("token", False), ("Bearer", False), ("", False), ("Bearer t\u00f6ken", False),
    ):  # fmt: skip
        assert (why_not_verified(scheme, {"authorization": given}, b"", 0) is None) is valid, given


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(1, 30)), max_size=60), st.integers(1, 60))
def test_a_quota_never_gives_more_than_its_rate_and_a_minute_at_once(requests, per_minute):
    now, taken, largest = 0.0, 0, 0
    quota = Quota.full(per_minute, now)
    for pause, number in requests:
        now += pause
        wait = quota.wait_for(number, now)
        if wait == 0:
            taken, largest = taken + number, max(largest, number)
        else:
            # After the wait it has room.
            again = Quota(per_minute, quota._left, quota._at)
            assert again.wait_for(number, now + wait + 1e-6) == 0
        # More than a minute's number at once is taken from a full bucket, and paid back.
        assert taken <= per_minute * (1 + now / 60) + max(0, largest - per_minute) + 1e-6


FILE = """
sources:
  forum:
    ce_source: /forum
    authentication: {scheme: bearer, secret_file: token}
  server:
    ce_source: /server
    reports_per_minute: 60
    authentication: {scheme: hmac, header: X-Hub-Signature, prefix: "sha256=", secret_file: token}
    mapping: mastodon
"""


def sources(tmp_path, text=FILE, secret="a token of a service"):
    (tmp_path / "intake.yaml").write_text(text)
    (tmp_path / "token").write_text(secret)
    return load_intake_sources(tmp_path / "intake.yaml")


def test_the_file_of_sources(tmp_path):
    forum, server = sources(tmp_path, secret="a token of a service\nand the one before it\n").values()
    assert forum.scheme == Bearer((b"a token of a service", b"and the one before it"))
    assert forum.mapping is None
    assert server.mapping is not None
    assert server.reports_per_minute == 60


@pytest.mark.parametrize(
    ("change", "secret", "said"),
    [
        (("forum:", "Forum!:"), None, "intake.yaml:3: sources.Forum!: must be at most 60 of a to z"),
        (("/server", "/forum"), None, "sources.server.ce_source: is that of forum too"),
        (("/server", "alice@example.org"), None, "sources.server.ce_source: must be a printable name"),
        (("secret_file: token}", "secret_file: none}"), None, "cannot be read: No such file"),
        (("a", "a"), "short", "a secret must have 16 characters or more"),
        (("a", "a"), "", "is empty"),
        (
            ("scheme: bearer", "scheme: standard_webhooks"),
            "not-base64-but-long-enough",
            "must be whsec_ and base64",
        ),
        (("scheme: bearer", "scheme: basic"), None, "sources.forum.authentication"),
        (("mapping: mastodon", "mapping: other.yaml"), None, "other.yaml: cannot be read"),
        (("reports_per_minute: 60", "reports_per_minute: 0"), None, "reports_per_minute"),
    ],
)
def test_what_is_wrong_with_the_file_is_said_and_no_secret_is_shown(tmp_path, change, secret, said):
    with pytest.raises(RegistryError) as caught:
        sources(tmp_path, FILE.replace(*change), "a-token-of-a-service" if secret is None else secret)
    assert said in str(caught.value)
    assert "token-of-a-service" not in str(caught.value)
    assert "not-base64" not in str(caught.value)
