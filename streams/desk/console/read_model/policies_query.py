"""Compares policies: how often each opened, raised and resolved, and where shadow and live ones differ."""

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from streams.desk.console.read_model.statements import SQL


class PolicyDay(NamedTuple):
    """What a policy did on a UTC day."""

    day: str
    opened: int
    raised: int
    resolved: int


class PolicyDays(NamedTuple):
    """What a policy did in a mode, by day, the newest first; `total` is their sum."""

    policy: str
    mode: str
    days: Sequence[PolicyDay]
    total: PolicyDay


class Pair(NamedTuple):
    """How many channels a live and a shadow policy opened on: both, and only one of them."""

    live: str
    shadow: str
    both: int
    only_live: int
    only_shadow: int


def policy_days(reader: sqlite3.Connection, first_day: str) -> list[PolicyDays]:
    """What each policy did from a UTC day on; live ones before those in shadow."""
    found: defaultdict[tuple[str, str], list[PolicyDay]] = defaultdict(list)
    rows = reader.execute(SQL["policy_days"], (first_day,))
    for mode, policy, *counted in rows:
        found[mode, policy].append(PolicyDay(*counted))
    return [
        PolicyDays(
            policy,
            mode,
            days,
            PolicyDay(
                "all",
                sum(day.opened for day in days),
                sum(day.raised for day in days),
                sum(day.resolved for day in days),
            ),
        )
        for (mode, policy), days in found.items()
    ]


def policy_pairs(reader: sqlite3.Connection, first_day: str) -> list[Pair]:
    """Every pair of a live and a shadow policy that opened on a channel in common since a UTC day."""
    channels: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for mode, policy, channel_ref in reader.execute(SQL["policy_channels"], (first_day,)):
        channels[mode, policy].add(channel_ref)
    return [
        Pair(live, shadow, len(ours & theirs), len(ours - theirs), len(theirs - ours))
        for (mode, live), ours in sorted(channels.items())
        if mode == "live"
        for (other_mode, shadow), theirs in sorted(channels.items())
        if other_mode == "shadow" and ours & theirs
    ]
