"""Every metric of a worker: name, kind, labels and meaning. The one source of code, documentation and tests."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]

# Upper bounds in seconds. From what an idle worker needs (some 6 ms) to the five minutes after which a report is late.
APPEND_LATENCY = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
# Reports wait on phones and in queues, and recordings are played: up to a day.
EVENT_LATENCY = (
    0.025,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    300.0,
    1800.0,
    3600.0,
    21600.0,
    86400.0,
)
# A transaction lives 20 seconds at most.
TRANSACTION = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)
# A takeover reads state: from nothing to millions of records. A rebalance holds the takeovers.
TAKEOVER = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
# A cycle of 20,000 reports takes up to a second of the loop; beyond that something blocks it.
LOOP_DELAY = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# Records of one partition in one transaction.
BATCH = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1_000.0, 3_000.0, 10_000.0, 30_000.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `buckets` are the upper bounds of a histogram, in the unit of its name."""

    group: str
    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


# What each label may hold. No label names a channel, a message, a report or a reporter.
LABELS = {
    "topic": "a source topic of a stage, without its prefix: `message-reports`, `clock-outcomes`, `authority-requests` or "
    "one of the two internal ones",
    "stage": "`reports`, which turns reports into escalations, or `requests`, which routes those of authorities",
    "partition": "number of a partition of a stage that this worker owns",
    "reason": "a reason of the closed table in `schemas/topics/dead-letters.yaml`",
    "outcome": "of a tick: `honoured` or `ignored`; of a clock: `applied`, or `passed_on` to the stage "
    "that keeps its clock",
    "cause": "`fenced` (another worker owns the partition) or `not_committed`",
    "policy": "id of a policy in force, or of one that an episode outlived",
    "mode": "`live` or `shadow`",
    "type": "`opened`, `updated` or `resolved`",
    "level": "level of a policy: 1, 2, ...",
    "kind": "of state: `counts` (one per channel and category) and `episodes` (one per channel) of reports; `clocks`, "
    "`duplicates` and `time` of both stages; of a request: the kind that it says it is",
    "obligation": "id of a duty of the registry, or of one that a running clock outlived",
    "event": "`armed`, `half`, `nine_tenths`, `lapsed`, `paused`, `resumed`, `fulfilled`, `withdrawn` or `over` (the end "
    "of a retention period)",
    "status": "`running`, `paused`, `lapsed` or `over`",
    "decision": "`routed`, `incomplete` or `refused`",
    "code": "`encryption_keys`, `bulk_identify`, `block_protest` or `political_demand`",
    "version": "version of Tocsin",
    "policy_version": "hash of the content of all policies",
    "registry_version": "hash of the content of the registry",
    "content_hash": "hash of the policy's content",
}

_INTAKE = "Intake"
RECORDS = Metric(
    _INTAKE,
    "tocsin_records_total",
    "counter",
    "Records of the source topics applied and committed. Each is one of: report, request or outcome of a clock applied or "
    "passed on, duplicate, re-keyed, dead letter, tick.",
    ("topic",),
)
APPLIED = Metric(
    _INTAKE, "tocsin_reports_applied_total", "counter", "Reports enriched and published, late ones too."
)
LATE = Metric(
    _INTAKE,
    "tocsin_reports_late_total",
    "counter",
    "Reports applied that were too old for every ring of counts: published, not counted.",
)
DUPLICATES = Metric(
    _INTAKE,
    "tocsin_reports_duplicate_total",
    "counter",
    "Reports, requests and outcomes dropped because they had been applied before.",
)
REKEYED = Metric(
    _INTAKE,
    "tocsin_reports_rekeyed_total",
    "counter",
    "Reports, requests and outcomes sent on to their home partition; they are applied there.",
)
DEAD_LETTERS = Metric(
    _INTAKE, "tocsin_dead_letters_total", "counter", "Records that are not valid.", ("stage", "reason")
)
RECENT_DEAD_LETTERS = Metric(
    _INTAKE,
    "tocsin_recent_dead_letters",
    "gauge",
    "Records that could not be read, among the last 1,000 of a partition. Above 500 the worker stops.",
    ("stage", "partition"),
)
TICKS_WRITTEN = Metric(
    _INTAKE,
    "tocsin_ticks_written_total",
    "counter",
    "Ticks written to move the time of an idle partition on.",
)
TICKS_READ = Metric(
    _INTAKE,
    "tocsin_ticks_read_total",
    "counter",
    "Ticks read back; one that a report or request has overtaken is ignored.",
    ("outcome",),
)

_ESCALATIONS = "Escalations"
ESCALATIONS = Metric(
    _ESCALATIONS,
    "tocsin_escalations_total",
    "counter",
    "Escalation events published.",
    ("policy", "mode", "type", "level"),
)
OPEN_EPISODES = Metric(
    _ESCALATIONS,
    "tocsin_open_episodes",
    "gauge",
    "Episodes open in the partitions of this worker.",
    ("policy", "mode", "level"),
)

_LAW = "Law"
CLOCKS = Metric(
    _LAW,
    "tocsin_clocks",
    "gauge",
    "Legal clocks that no outcome has ended, in the partitions of this worker.",
    ("stage", "status"),
)
CLOCK_TRANSITIONS = Metric(
    _LAW,
    "tocsin_clock_transitions_total",
    "counter",
    "What happened to legal clocks. A recording that is played arms clocks that lapse at once.",
    ("obligation", "event"),
)
CLOCK_OUTCOMES = Metric(
    _LAW,
    "tocsin_clock_outcomes_total",
    "counter",
    "Records of clock-outcomes that were neither duplicates nor dead letters.",
    ("outcome",),
)
AUTHORITY_REQUESTS = Metric(
    _LAW,
    "tocsin_authority_requests_total",
    "counter",
    "Requests of authorities decided and published.",
    ("kind", "decision"),
)
REFUSALS = Metric(
    _LAW, "tocsin_refusals_total", "counter", "Demands of authorities refused, whoever asks.", ("code",)
)

