"""Replaces classes of aiokafka and Faust with ours, for all that this process starts afterwards."""

from streams.running.patches.bounded_fetcher import install_bounded_fetcher
from streams.running.patches.fetched_range import install_fetched_range
from streams.running.patches.fetched_records import install_fetched_records
from streams.running.patches.group_member import install_group_member
from streams.running.patches.lenient_records import install_lenient_records
from streams.running.patches.worker_assignor import install_even_shares


def install_patches() -> None:
    """Replace all that a worker needs.

    Call before its first consumer of any kind starts: one that has fetched already would not know the class
    of what it holds.
    """
    install_reading_patches()
    install_fetched_range()
    install_bounded_fetcher()
    install_group_member()
    install_even_shares()


def install_reading_patches() -> None:
    """Replace what decides which records can be read, so that a command can read whatever a worker reads.

    Both patches are needed: a placeholder for an unreadable record lacks fields that aiokafka's own records
    require.
    """
    install_lenient_records()
    install_fetched_records()
