"""Pseudonyms are those of the recommendation to publishers."""

import base64
import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from streams.running.clients.pseudonym import pseudonym

KINDS = st.sampled_from(["reviewer", "reporter", "channel", "account", "message", "report"])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.binary(min_size=32, max_size=80), KINDS, TEXTS, TEXTS)
def test_a_pseudonym_is_the_one_of_docs_publishing(key, kind, tenant, identity):
    digest = hmac.new(key, f"{kind}\0{tenant}\0{identity}".encode(), hashlib.sha256).digest()
    assert pseudonym(key, kind, tenant, identity) == base64.b32encode(digest).decode().lower()[:26]
