"""Broken variants of the protocol, by what is wrong with them. The tests and the command line search them."""

from tests.model.world import Protocol

BROKEN = {
    "no-fence": Protocol(takeover=("claim", "look", "read", "establish")),
    # It applies what is readable when it looks: waiting for an end that is still moving would help nobody.
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
