"""Broken variants of the protocol, for the tests and the command line."""

from tests.model.world import Protocol

BROKEN = {
    "no-fence": Protocol(takeover=("claim", "look", "read", "establish")),
    # The position is what is readable at that time, without waiting for open transactions of those not fenced yet.
    "read-before-fence": Protocol(
        takeover=("claim", "look", "read", "fence", "establish"), waits_for_end=False
    ),
    "claim-last": Protocol(takeover=("look", "fence", "read", "claim", "establish")),
    "one-fence-request": Protocol(repeats_fence=False),
    "one-key": Protocol(key_names_owner=False),
    "always-gives-way": Protocol(asks_the_group=False),
    "own-claim-hidden": Protocol(waits_for_own_claim=False),
    "looks-from-release": Protocol(looks_from_the_beginning=False),
    "kept-without-proof": Protocol(proves_kept_state=False),
    "end-noted-late": Protocol(notes_end_first=False),
}
