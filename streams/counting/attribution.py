"""Who reported a message, so that a decision about it can be credited to each of them.

A record per message: keyed hashes of reporters and the time at which the platform received their first report. It turns
each outcome into one credit per reporter. What it gives in the end does not depend on the order in which reports and
outcomes arrive, as long as it does not sample: the first decision sets who is eligible, the latest one what was decided.
"""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from streams.events.report import Category
from streams.wire.times import DAY

# The reporters kept per message. Trust needs no more: each of the others is as likely to be credited for the next
# message. 256 are 3 KB, and all but a few messages have fewer reporters.
KEPT: Final = 256

# As long as an outcome may be superseded: complaints are possible for at least six months (DSA art. 20(1)).
DECIDED_DAYS: Final = 180
# A message that nobody decided on for so long will not be decided.
UNDECIDED_DAYS: Final = 90

_ENTRY = struct.Struct("<QI")


class Decision(msgspec.Struct, frozen=True, array_like=True):
    """An outcome, reduced to what a credit needs. `percent`: its weight (confidence over probability of review) x 100.

    The verdict is `upheld`, `dismissed` or `manifestly_unfounded`. `decided_s` is in seconds since the epoch.
    """

    decided_s: int
    outcome_id: str
    verdict: str
    category: Category
    percent: int


class Credit(NamedTuple):
    """What changes for one reporter: `removed` no longer counts, `added` does; both None for who reported too late.

    `verdict` is the standing one: what was upheld is no sign of coordination, whoever reported it and whenever.
    `received_s` is in seconds since the epoch.
    """

    reporter: int
    received_s: int
    verdict: str
    removed: Decision | None
    added: Decision | None


class MessageReporters(msgspec.Struct, array_like=True):
    """The reporters of one message, by hash, with the second at which the first report of each was received.

    `reports` counts all first reports, also those that are not kept. `sampled`: not all reporters are kept, but those
    with the smallest hashes, which nobody can choose. `first_s`: when the message was first decided on.
    """

    reporters: dict[int, int] = msgspec.field(default_factory=dict)
    reports: int = 0
    sampled: bool = False
    first_s: int | None = None
    standing: Decision | None = None

    def add_report(self, reporter: int, received_ms: int) -> Credit | None:
        """Note a report. Returns a credit if the message is already decided on.

        It adds the decision if the report was received before the first one, and only arrived later.
        """
        received = received_ms // 1000
        earlier = self.reporters.get(reporter)
        if earlier is not None and received >= earlier:
            return None
        eligible_before = earlier is not None and self._eligible(earlier)
        if earlier is None:
            self.reports += 1
            if len(self.reporters) == KEPT:
                self.sampled = True
                # After a decision nobody is dropped: a credit was given, and must be reversible.
                if self.standing is not None:
                    return Credit(reporter, received, self.standing.verdict, None, None)
                largest = max(self.reporters)
                if reporter > largest:
                    return None
                del self.reporters[largest]
        self.reporters[reporter] = received
        if self.standing is None or eligible_before:
            return None
        added = self.standing if self._eligible(received) else None
        return Credit(reporter, received, self.standing.verdict, None, added)

    def add_outcome(self, decision: Decision) -> Iterator[Credit]:
        """Note an outcome, and yield what changes for whom, in the order of hashes. The same one again changes nothing.

        The latest decision stands: an appeal is decided later than what it supersedes.
        """
        first, standing = self.first_s, self.standing
        new_first = decision.decided_s if first is None else min(first, decision.decided_s)
        new = decision if standing is None else max(standing, decision, key=_order)
        self.first_s, self.standing = new_first, new
        for reporter, received in sorted(self.reporters.items()):
            removed = standing if first is not None and received < first else None
            added = new if received < new_first else None
            if removed != added or new != standing:
                yield Credit(reporter, received, new.verdict, removed, added)

    def expires(self, newest_ms: int) -> int:
        """Return the time (ms) from which on the record is not needed; `newest_ms` is that of its newest report."""
        undecided = newest_ms + UNDECIDED_DAYS * DAY
        return undecided if self.first_s is None else self.first_s * 1000 + DECIDED_DAYS * DAY

    def _eligible(self, received: int) -> bool:
        return self.first_s is not None and received < self.first_s


def _order(decision: Decision) -> tuple[int, str]:
    return decision.decided_s, decision.outcome_id


# reporters as bytes, reports, sampled, first decision, standing decision
_Stored = tuple[bytes, int, bool, int | None, Decision | None]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Stored).decode


def encode_reporters(record: MessageReporters) -> bytes:
    """Return the record as bytes, twelve per reporter."""
    packed = b"".join(_ENTRY.pack(*entry) for entry in sorted(record.reporters.items()))
    return _encode((packed, record.reports, record.sampled, record.first_s, record.standing))


def decode_reporters(data: bytes | memoryview) -> MessageReporters:
    """Decode the bytes of `encode_reporters`. Raises msgspec.DecodeError or struct.error for damaged bytes."""
    packed, reports, sampled, first, standing = _decode(data)
    return MessageReporters(dict(_ENTRY.iter_unpack(packed)), reports, sampled, first, standing)
