"""Which records go to a webhook, and the request for each."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from streams.adapters.answer import Answer, Failed, answer_of
from streams.adapters.http_client import HttpClient
from streams.adapters.webhook.cloud_event import STRUCTURED, cloud_event
from streams.adapters.webhook.settings import Content, WebhookSettings
from streams.adapters.webhook.signature import signed_headers, signing_key
from streams.wire.encoding import encode
from streams.wire.records import SourceRecord
from streams.wire.topics import (
    AUTHORITY_ROUTING,
    ESCALATIONS,
    ESCALATIONS_SHADOW,
    without_prefix,
)
from streams.worker.environment import WEBHOOK_PREFIX, SettingsError, given_secret

_TOPICS: dict[Content, str] = {
    "escalations": ESCALATIONS,
    "clocks": ESCALATIONS,
    "requests": AUTHORITY_ROUTING,
    "shadow": ESCALATIONS_SHADOW,
}


class _WithClock(msgspec.Struct):
    clock: dict[str, object] | None = None


_decode = msgspec.json.Decoder(_WithClock).decode


def topics_of(contents: Sequence[Content]) -> tuple[str, ...]:
    """The topics that hold what is sent."""
    return tuple(dict.fromkeys(_TOPICS[content] for content in contents))


def is_wanted(record: SourceRecord, contents: Sequence[Content]) -> bool:
    """Whether a record of these topics is sent. Escalations of policies and of clocks share a topic."""
    if without_prefix(record.topic) != ESCALATIONS or {"escalations", "clocks"} <= set(contents):
        return True
    try:
        has_clock = _decode(record.value or b"").clock is not None
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Sending says what is wrong with it.
        return True
    return ("clocks" if has_clock else "escalations") in contents


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
    """The keys in the settings, the current one first. Raises SettingsError if there is none or one is not valid."""
    secret = given_secret(settings, WEBHOOK_PREFIX, "secret")
    if secret is None:
        raise SettingsError(
            f"{WEBHOOK_PREFIX}SECRET: must be set, or {WEBHOOK_PREFIX}SECRET_FILE: receivers could not tell who sends."
        )
    previous = given_secret(settings, WEBHOOK_PREFIX, "previous_secret")
    return [signing_key(one) for one in (secret, previous) if one is not None]
