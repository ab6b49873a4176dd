"""Reports that Nostr relays have are read once, if their authors have signed them; relays are hostile."""

import asyncio
import hashlib
import ssl

import orjson
import pytest
import trustme
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.intake.polling import nostr
from streams.intake.polling.nostr import NostrReports
from streams.intake.polling.nostr_event import NotReport, report_event
from streams.intake.polling.pages import FIRST_LOOK_MS, NoAnswer
from streams.intake.polling.poll import NostrRow, Poll
from streams.intake.polling.positions import place_of
from streams.intake.sources import load_intake_sources
from streams.registry.reading.errors import RegistryError
from tests.unit.nostr_relay import NOTE, SELLER, NostrRelay, key_of, send, signed

NOW = 1_790_000_000


def poll_of(address, ca_file=None, seconds=10.0):
    row = NostrRow(service="nostr", relays=[address], allowed_networks=["127.0.0.0/8", "::1/128"])
    return Poll(row, address, "", ca_file, seconds)


async def taken(reader, position, now):
    return [page async for page in reader.pages(position, now * 1000)]


def polled(reader, position=None, now=NOW):
    """The ids since a position, the new one, and how many events were refused."""
    pages = asyncio.run(taken(reader, position, now))
    ids = [each["id"] for page in pages for each in page.documents]
    return ids, pages[-1].position if pages else position, sum(page.refused for page in pages)


@pytest.fixture
def relay():
    with NostrRelay() as relay:
        yield relay


def reader_of(relay, **more):
    return NostrReports(poll_of(relay.address, **more))


# --- events


def test_a_signed_report_is_read_as_a_mapping_needs_it_and_without_what_its_author_wrote():
    event = report_event(signed(1, NOW, content="she lives at 12 Main Street"))
    event.verify()
    assert event.document()["pubkey"] == key_of(1)
    assert "content" not in event.document()


def test_an_event_of_the_specification_of_its_signatures_verifies():
    """BIP-340, test vectors 0 and 5 of its table: a good signature, and a key that is on no curve."""
    from coincurve import PublicKeyXOnly

    key = bytes.fromhex("F9308A019258C31049344F85F89D5229B531C845836F99B08601F113BCE036F9")
    good = bytes.fromhex(
        "E907831F80848D1069A5371B402410364BDF1C5F8307B0084C55F1CE2DCA8215"
        "25F66A4A85EA8B71E482A74F382D2CE5EBEEE8FDB2172F477DF4900D310536C0"
    )
    assert PublicKeyXOnly(key).verify(good, bytes(32))
    event = signed(1, NOW)
    no_point = "eefdea4cdb677750a420fee807eacf21eb9898ae79b9768766e4faa04a2d4a34"
    hashed = orjson.dumps([0, no_point, NOW, 1984, event["tags"], ""])
    forged = event | {"pubkey": no_point, "id": hashlib.sha256(hashed).hexdigest()}
    with pytest.raises(NotReport, match="signature"):
        report_event(forged).verify()


TEXTS = 'quote " backslash \\ line\n tab\t \b\f\r \x01 \x7f é 漢 🙂 </script>   '


def test_the_id_is_the_hash_of_any_text():
    report_event(signed(1, NOW, [["p", SELLER, TEXTS]], content=TEXTS)).verify()


