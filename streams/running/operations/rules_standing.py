"""What operators see of the rules that the log puts into force."""

from typing import NamedTuple

from streams.registry.changes.halting import TrialNumbers


class RulesStanding(NamedTuple):
    """The set in force by the log, and since when the oldest proposal waits (ms since the epoch).

    `not_ready` are the sets that this worker needs and cannot use, with the reason, empty while they are made
    ready. `differs`: a set is in force, and the files of the installation say otherwise. `trial` is the set
    that is tried with its share, `numbers` what is counted of it, and `halted` the set that was halted, with
    the time (ms since the epoch).
    """

    in_force: str | None = None
    oldest_proposal_ms: int | None = None
    not_ready: tuple[tuple[str, str], ...] = ()
    differs: bool = False
    trial: tuple[str, int] | None = None
    halted: tuple[str, int] | None = None
    numbers: TrialNumbers | None = None
