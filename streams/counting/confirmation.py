"""What speaks for an upheld outcome besides the desk that upheld it.

Whoever wants trust can post something bad in a channel of their own, let all their accounts report it, and
the desk rightly upholds it. So an upheld outcome supports trust only for the first who reported the message,
and for those whose report was confirmed: by others who reported it after them and before the decision, and
who were right in other channels. The later a reporter came, the more such channels it takes: then staging
costs channels in proportion to the accounts that gain by it.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

# Different channels in which those who confirm a report were right, at least; and one for every two who had
# reported by then. In the simulated worlds a third of a community has been right somewhere, so four in ten of
# those who report something are confirmed. Thirty staged accounts need fifteen channels for it.
CONFIRMING_CHANNELS: Final = 3
REPORTERS_PER_CHANNEL: Final = 2

# Proofs kept per message, those of who came first: up to 22 bytes each, so 700 of a message that 32 people
# reported who were right before. With more, some later reporters are confirmed less often.
MOST_PROOFS: Final = 32

# One channel may be the reporter's own, whatever is done about that. With two, three voices need six.
PROOF_CHANNELS: Final = 2

Proof = tuple[int, ...]
"""Keyed tags of the channels in which somebody was right; empty for a trusted flagger, who needs none."""

Proven = tuple[tuple[int, Proof], ...]
"""Reporters, each by a tag and with a proof."""


class Support(NamedTuple):
    """`confirmed`: somebody who has no part in it says so too. `first`: nobody reported it before.

    `before`: it was credited before support was kept, and counts as it did then.
    """

    confirmed: bool
    first: bool
    before: bool = False


UNSUPPORTED: Final = Support(confirmed=False, first=False)
SUPPORTED_BEFORE: Final = Support(confirmed=False, first=False, before=True)


class Witnesses:
    """Who reported a message, when (s), and what proves them right elsewhere."""

    __slots__ = ("_proofs", "_reporters", "_times")

    def __init__(self, reporters: Mapping[int, int], proofs: Mapping[int, Proof]) -> None:
        self._reporters = reporters
        self._proofs = proofs
        self._times = sorted(reporters.values())

    def support(self, reporter: int, first_s: int) -> Support:
        """Return what supports an upheld outcome of a reporter about whose report was first decided then.

        Whoever reported in the same second is nobody's forerunner: of these none is first.
        """
        received = self._reporters[reporter]
        others = bisect_right(self._times, received) - 1
        needed = max(CONFIRMING_CHANNELS, (others + 1) // REPORTERS_PER_CHANNEL)
        return Support(self._confirms(reporter, received, first_s, needed), others == 0)

    def _confirms(self, reporter: int, received: int, first_s: int, needed: int) -> bool:
        """Return whether later reporters were right in `needed` channels that prove not this one."""
        channels: set[int] = set()
        for each, proof in self._proofs.items():
            if each != reporter and received <= self._reporters[each] < first_s:
                if not proof:
                    return True
                channels.update(proof)
        return len(channels.difference(self._proofs.get(reporter, ()))) >= needed


def proven_voices(proofs: Iterable[tuple[int, Proof]]) -> int:
    """Return how many of the reporters, each with a proof, are proven independently of those before them.

    Each voice takes channels of its own: thirty accounts that were proven in the same two are one. A reporter
    who occurs again is the same voice.
    """
    taken: set[int] = set()
    seen: set[int] = set()
    voices = 0
    for reporter, proof in proofs:
        if reporter in seen:
            continue
        free = [tag for tag in proof if tag not in taken]
        if len(free) >= PROOF_CHANNELS:
            seen.add(reporter)
            taken.update(free[:PROOF_CHANNELS])
            voices += 1
    return voices