GOOD = signed(1, NOW)
FORGED = {
    "the signature of another event": GOOD | {"sig": signed(1, NOW - 1)["sig"]},
    "in another author's name": signed(2, NOW) | {"pubkey": key_of(1)},
    "another time": GOOD | {"created_at": NOW - 1},
    "another who is reported": GOOD | {"tags": [["p", NOTE, "spam"]]},
    "another text": GOOD | {"content": "x"},
    "an id that is no hash": GOOD | {"id": "0" * 64},
    "zeros as signature": GOOD | {"sig": "0" * 128},
}
MALFORMED = {
    "no report": signed(1, NOW, kind=1),
    "about nobody": signed(1, NOW, []),
    "a p without a key": signed(1, NOW, [["p"]]),
    "about a text": signed(1, NOW, [["p", "alice@example.org", "spam"]]),
    "a key in capitals": signed(1, NOW, [["p", SELLER.upper(), "spam"]]),
    "a note that is a text": signed(1, NOW, [["e", "note"], ["p", SELLER]]),
    "101 tags": signed(1, NOW, [["p", SELLER, "spam"]] * 101),
    "a tag of numbers": GOOD | {"tags": [["p", 7]]},
    "a time that is a text": GOOD | {"created_at": str(NOW)},
    "a time with a fraction": GOOD | {"created_at": NOW + 0.5},
    "a time below zero": GOOD | {"created_at": -1},
    "no signature": {name: value for name, value in GOOD.items() if name != "sig"},
    "a short signature": GOOD | {"sig": "00"},
    "a signature in capitals": GOOD | {"sig": GOOD["sig"].upper()},
    "a line after the signature": GOOD | {"sig": GOOD["sig"] + "\n"},
    "a key with a line after it": signed(1, NOW, [["p", SELLER + "\n", "spam"]]),
    "a list": [],
    "nothing": None,
    "a text": "alice@example.org",
}


@pytest.mark.parametrize("event", FORGED.values(), ids=FORGED)
def test_what_its_author_has_not_signed_is_refused(event):
    with pytest.raises(NotReport):
        report_event(event).verify()


@pytest.mark.parametrize("event", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_report_is_refused_without_a_quote(event):
    with pytest.raises(NotReport) as refused:
        report_event(event).verify()
    assert "alice" not in str(refused.value)


# --- relays


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 120), st.sampled_from([0, 1, 30, 200])), max_size=60),
    st.integers(0, 3),
)
def test_every_report_is_read_once_whatever_a_relay_gives_at_once(bursts, polls_at):
    """Beside what the relay has: bursts of one second, none with more than it gives at once."""
    made, number = [], 0
    for after, size in bursts:
        created_at = NOW - 100_000 + after * 700
        made += [signed_cheaply(number + n, created_at) for n in range(min(size, 60))]
        number += size
    with NostrRelay(most=60) as relay:
        reader, read, position = reader_of(relay), [], None
        for part in range(polls_at + 1):
            relay.events = [event for event in made if event["created_at"] <= NOW - 100_000 + part * 30_000]
            ids, position, _ = polled(reader, position, NOW - 100_000 + part * 30_000)
            read += ids
        relay.events = made
        ids, position, refused = polled(reader, position)
        read += ids
        # Two bursts may have fallen on the same second.
        full = {
            at for at in {event["created_at"] for event in made}
            if sum(event["created_at"] == at for event in made) > 60
        }  # fmt: skip
        wanted = {event["id"] for event in made if event["created_at"] not in full}
    assert wanted <= set(read)
    assert len(read) == len(set(read))
    assert refused == 0


SIGNED = {}


def signed_cheaply(number, created_at):
    """Signing takes longer than all else here."""
    found = SIGNED.get((number % 64, created_at))
    if found is None:
        found = SIGNED[number % 64, created_at] = signed(number % 64, created_at)
    return found


def test_a_crash_before_a_position_repeats_only_its_page(relay, monkeypatch):
    monkeypatch.setattr(nostr, "_PAGE", 4)
    relay.events = [signed(number, NOW - 100 + number) for number in range(11)]
    ids = [event["id"] for event in relay.events]
    pages = asyncio.run(taken(reader_of(relay), None, NOW))
    assert [each["id"] for page in pages for each in page.documents] == ids
    for before, page in zip([None, *(each.position for each in pages)], [*pages, None]):
        again, _, _ = polled(reader_of(relay), before)
        assert again == ([] if page is None else ids[ids.index(page.documents[0]["id"]) :])


