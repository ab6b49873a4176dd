"""The clusters of a message's reporters, in bounded state, and the voices that they amount to.

A report joins the cluster of the first signature to which its own is linked, or founds one. Signatures that
are compared: the latest of each of the clusters that grew most recently, and the last few of reports that
stand alone. Signatures with too few targets to be linked are not kept, so a crowd of newcomers cannot push a
cluster out.
"""

from typing import Final

import msgspec

from streams.counting.coordination.signature import from_bytes, linked, to_bytes, used_bins

# Signatures kept of reports that stand alone, and clusters that can still grow. Four of each are 512 bytes of
# signatures per message; a brigade arrives close together, and eight of each found hardly more of it
# (docs/trust-measured.md).
ALONE: Final = 4
GROUPS: Final = 4

MILLION: Final = 1_000_000


class ClusterSums(msgspec.Struct, frozen=True, gc=False):
    """What clusters add up to; sums over messages, panes and categories are meaningful.

    `reports` of all reporters; `linked` of them are in a cluster of two or more. `known` stand alone and are
    by reporters with trust of their own. `squares` is the sum of the squared sizes of all clusters but those
    of `known`.
    """

    reports: int = 0
    linked: int = 0
    known: int = 0
    squares: int = 0

    def plus(self, other: "ClusterSums") -> "ClusterSums":
        """Return the sums of both."""
        return ClusterSums(
            self.reports + other.reports,
            self.linked + other.linked,
            self.known + other.known,
            self.squares + other.squares,
        )

    def minus(self, other: "ClusterSums") -> "ClusterSums":
        """Return the sums without those of `other`."""
        return ClusterSums(
            self.reports - other.reports,
            self.linked - other.linked,
            self.known - other.known,
            self.squares - other.squares,
        )


class Joined(msgspec.Struct, frozen=True, gc=False):
    """What a report did: `first` of its cluster, and so weighted; the cluster's `size`; what it `added`."""

    first: bool
    size: int
    added: ClusterSums


class _Group(msgspec.Struct, array_like=True, gc=False):
    """A cluster that can grow, with its latest member's signature and the evidence `needed` for a link.

    `known`: of size 1 and founded by a reporter with trust.
    """

    signature: bytes
    needed: int
    size: int
    known: bool


class Clusters(msgspec.Struct, array_like=True):
    """The clusters of one message. Newest last in both lists."""

    alone: list[_Group] = msgspec.field(default_factory=list)
    groups: list[_Group] = msgspec.field(default_factory=list)

    def add(self, signature: int, needed: int, *, known: bool) -> Joined:
        """Add the first report of a reporter about the message.

        `needed` is the result of `evidence_needed`. `known`: the reporter's trust is medium or more.
        """
        if used_bins(signature) < needed:
            return _ALONE_KNOWN if known else _ALONE
        for kept in (self.groups, self.alone):
            for place in range(len(kept) - 1, -1, -1):
                group = kept[place]
                if linked(from_bytes(group.signature), signature, max(group.needed, needed)):
                    # By place: two groups may be equal.
                    del kept[place]
                    return self._join(group, signature, needed)
        self.alone.append(_Group(to_bytes(signature), needed, 1, known))
        if len(self.alone) > ALONE:
            del self.alone[0]
        return _ALONE_KNOWN if known else _ALONE

    def _join(self, group: _Group, signature: int, needed: int) -> Joined:
        """Add a report to a group that was taken out of its list."""
        before = group.size
        left = ClusterSums()
        if before == 1:
            # The founder is now known to be linked.
            left = ClusterSums(0, 1, -1, 1) if group.known else ClusterSums(0, 1, 0, 0)
        group.size += 1
        group.known = False
        group.signature = to_bytes(signature)
        group.needed = needed
        self.groups.append(group)
        if len(self.groups) > GROUPS:
            del self.groups[0]
        return Joined(first=False, size=group.size, added=left.plus(ClusterSums(1, 1, 0, 2 * before + 1)))


_ALONE = Joined(first=True, size=1, added=ClusterSums(1, 0, 0, 1))
_ALONE_KNOWN = Joined(first=True, size=1, added=ClusterSums(1, 0, 1, 0))

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Clusters).decode


def encode_clusters(clusters: Clusters) -> bytes:
    """Return the state as bytes."""
    return _encode(clusters)


def decode_clusters(data: bytes | memoryview) -> Clusters:
    """Decode the bytes of `encode_clusters`. Raises msgspec.DecodeError for damaged bytes."""
    return _decode(data)


def voices_millionths(sums: ClusterSums) -> int:
    """Return the number of independent voices, in millionths.

    Who stands alone counts one. Those in clusters count as the number of equally large clusters with the same
    concentration: L^2 / sum of n^2, the Hill number of order 2. So a brigade takes no voice from anybody whom
    it joins (docs/trust.md has what that costs).
    """
    linked = linked_of(sums)
    alone = sums.reports - linked
    if not linked:
        return alone * MILLION
    # Those without trust who stand alone are in the squares, with one each. A window may hold a report that
    # joined a cluster, but not the one that founded it.
    squares = max(sums.squares - max(alone - max(sums.known, 0), 0), 1)
    return alone * MILLION + max(min(linked * linked * MILLION // squares, linked * MILLION), MILLION)


def linked_of(sums: ClusterSums) -> int:
    """Return how many of the reports are in clusters of two or more.

    A window may hold who joined a cluster without who founded it, and somebody who founded several counts as
    one report.
    """
    return min(max(sums.linked, 0), sums.reports)


def linked_share(sums: ClusterSums) -> float:
    """Return the share of the reports in clusters of two or more; 0 without reports."""
    return linked_of(sums) / sums.reports if sums.reports else 0.0
