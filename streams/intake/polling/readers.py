"""Which reader asks a system."""

from streams.intake.polling.mastodon import MastodonReports
from streams.intake.polling.ozone import OzoneReports
from streams.intake.polling.pages import Reader
from streams.intake.polling.poll import OzoneRow, Poll
from streams.intake.polling.synapse import SynapseReports
from streams.running.clients.https.http_client import HttpClient
from streams.running.clients.https.xrpc import Account, Xrpc


def reader_of(poll: Poll, client: HttpClient) -> Reader:
    """The reader of a source; `client` is for the address of the poll."""
    if isinstance(poll.row, OzoneRow):
        account = Account(poll.row.identifier, poll.secret, poll.row.moderation_service)
        return OzoneReports(Xrpc(client, account))
    match poll.row.service:
        case "synapse-rooms":
            return SynapseReports(client, poll.secret, "event_reports")
        case "synapse-accounts":
            return SynapseReports(client, poll.secret, "user_reports")
        case "mastodon":
            return MastodonReports(client, poll.secret)
