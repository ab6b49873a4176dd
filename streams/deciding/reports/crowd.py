"""Who reported what, and what is usual where: the part of a partition's state that knows crowds.

It credits outcomes, recognises brigades, and says what a channel's reports are compared with.
It holds keyed hashes of reporters, never their refs.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from streams.contract.wire.state_records import STATE_VERSION, require_version
from streams.contract.wire.times import DAY
from streams.counting.attribution import MessageReporters, ReportIdentity
from streams.counting.coordination.arrivals import Arrivals, decode_arrivals, encode_arrivals
from streams.counting.coordination.clusters import Clusters, decode_clusters, encode_clusters
from streams.counting.coordination.guard_rail import GuardRail
from streams.counting.message_store import MessageStore
from streams.counting.record_store import ExpiringStore, RecordStore
from streams.counting.store import DAYS_HELD
from streams.counting.usual.channel_size import ChannelSize, decode_size, encode_size, with_claim
from streams.counting.usual.history import (
    HISTORY_KEPT_MS,
    History,
    decode_history,
    encode_history,
    new_history,
)
from streams.counting.withdrawal.watched import WatchedReports, decode_watched, encode_watched
from streams.deciding.partition.moving import NewPartition, Shared
from streams.deciding.partition.stores import MakeRecordStore

MESSAGE_REPORTERS: Final = b"A"
"""State key type of who reported a message. The key is: type, channel ref, NUL, message ref."""
MESSAGE_CLUSTERS: Final = b"G"
"""State key type of the clusters of a message. The key is: type, channel ref, NUL, message ref."""
CHANNEL_ARRIVALS: Final = b"V"
"""State key type of how a channel's reports arrive. The key is: type, channel ref."""
LISTED_MESSAGES: Final = b"E"
"""State key type of the messages that an escalation has named.

The key is: type, channel ref, NUL, escalation id.
"""
WATCHED_REPORTS: Final = b"J"
"""State key type of what reporters who were warned have added to a channel. The key is: type, channel ref."""
APPROVALS: Final = b"Z"
"""State key type of the approved version of a message. The key is: type, channel ref, NUL, message ref."""
CHANNEL_SIZE: Final = b"M"
"""State key type of how many members a channel has. The key is: type, channel ref."""
CHANNEL_HISTORY: Final = b"h"
"""State key type of how often a channel is reported. The key is: type, channel ref, NUL, categories."""
GUARD_RAIL: Final = b"U"
"""State key of the one record about the reporters of the day, and those of them who were linked."""

# A signature remembers the targets of one to two weeks, so two members of a brigade whose reports of one
# message are a week apart share little that is still remembered.
CLUSTERS_KEPT_MS: Final = 7 * DAY
# As long as counts: after that, the average is that of a channel of which nothing is known.
ARRIVALS_KEPT_MS: Final = 30 * DAY
# As long as a window may be: then no report is left whose publisher could have said it.
SIZE_KEPT_MS: Final = DAYS_HELD * DAY
# As long as outcomes may be superseded (counting/attribution.py).
LISTED_KEPT_MS: Final = 180 * DAY
# Three times as many as an event names: an episode that lasts names others from event to event.
MOST_LISTED: Final = 30


