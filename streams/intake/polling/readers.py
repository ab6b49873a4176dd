"""Which reader asks a system."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from streams.intake.polling.discourse import DiscourseFlags
from streams.intake.polling.mastodon import MastodonReports
from streams.intake.polling.nostr import NostrReports
from streams.intake.polling.ozone import OzoneReports
from streams.intake.polling.pages import Reader
from streams.intake.polling.poll import NostrRow, Poll
from streams.intake.polling.synapse import SynapseReports
from streams.running.clients.https.http_client import HttpClient, http_client
from streams.running.clients.https.xrpc import Account, Xrpc


@asynccontextmanager
async def reader_of(poll: Poll) -> AsyncIterator[Reader]:
    """The reader of a system, with its connections."""
    if isinstance(poll.row, NostrRow):
        # A relay is connected to anew for each round.
        yield NostrReports(poll)
    else:
        async with http_client(poll, poll.address, 1) as client:
            yield _by_http(poll, client)


def _by_http(poll: Poll, client: HttpClient) -> Reader:
    row = poll.row
    assert not isinstance(row, NostrRow)
    match row.service:
        case "ozone":
            account = Account(row.identifier, poll.secret, row.moderation_service)
            return OzoneReports(Xrpc(client, account))
        case "discourse":
            return DiscourseFlags(client, poll.secret, row.username)
        case "synapse-rooms":
            return SynapseReports(client, poll.secret, "event_reports")
        case "synapse-accounts":
            return SynapseReports(client, poll.secret, "user_reports")
        case "mastodon":
            return MastodonReports(client, poll.secret)
