"""What operators set for every partition of every stage."""

from dataclasses import dataclass

# More would not fit into what a table tells apart (see id_table.py). They take 440 MB.
MOST_DUPLICATES = 20_000_000


@dataclass(frozen=True, slots=True)
class PartitionSettings:
    """The settings that all stages have in common.

    They reach a stage with its rules, and its states keep them. `dead_letter_breaker`: a source rests while
    most records of the partition become dead letters. A duplicate is recognised among the ids that were
    applied in the partition within the last `duplicates_hours` of its time, the newest `duplicates_most`.
    `new_*_per_hour` are how many reporters, channels (in each category) and messages that are not known yet a
    publisher may bring to a partition within an hour of its time (see admission/newcomers.py).
    """

    # Without it a faulty publisher makes thousands of dead letters per second until an operator sees it.
    dead_letter_breaker: bool = True
    # Publishers repeat what was not acknowledged within minutes, and after an outage within hours. Of a file
    # that is published again, or of a topic that is mirrored twice, operators know within a day.
    duplicates_hours: int = 24
    # 58 records per second for 24 hours. They take 110 MB of memory and 40 MB of state records.
    duplicates_most: int = 5_000_000
    # The largest deployment of the sizing (docs/operations-sizing.md) brings in its bad hour, to each of 12
    # partitions, 6,000 new reporters, 1,000 channels and 15,000 messages. On the first day of a deployment
    # everything is new, hence so much room. All three limits together are 300 MB an hour. Without them a
    # publisher that invents all three for each report fills a gigabyte within minutes.
    new_reporters_per_hour: int = 500_000
    new_channels_per_hour: int = 200_000
    new_messages_per_hour: int = 1_000_000


DEFAULTS = PartitionSettings()
