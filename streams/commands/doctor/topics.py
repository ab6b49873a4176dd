"""How the topics that are there differ from those that Tocsin needs: one finding for each thing relied on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from streams.commands.doctor.finding import Finding, Verdict, some
from streams.running.topics.topic_catalogue import Catalogue
from streams.running.topics.topic_problems import Problem, counted

_IN_SYNC = "topics' in-sync replicas"
# A setting that no other concern has.
_OTHERS = "topics' other settings"


class _Concern(NamedTuple):
    """A check, the differences that belong to it (see Problem.concerns), and what is true without any."""

    check: str
    differences: tuple[str, ...]
    proved: Callable[[Catalogue], str]


def _compaction(catalogue: Catalogue) -> str:
    compacted = sum("compact" in str(topic.config["cleanup.policy"]) for topic in catalogue.values())
    return f"{compacted} topics are compacted, the other {len(catalogue) - compacted} delete what is old"


_CONCERNS = (
    _Concern(
        "topics' partitions", ("partitions",), lambda _: "every topic has as many partitions as it should"
    ),
    _Concern("topics' compaction", ("cleanup.policy",), _compaction),
    _Concern(
        "topics' append time",
        ("message.timestamp.type",),
        lambda _: "every topic is set to LogAppendTime: brokers set the times, no publisher does",
    ),
    _Concern(
        "topics' record size",
        ("max.message.bytes",),
        lambda catalogue: (
            f"every topic takes its largest records, "
            f"{max(topic.max_message_bytes for topic in catalogue.values()):,} bytes at most"
        ),
    ),
    _Concern(
        _IN_SYNC,
        ("min.insync.replicas", "replicas", "brokers"),
        lambda _: "every topic asks for the in-sync replicas that the settings say, and has as many replicas",
    ),
)


def topic_findings(problems: Sequence[Problem], catalogue: Catalogue, prefix: str) -> Iterator[Finding]:
    """What `check_topics` found, by what Tocsin relies on."""
    missing = [each for each in problems if each.concerns == "missing"]
    if len(missing) == len(catalogue):
        yield Finding(
            "topics",
            "not tried",
            f"none of the {len(catalogue)} exists with TOCSIN_TOPIC_PREFIX={prefix!r}, or this user may not "
            "see them, so nothing is known of their settings",
            "Run `tocsin topics create`, then this command again.",
        )
        if few := [each for each in problems if each.concerns == "brokers"]:
            yield _finding(_IN_SYNC, few, "")
        return
    if missing:
        yield Finding(
            "topics",
            "failed",
            f"{len(missing)} of {len(catalogue)} are missing, or this user may not see them: "
            + some([each.topic for each in missing]),
            missing[0].remedy,
        )
    else:
        yield Finding("topics", "ok", f"all {len(catalogue)} are there")
    for concern in _CONCERNS:
        yield _finding(
            concern.check,
            [each for each in problems if each.concerns in concern.differences],
            concern.proved(catalogue),
        )
    known = {each for concern in _CONCERNS for each in concern.differences} | {"missing"}
    yield _finding(
        _OTHERS,
        [each for each in problems if each.concerns not in known],
        "retention, segments and what else is set of a topic are as in the catalogue",
    )


def _finding(check: str, differing: Sequence[Problem], proved: str) -> Finding:
    if not differing:
        return Finding(check, "ok", proved)
    first, others = differing[0], [each.topic for each in differing[1:]]
    found = f"{first.topic} {first.what.rstrip('.')}"
    if not others:
        return Finding(check, "failed", found, first.remedy)
    return Finding(
        check,
        "failed",
        f"{found}; {len(others)} more differ: {some(others)}",
        f"{first.remedy.rstrip('.')}. `tocsin topics check` says it for each.",
    )


def replica_finding(
    rows: Sequence[Mapping[str, Any]], catalogue: Catalogue, prefix: str, replicas: int, min_insync: int
) -> Finding | None:
    """Whether each partition has a leader and its replicas now; None if there are no topics.

    `rows` are topics as the brokers describe them.
    """
    names = {prefix + name for name in catalogue}
    partitions = [
        (f"{row['topic']} {part['partition']}", part)
        for row in rows
        if row["topic"] in names
        for part in row["partitions"]
    ]
    if not partitions:
        return None
    stopped = [
        name
        for name, part in partitions
        # Fewer replicas than that are a difference of the topic, and said there.
        if part["leader"] < 0 or len(part["isr"]) < min(min_insync, len(part["replicas"]))
    ]
    behind = [name for name, part in partitions if len(part["isr"]) < len(part["replicas"])]
    few = [name for name, part in partitions if len(part["replicas"]) < replicas]
    of_all = f"of {len(partitions)} partitions"
    verdict: Verdict = "warning"
    remedy = "Start the brokers that are down, or see in their logs why they are behind."
    if stopped:
        verdict = "failed"
        found = (
            f"{len(stopped)} {of_all} take no records, as they have no leader or fewer than {min_insync} "
            f"replicas in sync: {some(stopped)}"
        )
    elif behind:
        found = f"{len(behind)} {of_all} have replicas that are not in sync: {some(behind)}"
    elif few:
        found = f"{len(few)} {of_all} have fewer than TOCSIN_REPLICATION_FACTOR={replicas}: {some(few)}"
        remedy = (
            "Reassign them to more brokers (kafka-reassign-partitions.sh), or set TOCSIN_REPLICATION_FACTOR."
        )
    elif replicas == 1:
        found = "TOCSIN_REPLICATION_FACTOR is 1: what the only broker with a partition loses is lost"
        remedy = "For more than a trial use three brokers, and the default of 3 replicas with 2 in sync."
    elif replicas == min_insync:
        found = (
            f"all replicas must be in sync (TOCSIN_MIN_INSYNC_REPLICAS={min_insync}), so nothing is written "
            "while one broker is down"
        )
        remedy = "Set TOCSIN_MIN_INSYNC_REPLICAS below TOCSIN_REPLICATION_FACTOR, here and for the topics."
    else:
        spare = replicas - min_insync
        found = (
            f"all {len(partitions)} partitions have theirs in sync, and take records while "
            f"{counted(spare, 'broker')} {'is' if spare == 1 else 'are'} down"
        )
        verdict, remedy = "ok", ""
    return Finding("replicas", verdict, found, remedy)