def test_a_quiet_relay_is_asked_once_for_the_last_minutes_and_first_for_a_week(relay):
    relay.events = [signed(1, NOW - 2 * FIRST_LOOK_MS // 1000), signed(2, NOW - 10)]
    ids, position, _ = polled(reader_of(relay))
    assert ids == [relay.events[1]["id"]]
    assert polled(reader_of(relay), position)[:2] == ([], position)
    since = [wanted["since"] for wanted in relay.filters]
    assert since == [NOW - FIRST_LOOK_MS // 1000 - nostr._OVERLAP, NOW - 10 - nostr._OVERLAP]
    # What is dated in the future waits for its time.
    relay.events.append(signed(3, NOW + 60))
    assert polled(reader_of(relay), position)[0] == []
    assert polled(reader_of(relay), position, NOW + 60)[0] == [relay.events[2]["id"]]


def test_a_flood_is_read_in_shorter_spans_and_what_one_second_hides_stays_there(relay, monkeypatch):
    monkeypatch.setattr(nostr, "_MOST_HELD", 150)
    relay.most = 100
    before = [signed(number, NOW - 5_000 + number) for number in range(300)]
    second = [signed(number, NOW - 100) for number in range(300)]
    relay.events = before + second + [signed(1, NOW)]
    ids, _, _ = polled(reader_of(relay))
    assert {event["id"] for event in [*before, relay.events[-1]]} <= set(ids)
    assert sum(event["id"] in set(ids) for event in second) == 100


def test_forged_and_malformed_events_are_left_out_and_counted_once(relay):
    wrong = [*FORGED.values(), *(each for each in MALFORMED.values() if isinstance(each, dict))]
    good = signed(9, NOW - 5)

    async def answer(socket, name, wanted):
        for event in [*wrong, None, [], good]:
            await send(socket, "EVENT", name, event)
        await send(socket, "EOSE", name)

    relay.answer = answer
    ids, position, refused = polled(reader_of(relay))
    assert ids == [good["id"]]
    # Of the good one, some changes are of fields that a signature does not cover alone.
    assert refused == len(wrong) + 2
    assert polled(reader_of(relay), position) == ([], position, 0)


def test_what_was_not_asked_for_is_left_out(relay):
    old, future = signed(1, NOW - 10 * FIRST_LOOK_MS // 1000), signed(1, NOW + 1)

    async def answer(socket, name, wanted):
        for event in (old, future):
            await send(socket, "EVENT", name, event)
        await send(socket, "EVENT", "another", signed(2, NOW))
        await send(socket, "EOSE", name)

    relay.answer = answer
    ids, _, refused = polled(reader_of(relay))
    assert (ids, refused) == ([], 2)


async def nonsense(socket, name, wanted):
    await socket.send_str("hello, alice@example.org")


async def an_object(socket, name, wanted):
    await socket.send_str('{"a": "alice@example.org"}')


async def deep(socket, name, wanted):
    await socket.send_str("[" * 100_000)


async def too_long(socket, name, wanted):
    await send(socket, "EVENT", name, "a" * (nostr._MOST_BYTES + 1))


async def many(socket, name, wanted):
    for _ in range(nostr._MOST_MESSAGES + 1):
        await send(socket, "NOTICE", "alice@example.org")


async def large(socket, name, wanted):
    for _ in range(10):
        await send(socket, "EVENT", name, "a" * 1_000_000)


async def closed(socket, name, wanted):
    await send(socket, "CLOSED", name, "auth-required: write to alice@example.org")


async def gone(socket, name, wanted):
    await socket.close()


async def forgeries(socket, name, wanted):
    for number in range(100):
        await send(socket, "EVENT", name, GOOD | {"id": f"{number:064d}", "created_at": wanted["until"]})
    await send(socket, "EOSE", name)


async def binary(socket, name, wanted):
    await socket.send_bytes(b'["EOSE", "x"]')


HOSTILE = {
    nonsense: "its answer is not what its documentation says",
    an_object: "its answer is not what its documentation says",
    deep: "its answer is not what its documentation says",
    too_long: "a message is longer than any may be",
    many: "it sends more than it was asked for",
    large: "it sends more than it was asked for",
    closed: "the relay refuses to say which reports it has",
    gone: "the connection was closed",
    binary: "the connection was closed",
    forgeries: "it goes on with what is no signed report",
}


@pytest.mark.parametrize("answer", HOSTILE, ids=lambda answer: answer.__name__)
def test_a_hostile_relay_is_left_and_not_quoted(relay, answer):
    relay.answer = answer
    with pytest.raises(NoAnswer) as left:
        polled(reader_of(relay))
    assert str(left.value) == HOSTILE[answer]
    assert left.value.refused == (answer is closed)


def test_a_relay_that_is_silent_is_left_in_time(relay):
    async def silent(socket, name, wanted):
        await send(socket, "EVENT", name, GOOD)

    relay.answer = silent
    with pytest.raises(NoAnswer, match="^no answer in time$"):
        polled(reader_of(relay, seconds=0.2))


def test_after_an_answer_that_is_too_large_fewer_are_asked_for(relay):
    relay.answer = large
    reader = reader_of(relay)
    for _ in range(6):
        with pytest.raises(NoAnswer, match="^it sends more than it was asked for$"):
            polled(reader)
    assert [wanted["limit"] for wanted in relay.filters] == [100, 50, 25, 12, 6, 5]
    relay.answer = relay.honest
    relay.events = [signed(number, NOW - number) for number in range(20)]
    assert len(polled(reader)[0]) == 20
    assert relay.filters[-1]["limit"] == 5


@pytest.mark.parametrize(("status", "refused"), [(302, True), (403, True), (503, False), (200, False)])
def test_a_server_that_is_no_relay_or_leads_elsewhere_is_not_followed(relay, status, refused):
    with NostrRelay() as other:
        relay.refusal = web.Response(
            status=status, headers={"Location": other.address.replace("ws:", "http:")}
        )
        with pytest.raises(NoAnswer, match=f"^HTTP {status}$") as left:
            polled(reader_of(relay))
        assert other.filters == []
    assert left.value.refused == refused


def test_a_relay_is_verified_by_its_certificate(tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(tls)
    with NostrRelay(tls=tls) as relay:
        relay.events = [signed(1, NOW)]
        assert polled(reader_of(relay, ca_file=tmp_path / "ca.pem"))[0] == [relay.events[0]["id"]]
        trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
        with pytest.raises(NoAnswer, match="^its certificate cannot be verified"):
            polled(reader_of(relay, ca_file=tmp_path / "other.pem"))


# --- the file of sources


@pytest.mark.parametrize(
    ("relays", "what"),
    [
        ('["https://relay.example"]', "must be a wss address"),
        ('["ws://relay.example"]', "must be a wss address"),
        ('["wss://alice:secret@relay.example"]', "must be a wss address"),
        ('["wss://relay.example", "wss://relay.example"]', "names a relay twice"),
        ("[]", "at least 1"),
    ],
)
def test_the_file_of_sources_says_what_a_relay_may_be(tmp_path, relays, what):
    file = tmp_path / "intake.yaml"
    file.write_text(
        f"sources:\n  nostr:\n    ce_source: /nostr\n    poll: {{service: nostr, relays: {relays}}}\n"
    )
    with pytest.raises(RegistryError, match=what) as refused:
        load_intake_sources(file)
    assert "secret" not in str(refused.value)


def test_each_relay_of_a_source_has_a_position_of_its_own(tmp_path):
    file = tmp_path / "intake.yaml"
    relays = '["wss://relay.example/path", "ws://127.0.0.1:7777"]'
    file.write_text(
        f"sources:\n  nostr:\n    ce_source: /nostr\n    poll: {{service: nostr, relays: {relays}}}\n"
    )
    source = load_intake_sources(file)["nostr"]
    assert [place_of("/nostr", poll) for poll in source.polls] == [
        "/nostr wss://relay.example/path",
        "/nostr ws://127.0.0.1:7777",
    ]