class Approval(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A dismissal (`outcome_id`) holds for a `version` of a message before `until` (ms)."""

    version: str
    until: int
    outcome_id: str


_encode_approval = msgspec.msgpack.Encoder().encode
_decode_approval = msgspec.msgpack.Decoder(Approval).decode
_encode_listed = msgspec.msgpack.Encoder().encode
_decode_listed = msgspec.msgpack.Decoder(tuple[str, ...]).decode
_encode_guard = msgspec.msgpack.Encoder().encode
_decode_guard = msgspec.msgpack.Decoder(GuardRail).decode


class Crowd:
    """The reporters, clusters and arrivals of one partition; `records` makes the stores of the last two.

    Messages and channels are known by keys, see `message_key`.
    """

    __slots__ = (
        "_guard_changed", "approvals", "arrivals", "clusters", "guard", "histories", "listed", "reporters",
        "sizes", "watched",
    )  # fmt: skip

    def __init__(self, reporters: MessageStore, records: MakeRecordStore = RecordStore) -> None:
        self.reporters = reporters
        self.clusters: RecordStore[Clusters] = records(encode_clusters, decode_clusters)
        self.arrivals: RecordStore[Arrivals] = records(encode_arrivals, decode_arrivals)
        self.listed = RecordStore[tuple[str, ...]](_encode_listed, _decode_listed)
        self.watched = RecordStore[WatchedReports](encode_watched, decode_watched)
        self.approvals = RecordStore[Approval](_encode_approval, _decode_approval)
        self.sizes = RecordStore[ChannelSize](encode_size, decode_size)
        self.histories = RecordStore[History](encode_history, decode_history)
        self.guard = GuardRail()
        self._guard_changed = False

    @property
    def readers(self) -> Mapping[bytes, Callable[[bytes, bytes], None]]:
        """What restores the records of each type of key."""
        return {
            MESSAGE_REPORTERS: self.reporters.restore,
            MESSAGE_CLUSTERS: self.clusters.restore,
            CHANNEL_ARRIVALS: self.arrivals.restore,
            LISTED_MESSAGES: self.listed.restore,
            WATCHED_REPORTS: self.watched.restore,
            APPROVALS: self.approvals.restore,
            CHANNEL_SIZE: self.sizes.restore,
            CHANNEL_HISTORY: self.histories.restore,
            GUARD_RAIL: self._restore_guard,
        }

    @property
    def by_kind(self) -> Mapping[str, ExpiringStore[Any]]:
        """The stores by what operators call their records."""
        return {
            "messages": self.reporters,
            "clusters": self.clusters,
            "arrivals": self.arrivals,
            "listed_messages": self.listed,
            "watched_reports": self.watched,
            "approvals": self.approvals,
            "sizes": self.sizes,
            "histories": self.histories,
        }

    @property
    def changed_bytes(self) -> int:
        """About the number of bytes that the next `drain_changes` yields."""
        return sum(store.changed_bytes for store in self.by_kind.values())

    def reporters_of(self, key: bytes) -> MessageReporters:
        """Return the record of a message, or a new one. Store it with `put_reporters`."""
        return self.find_reporters(key) or self.reporters.new_record()

    def find_reporters(self, key: bytes) -> MessageReporters | None:
        """Return the record of a message; None if there is none."""
        return self.reporters.find(MESSAGE_REPORTERS + key)

    def is_reported(self, key: bytes) -> bool:
        """Return whether there is a report of a message."""
        found = self.find_reporters(key)
        return found is not None and found.is_reported

    def put_reporters(self, key: bytes, record: MessageReporters, now: int) -> None:
        """Store the record of a message, new or changed at `now` (ms)."""
        self.reporters.put(MESSAGE_REPORTERS + key, record, record.needed_until(now))

    def message_of(self, channel_key: bytes, identity: ReportIdentity) -> bytes | None:
        """Return the key of the message whose first report by somebody is `identity`; None if unknown.

        Looks through the bytes of all messages of the channel, in some .2 us each.
        """
        report_id = identity.report_id.encode()
        for stored in self.reporters.of_channel(MESSAGE_REPORTERS + channel_key, report_id):
            record = self.reporters.find(stored)
            if record is not None and record.reporter_of(identity) is not None:
                return stored[1:]
        return None

    def clusters_of(self, key: bytes) -> Clusters:
        """Return the clusters of a message, or new ones. Store them with `put_clusters`."""
        found = self.clusters.find(MESSAGE_CLUSTERS + key)
        return Clusters() if found is None else found

    def put_clusters(self, key: bytes, clusters: Clusters, now: int) -> None:
        """Store the clusters of a message, changed at `now` (ms)."""
        self.clusters.put(MESSAGE_CLUSTERS + key, clusters, now + CLUSTERS_KEPT_MS)

    def arrivals_of(self, channel_key: bytes) -> Arrivals | None:
        """Return how the reports of a channel arrive; None if none had a stamp lately."""
        return self.arrivals.find(CHANNEL_ARRIVALS + channel_key)

    def arrivals_to_change(self, channel_key: bytes, now: int) -> Arrivals:
        """Return how the reports of a channel arrive, for a change at `now` (ms)."""
        key = CHANNEL_ARRIVALS + channel_key
        arrivals = self.arrivals.find(key) or Arrivals()
        self.arrivals.put(key, arrivals, now + ARRIVALS_KEPT_MS)
        return arrivals

    def list_messages(self, key: bytes, messages: Sequence[str], now: int) -> None:
        """Remember the messages that an event of an escalation names, after those that earlier ones named."""
        stored = LISTED_MESSAGES + key
        before = self.listed.find(stored) or ()
        together = tuple(dict.fromkeys([*before, *messages]))[:MOST_LISTED]
        if together:
            self.listed.put(stored, together, now + LISTED_KEPT_MS)

    def listed_messages(self, key: bytes) -> tuple[str, ...]:
        """Return the messages that an escalation has named."""
        return self.listed.find(LISTED_MESSAGES + key) or ()

    def watched_in(self, channel_key: bytes) -> WatchedReports | None:
        """Return what reporters who were warned have added to a channel; None if nothing is known."""
        return self.watched.find(WATCHED_REPORTS + channel_key)

    def put_watched(self, channel_key: bytes, watched: WatchedReports, now: int) -> None:
        """Store what reporters who were warned have added to a channel, as of `now` (ms)."""
        key = WATCHED_REPORTS + channel_key
        if watched.reporters:
            self.watched.put(key, watched, now + DAYS_HELD * DAY)
        else:
            self.watched.remove(key)

    def approval(self, key: bytes) -> Approval | None:
        """Return what was approved of a message; it may be over."""
        return self.approvals.find(APPROVALS + key)

    def approve(self, key: bytes, approval: Approval) -> None:
        """Let an approval of a message hold instead of an earlier one."""
        self.approvals.put(APPROVALS + key, approval, approval.until)

    def end_approval(self, key: bytes) -> None:
        """End the approval of a message."""
        self.approvals.remove(APPROVALS + key)

    def members_of(self, channel_key: bytes) -> int:
        """Return how many members a channel has; 0 if unknown."""
        size = self.sizes.find(CHANNEL_SIZE + channel_key)
        return 0 if size is None else size.members

    def claim_members(self, channel_key: bytes, members: int, claimed: int) -> None:
        """Note that a publisher says in a report of `claimed` (ms) how many members a channel has."""
        key = CHANNEL_SIZE + channel_key
        known = self.sizes.find(key)
        size = with_claim(known, members, claimed)
        if size != known:
            self.sizes.put(key, size, (size.day + 1) * DAY + SIZE_KEPT_MS)

    def history_of(self, channel_key: bytes, of_categories: bytes) -> History | None:
        """Return how often a channel is reported for these categories; None if nothing is known."""
        return self.histories.find(_history_key(channel_key, of_categories))

    def history_to_change(self, channel_key: bytes, of_categories: bytes, now: int) -> History:
        """Return how often a channel is reported for these categories, for a change at `now` (ms)."""
        key = _history_key(channel_key, of_categories)
        history = self.histories.find(key) or new_history(now)
        self.histories.put(key, history, now + HISTORY_KEPT_MS)
        return history

    def note_link(self, now: int, reporter: int, group: int | None) -> None:
        """Add a report to those of the day (see GuardRail.note)."""
        self._guard_changed |= self.guard.note(now, reporter, group)

    def expire(self, now: int, at_most: int) -> bool:
        """Remove so many expired records of each type; return False if some are left."""
        complete = [store.expire(now, at_most) for store in self.by_kind.values()]
        return all(complete)

    def next_expiry(self) -> int | None:
        """Return the time (ms) at which the next record expires; None without records."""
        times = [store.next_expiry() for store in self.by_kind.values()]
        return min((time for time in times if time is not None), default=None)

    def turn_back(self, now: int) -> None:
        """Forget how reports arrived after `now`, to which time was set back: such channels start over."""
        for key in sorted(self.arrivals):
            arrivals = self.arrivals.find(key)
            if arrivals is not None and arrivals.is_after(now):
                self.arrivals.remove(key)
        for key in sorted(self.watched):
            watched = self.watched.find(key)
            if watched is not None and watched.turn_back(now):
                self.put_watched(key[1:], watched, now)
        self._forget_what_was_usual(now)
        if self.guard.day > now // DAY:
            self.guard = GuardRail()
            self._guard_changed = True

    def _forget_what_was_usual(self, now: int) -> None:
        for key in sorted(self.sizes):
            size = self.sizes.find(key)
            if size is not None and size.day > now // DAY:
                self.sizes.remove(key)
        for key in sorted(self.histories):
            history = self.histories.find(key)
            if history is None:
                continue
            if history.turn_back(now):
                self.histories.put(key, history, now + HISTORY_KEPT_MS)
            else:
                self.histories.remove(key)

    def drain_changes(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Yield the state records changed since the last call, by key; None for one to delete."""
        for store in self.by_kind.values():
            yield from store.drain_changes()
        if self._guard_changed:
            self._guard_changed = False
            yield GUARD_RAIL, STATE_VERSION + _encode_guard(self.guard)

    def _restore_guard(self, key: bytes, value: bytes) -> None:
        require_version(key[:1], value)
        self.guard = _decode_guard(memoryview(value)[1:])


def message_key(channel_key: bytes, message_ref: str) -> bytes:
    """Return the key of a message, or of an escalation, in a channel. Refs contain no NUL."""
    return channel_key + b"\0" + message_ref.encode()


def _history_key(channel_key: bytes, of_categories: bytes) -> bytes:
    return CHANNEL_HISTORY + channel_key + b"\0" + of_categories


def merge_guard_rails(_new: NewPartition, shared: Sequence[Shared]) -> dict[bytes, bytes]:
    """Return the record of a new partition: all reporters of the newest day among the old ones."""
    rails = []
    for one in shared:
        value = one.entries.get(GUARD_RAIL)
        if value is not None:
            require_version(GUARD_RAIL, value)
            rails.append(_decode_guard(memoryview(value)[1:]))
    if not rails:
        return {}
    newest = max(rail.day for rail in rails)
    merged = GuardRail(newest)
    for rail in rails:
        if rail.day == newest:
            merged.include(rail)
    return {GUARD_RAIL: STATE_VERSION + _encode_guard(merged)}
