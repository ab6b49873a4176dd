"""Which records go to a webhook, and the request for each.

It is a CloudEvent in structured mode, signed as Standard Webhooks 1.0.0 says (standardwebhooks.com).
"""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from streams.contract.wire.encoding import encode
from streams.contract.wire.envelope import CE_ID, CE_SOURCE, CE_SPECVERSION, CE_TIME, CE_TYPE
from streams.contract.wire.records import SourceRecord
from streams.contract.wire.topics import (
    AUTHORITY_ROUTING,
    ESCALATIONS,
    ESCALATIONS_SHADOW,
    REFUSALS,
    without_prefix,
)
from streams.desk.adapters.webhook.settings import Content, WebhookSettings
from streams.running.clients.https.answer import Answer, Failed, answer_of
from streams.running.clients.https.http_client import HttpClient
from streams.running.clients.standard_webhooks import SECRET_MARK, key_in, signature
from streams.running.worker.environment import WEBHOOK_PREFIX, GivenSecret, SettingsError, given_secret

_REQUIRED = (CE_SPECVERSION, CE_ID, CE_SOURCE, CE_TYPE)

STRUCTURED = "application/cloudevents+json; charset=utf-8"

# The sizes that the specification allows.
_LEAST_BYTES, _MOST_BYTES = 24, 64

_TOPICS: dict[Content, str] = {
    "escalations": ESCALATIONS,
    "clocks": ESCALATIONS,
    "requests": AUTHORITY_ROUTING,
    "shadow": ESCALATIONS_SHADOW,
    "refusals": REFUSALS,
}


class _WithClock(msgspec.Struct):
    clock: dict[str, object] | None = None


_decode = msgspec.json.Decoder(_WithClock).decode


def topics_of(contents: Sequence[Content]) -> tuple[str, ...]:
    """The topics that hold what is sent."""
    return tuple(dict.fromkeys(_TOPICS[content] for content in contents))


def is_wanted(record: SourceRecord, contents: Sequence[Content], publisher: str | None) -> bool:
    """Whether a record of these topics is sent. Escalations of policies and of clocks share a topic.

    Of refusals, those of the `publisher`.
    """
    topic = without_prefix(record.topic)
    if topic == REFUSALS:
        return publisher is not None and record.key == publisher.encode()
    if topic != ESCALATIONS or {"escalations", "clocks"} <= set(contents):
        return True
    try:
        has_clock = _decode(record.value or b"").clock is not None
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Sending says what is wrong with it.
        return True
    return ("clocks" if has_clock else "escalations") in contents


class CloudEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """The attributes of CloudEvents 1.0.

    `subject` is the record's key: the channel's ref, the request's id or the publisher's ce_source.
    """

    specversion: str
    id: str
    source: str
    type: str
    data: msgspec.Raw
    time: str | None = None
    subject: str | None = None
    datacontenttype: str | None = None


def cloud_event(record: SourceRecord) -> CloudEvent:
    """The event in a record. Raises ValueError if it is none, or its value is not JSON."""
    headers = {name: (text or b"").decode() for name, text in record.headers}
    if record.value is None or any(not headers.get(name) for name in _REQUIRED):
        raise ValueError("the record is not a CloudEvent in binary mode")
    # Raises an error if the value is not a single JSON text.
    msgspec.json.decode(record.value)
    return CloudEvent(
        specversion=headers[CE_SPECVERSION],
        id=headers[CE_ID],
        source=headers[CE_SOURCE],
        type=headers[CE_TYPE],
        data=msgspec.Raw(record.value),
        time=headers.get(CE_TIME),
        subject=record.key.decode() if record.key else None,
        datacontenttype="application/json",
    )


def signed_headers(keys: Sequence[bytes], event_id: str, sent_at: int, body: bytes) -> dict[str, str]:
    """The headers of a request sent at `sent_at` (seconds since the epoch), with a signature by each key.

    A signature is the HMAC-SHA256 of id, time and body. A receiver accepts a request if it can verify one of
    the signatures, so it may change its key at any time while both are used.
    """
    signatures = (signature(key, event_id, str(sent_at), body) for key in keys)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(sent_at),
        "webhook-signature": " ".join("v1," + base64.b64encode(each).decode() for each in signatures),
    }


class Webhook:
    """Sends records to an address, signed with each of the keys."""

    def __init__(self, client: HttpClient, keys: Sequence[bytes]) -> None:
        self._client = client
        self._keys = keys

    async def send(self, record: SourceRecord) -> Answer:
        """Post the event of a record. `webhook-id` is the event's id, so a receiver recognises a repeat."""
        try:
            event = cloud_event(record)
        except (ValueError, msgspec.DecodeError) as error:
            return Failed("not_sendable", type(error).__name__)
        body = encode(event)
        now = datetime.now(UTC)
        answer = await self._client.request(
            "POST",
            body=body,
            headers={
                "Content-Type": STRUCTURED,
                **signed_headers(self._keys, event.id, int(now.timestamp()), body),
            },
        )
        return answer if isinstance(answer, Failed) else answer_of(answer.status, answer.headers, now)


def signing_keys(settings: WebhookSettings) -> list[bytes]:
    """The keys in the settings, the current one first.

    Raises SettingsError if there is none or one is not valid.
    """
    secret = given_secret(settings, WEBHOOK_PREFIX, "secret")
    if secret is None:
        raise SettingsError(
            f"{WEBHOOK_PREFIX}SECRET: must be set, or {WEBHOOK_PREFIX}SECRET_FILE: receivers could not tell "
            "who sends."
        )
    previous = given_secret(settings, WEBHOOK_PREFIX, "previous_secret")
    return [_signing_key(one) for one in (secret, previous) if one is not None]


def _signing_key(secret: GivenSecret) -> bytes:
    """The key in a secret of the form `whsec_<base64>`. Raises SettingsError."""
    try:
        key = key_in(secret.text)
    except ValueError:
        key = b""
    if not secret.text.startswith(SECRET_MARK) or not _LEAST_BYTES <= len(key) <= _MOST_BYTES:
        raise SettingsError(
            f"{secret.variable}: must be {SECRET_MARK} and {_LEAST_BYTES} to {_MOST_BYTES} random bytes in "
            f'base64, as from `echo "{SECRET_MARK}$(openssl rand -base64 32)"`.'
        )
    return key
