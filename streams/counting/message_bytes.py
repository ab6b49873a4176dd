"""The record of a message (attribution.py) as bytes: twelve per reporter, and the ids of reports."""

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from streams.contract.events.internal.findings import Finding
from streams.counting.attribution import MessageReporters, ReportIdentity
from streams.counting.confirmation import Proof
from streams.counting.known_outcome import KnownOutcome
from streams.counting.message_facts import FirstReport, MessageFacts

ENTRY = struct.Struct("<QI")


class _Stored(msgspec.Struct, array_like=True):
    """A record as stored: `packed` has twelve bytes per reporter.

    Reports are in the order of their reporters: the id (empty if it is not kept), and the index of its
    source.
    """

    packed: bytes
    reports: int
    sampled: bool
    first_s: int | None
    standing: KnownOutcome | None
    own: Sequence[tuple[int, int, KnownOutcome]]
    ids: Sequence[str] = ()
    sources: Sequence[str] = ()
    source_of: bytes = b""
    notice: FirstReport | None = None
    facts: MessageFacts | None = None


class _StoredFindings(_Stored, array_like=True):
    """A record with reports of detectors, in the order of their hashes. Others are shorter by a byte.

    `proofs` are there if there are any, or a decision: each an index in the order of reporters, and where
    that reporter was right. Before they were kept, records had none.
    """

    found: Sequence[tuple[int, Finding]] = ()
    proofs: Sequence[tuple[int, Proof]] | None = None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_StoredFindings).decode

# A record without reporters and decisions up to its last two fields, of which None takes one byte.
_WITHOUT_REPORTERS: Final = _encode(_Stored(b"", 0, False, None, None, ()))[:-2]


def encode_reporters(record: MessageReporters) -> bytes:
    """Return the record as bytes: twelve per reporter, and the ids of reports."""
    if not record.reporters and record.standing is None:
        # A message whose reports name no reporter. Encoding all of it takes 0.7 us more.
        return _WITHOUT_REPORTERS + _encode(record.notice) + _encode(record.facts)
    reporters = record.reporters
    hashes = sorted(reporters)
    ids: Sequence[str] = ()
    sources: Sequence[str] = ()
    source_of = b""
    if record.identities:
        # At most KEPT of them, so an index takes a byte.
        of_each, ids = zip(*[record.identities.get(reporter, _UNKNOWN) for reporter in hashes], strict=True)
        sources = list(dict.fromkeys(of_each))
        # A message's reports nearly always come from one publisher.
        source_of = bytes(len(ids) if len(sources) == 1 else map(sources.index, of_each))
    # The fields of _Stored, of which an object would be read this once.
    stored = (
        b"".join(map(ENTRY.pack, hashes, map(reporters.__getitem__, hashes))),
        record.reports,
        record.sampled,
        record.first_s,
        record.standing,
        [(reporter, *own) for reporter, own in sorted(record.own.items())] if record.own else (),
        ids,
        sources,
        source_of,
        record.notice,
        record.facts,
    )
    found = sorted(record.found.items()) if record.found else ()
    if record.proofs or (record.is_decided and not record.credited_before):
        return _encode((*stored, found, list(_placed(record.proofs or {}, reporters))))
    return _encode((*stored, found) if found else stored)


def _placed(proofs: Mapping[int, Proof], reporters: Iterable[int]) -> Iterable[tuple[int, Proof]]:
    return ((place, proofs[one]) for place, one in enumerate(sorted(reporters)) if one in proofs)


def decode_reporters(data: bytes | memoryview) -> MessageReporters:
    """Decode the bytes of `encode_reporters`.

    Raises msgspec.DecodeError, struct.error or LookupError for damaged bytes.
    """
    stored = _decode(data)
    reporters = dict(ENTRY.iter_unpack(stored.packed))
    hashes = list(reporters) if stored.proofs else []
    return MessageReporters(
        reporters,
        stored.reports,
        stored.sampled,
        stored.first_s,
        stored.standing,
        {
            reporter: ReportIdentity(stored.sources[source], report_id)
            for reporter, report_id, source in zip(reporters, stored.ids, stored.source_of, strict=False)
            if report_id
        },
        {reporter: (first, standing) for reporter, first, standing in stored.own},
        stored.notice,
        stored.facts,
        found=dict(stored.found),
        proofs={hashes[place]: proof for place, proof in stored.proofs} if stored.proofs else None,
        credited_before=stored.proofs is None and (stored.first_s is not None or bool(stored.own)),
    )


_UNKNOWN: Final = ReportIdentity("", "")
