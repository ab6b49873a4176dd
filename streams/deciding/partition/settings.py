"""What operators set for every partition of every stage."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PartitionSettings:
    """The settings that all stages have in common.

    They reach a stage with its rules, and its states keep them. `dead_letter_breaker`: a source rests while
    most records of the partition become dead letters. `duplicates_remembered` is the number of records last
    applied in the partition among which a duplicate is recognised.
    """

    # Without it a faulty publisher makes thousands of dead letters per second until an operator sees it.
    dead_letter_breaker: bool = True
    # Publishers repeat what was not acknowledged within minutes; at 100 records per second in a partition,
    # these are half an hour. They take 1.6 MB of its state records, and ten times that in memory.
    duplicates_remembered: int = 200_000


DEFAULTS = PartitionSettings()
