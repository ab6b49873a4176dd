"""Which refs are taken for the number or address of a person, and that real pseudonyms are not."""

import base64
import hashlib
import hmac
import random
import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.personal_data import looks_like_card, looks_like_iban, names_a_person
from streams.contract.wire.refs import usual_counter_and_pseudonym, usual_counters
from tests.readers import decode_report
from tests.report_strategies import APPEND_TIME_MS, refs

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

digests = st.binary(min_size=1, max_size=40).map(lambda text: hmac.digest(b"key", text, hashlib.sha256))
real_pseudonyms = st.one_of(
    digests.map(bytes.hex),
    digests.map(lambda digest: digest.hex().upper()),
    digests.map(lambda digest: base64.urlsafe_b64encode(digest).rstrip(b"=").decode()),
    digests.map(lambda digest: base64.b32encode(digest).rstrip(b"=").decode().lower()),
    digests.map(lambda digest: base64.b32encode(digest).rstrip(b"=").decode()),
    st.uuids().map(str),
    st.uuids().map(lambda made: made.hex),
    st.text(CROCKFORD, min_size=25, max_size=25).map(lambda text: f"0{text}"),
    # Ids that count time: 17 to 19 digits.
    st.integers(10**16, 2**63 - 1).map(str),
)


@given(real_pseudonyms)
def test_a_real_pseudonym_names_nobody(ref):
    assert not names_a_person(ref)
    assert not names_a_person(ref, counter=True)


@given(st.integers(0, 10**16 - 1).map(str))
def test_a_plain_counter_names_nobody_where_a_counter_may_be(ref):
    assert not names_a_person(ref, counter=True)


@pytest.mark.parametrize("ref", ["2026-4711", "1.2.3", "2026.09.21", "2026-09-21-0001", "v2:3"])
def test_versions_and_dated_ids_name_nobody_where_a_counter_may_be(ref):
    assert not names_a_person(ref, counter=True)


@pytest.mark.parametrize(
    "ref",
    [
        "0171_1234567", "00:49:171:1234567", "0171~1234567", "tel:0171-1234567", "+491711234567",
        "491711234567", "4111111111111111", "4111-1111-1111-1111", "5500:0000:0000:0004",
        "6304.0000.0000.0000.000", "2223003122003222", "DE89370400440532013000", "GB29NWBK60161331926819",
        "DE89_3704_0044_0532_0130_00",
        "MT84MALT011000012345MTLCAST001S", "TR330006100519786457841326", "T-N59_1000_6035_1835_9847_8831",
    ],
)  # fmt: skip
def test_numbers_of_telephones_cards_and_accounts_name_a_person(ref):
    assert names_a_person(ref)
    document = b'{"report_id":"r","kind":"user_report","occurred_at":"2026-09-21T13:33:20Z","channel":{"ref":"%s","visibility":"public"},"category":"fraud"}'
    with pytest.raises(Rejected, match="pii_detected: channel.ref"):
        decode_report(document % ref.encode(), (), APPEND_TIME_MS)


@pytest.mark.parametrize("ref", ["4111-1111-1111-1111", "tel:0171-1234567", "DE89370400440532013000"])
def test_what_no_counter_looks_like_names_a_person_everywhere(ref):
    assert names_a_person(ref, counter=True)


def test_check_digits_decide():
    assert sum(looks_like_card(f"411111111111111{digit}") for digit in range(10)) == 1
    assert sum(looks_like_iban(f"DE{check:02}370400440532013000") for check in range(2, 99)) == 1
    assert not looks_like_iban("DE8937040044053201300")
    assert not looks_like_iban("XX89370400440532013000")
    # Microseconds since the epoch.
    assert not any(looks_like_card(str(1_790_000_000_000_000 + number)) for number in range(100))


number_like = st.from_regex(
    re.compile(r"(tel:)?(00)?[0-9._:~-]{1,24}|[A-Z]{2}[0-9]{2}[0-9A-Z]{0,30}", re.ASCII), fullmatch=True
)


@given(number_like | refs | real_pseudonyms)
def test_the_fast_check_of_usual_refs_passes_nothing_that_names_a_person(ref):
    if names_a_person(ref):
        assert usual_counter_and_pseudonym(f"r-1 {ref}") is None
    if names_a_person(ref, counter=True):
        assert usual_counter_and_pseudonym(f"{ref} c") is None
        assert usual_counters(f"a {ref}") is None


@given(st.text(max_size=6), st.text(max_size=6))
def test_the_fast_check_passes_two_refs_only(first, second):
    if usual_counter_and_pseudonym(f"{first} {second}"):
        assert re.fullmatch(r"[A-Za-z0-9._:~-]+ [A-Za-z0-9._:~-]+", f"{first} {second}", re.ASCII)


def test_random_digits_with_check_digits_are_found():
    chance = random.Random(1)
    cards = [f"4{chance.randrange(10**15):015}" for _ in range(1000)]
    assert 50 < sum(map(looks_like_card, cards)) < 150
    assert not any(map(looks_like_card, (uuid.UUID(int=number).hex for number in range(1000))))