_LATENCY = "Latency and lag"
EVENT_TO_COMMIT = Metric(
    _LATENCY,
    "tocsin_event_to_commit_seconds",
    "histogram",
    "From occurred_at of an applied report to the commit of its outputs.",
    buckets=EVENT_LATENCY,
)
APPEND_TO_COMMIT = Metric(
    _LATENCY,
    "tocsin_append_to_commit_seconds",
    "histogram",
    "From the append of a record to its source topic to the commit of what came of it. A re-keyed report counts once "
    "for each of its two ways.",
    buckets=APPEND_LATENCY,
)
LAG_RECORDS = Metric(
    _LATENCY,
    "tocsin_lag_records",
    "gauge",
    "Records that were in the log at the last fetch and are not applied. Not shown while the brokers do not answer.",
    ("stage", "topic", "partition"),
)
LAG_SECONDS = Metric(
    _LATENCY,
    "tocsin_lag_seconds",
    "gauge",
    "How long the oldest record that is not applied has been waiting, at most; 0 when all are applied. Not shown while the "
    "brokers do not answer.",
    ("stage", "topic", "partition"),
)
PARTITION_TIME = Metric(
    _LATENCY,
    "tocsin_partition_timestamp_seconds",
    "gauge",
    "Time of a partition: the newest occurred_at of a report or received_at of a request applied, moved on by ticks.",
    ("stage", "partition"),
)
LAST_COMMIT = Metric(
    _LATENCY,
    "tocsin_last_commit_timestamp_seconds",
    "gauge",
    "When a batch of a partition was last committed here; before the first, when the partition was taken over.",
    ("stage", "partition"),
)

_BATCHES = "Batches"
BATCH_RECORDS = Metric(
    _BATCHES,
    "tocsin_batch_records",
    "histogram",
    "Records of one partition applied in one transaction.",
    buckets=BATCH,
)
TRANSACTION_DURATION = Metric(
    _BATCHES,
    "tocsin_transaction_duration_seconds",
    "histogram",
    "From the first byte sent of a batch's outputs to their commit.",
    buckets=TRANSACTION,
)
TRANSACTIONS_FAILED = Metric(
    _BATCHES,
    "tocsin_transactions_failed_total",
    "counter",
    "Transactions that did not commit. The worker stops, so look at its exit code and log too.",
    ("cause",),
)

_OWNERSHIP = "Ownership"
READY = Metric(_OWNERSHIP, "tocsin_ready", "gauge", "1 when /readyz answers 200, else 0.")
PARTITIONS = Metric(
    _OWNERSHIP,
    "tocsin_partitions",
    "gauge",
    "Partitions that all workers share, as the brokers told this one when it joined.",
    ("stage",),
)
PARTITIONS_OWNED = Metric(
    _OWNERSHIP,
    "tocsin_partitions_owned",
    "gauge",
    "Partitions taken over and not released.",
    ("stage",),
)
TAKEOVER_DURATION = Metric(
    _OWNERSHIP,
    "tocsin_takeover_duration_seconds",
    "histogram",
    "Taking a partition of a stage over: fencing its former owner and restoring its state. There are two stages.",
    buckets=TAKEOVER,
)
RESTORED_RECORDS = Metric(
    _OWNERSHIP, "tocsin_restored_records_total", "counter", "State records read during takeovers."
)
REBALANCES = Metric(_OWNERSHIP, "tocsin_rebalances_total", "counter", "Rebalances that began.")
REBALANCE_DURATION = Metric(
    _OWNERSHIP,
    "tocsin_rebalance_duration_seconds",
    "histogram",
    "From the loss of the old assignment to the end of all takeovers. Nothing is applied meanwhile.",
    buckets=TAKEOVER,
)

_STATE = "State and rules"
STATE_RECORDS = Metric(
    _STATE,
    "tocsin_state_records",
    "gauge",
    "State records of the partitions of this worker.",
    ("stage", "kind"),
)
STATE_BYTES = Metric(
    _STATE,
    "tocsin_state_bytes",
    "gauge",
    "Bytes of the counts, the clocks and the remembered duplicates, keys included: nearly all that a takeover reads. The "
    "other kinds are not measured; they take a few hundred bytes for each channel with an episode.",
    ("stage", "kind"),
)
POLICY_INFO = Metric(
    _STATE, "tocsin_policy_info", "gauge", "1 for each policy in force.", ("policy", "mode", "content_hash")
)
REGISTRY_INFO = Metric(
    _STATE,
    "tocsin_registry_info",
    "gauge",
    "1 for the rules in force.",
    ("policy_version", "registry_version"),
)

_PROCESS = "Process"
BUILD_INFO = Metric(_PROCESS, "tocsin_build_info", "gauge", "1 for the running version.", ("version",))
LOOP_DELAY_SECONDS = Metric(
    _PROCESS,
    "tocsin_loop_delay_seconds",
    "histogram",
    "How late the worker's loop was for an appointment once a second.",
    buckets=LOOP_DELAY,
)

CATALOGUE: tuple[Metric, ...] = tuple(value for value in globals().values() if isinstance(value, Metric))
