"""Every metric of a worker: name, kind, labels and meaning.

Code, docs/metrics.md and tests are based on it.
"""

from streams.running.operations.metric import (
    APPEND_LATENCY,
    BATCH,
    DECISION,
    EVENT_LATENCY,
    TAKEOVER,
    TRANSACTION,
    Metric,
)
from streams.running.operations.process_metric_catalogue import PROCESS_CATALOGUE

_INTAKE = "Intake"
RECORDS = Metric(
    _INTAKE,
    "tocsin_records_total",
    "counter",
    "Records of the source topics applied and committed. Each is a report, request or clock outcome that was "
    "applied or passed on, a duplicate, a re-keyed record, a dead letter or a tick.",
    ("topic",),
)
APPLIED = Metric(
    _INTAKE, "tocsin_reports_applied_total", "counter", "Reports enriched and published, including late ones."
)
READ_NATIVELY = Metric(
    _INTAKE,
    "tocsin_reports_read_natively_total",
    "counter",
    "Reports that the native core passed on, stamped or counted, by place; Python has the others.",
    ("place",),
)
LATE = Metric(
    _INTAKE,
    "tocsin_reports_late_total",
    "counter",
    "Applied reports that were too old for every ring of counts, or possible repeats older than 12 hours. "
    "They are published but not counted in any window. In floor categories they count as reports of now, for "
    "a review, unless they may be repeats and their channel has a case.",
)
WITHOUT_WEIGHT = Metric(
    _INTAKE,
    "tocsin_reports_without_weight_total",
    "counter",
    "Applied reports that weigh nothing because of what people decided: the reporter is paused, or two "
    "reviewers approved this version of the message. They are published; only in floor categories they are "
    "counted, for a review.",
    ("why",),
)
JUDGED_OUT_OF_WINDOW = Metric(
    _INTAKE,
    "tocsin_reports_judged_out_of_window_total",
    "counter",
    "Counted reports that came too late to be judged in every window of their own time: more than 12 hours, "
    "for windows of days more than a day. What they completed may not have been escalated.",
)
POSSIBLE_REPEATS = Metric(
    _INTAKE,
    "tocsin_reports_possible_repeat_total",
    "counter",
    "Applied reports that occurred before what is remembered of ids, so that they may have been applied "
    "before. Those older than 12 hours are not counted in any window.",
)
DUPLICATES = Metric(
    _INTAKE,
    "tocsin_reports_duplicate_total",
    "counter",
    "Reports, requests and clock outcomes dropped because they were already applied.",
)
REKEYED = Metric(
    _INTAKE,
    "tocsin_reports_rekeyed_total",
    "counter",
    "Reports, requests and clock outcomes sent to their home partition, where they are applied.",
)
PASSED_TO_REPORTERS = Metric(
    _INTAKE,
    "tocsin_reports_passed_to_reporters_total",
    "counter",
    "Reports passed on to the stage of reporters, which sends them to their channel.",
)
DEAD_LETTERS = Metric(
    _INTAKE,
    "tocsin_dead_letters_total",
    "counter",
    "Invalid records, which were written to dead-letters.",
    ("stage", "reason"),
)
REFUSED_REPORTS = Metric(
    _INTAKE,
    "tocsin_refused_reports_total",
    "counter",
    "Dead letters of reports, by who published them. What listed publishers are told of is in refusals.",
    ("publisher",),
)
RECENT_DEAD_LETTERS = Metric(
    _INTAKE,
    "tocsin_recent_dead_letters",
    "gauge",
    "Dead letters among the last 1,000 records of a partition. Above 500 the dead letter breaker trips.",
    ("stage", "partition"),
)
TICKS_WRITTEN = Metric(
    _INTAKE,
    "tocsin_ticks_written_total",
    "counter",
    "Ticks written to advance the time of an idle partition.",
)
TICKS_READ = Metric(
    _INTAKE,
    "tocsin_ticks_read_total",
    "counter",
    "Ticks read back. A tick is ignored if a report or request has already moved the time further.",
    ("outcome",),
)

TIME_CORRECTIONS = Metric(
    _INTAKE,
    "tocsin_time_corrections_total",
    "counter",
    "Corrections of a partition's time read. One is ignored if the time is no longer wrong, or if the "
    "broker's clock and the clock in it differ by more than five minutes.",
    ("result",),
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
    "Open episodes in the partitions of this worker.",
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
CLOCKS_NEARLY_DUE = Metric(
    _LAW,
    "tocsin_clocks_nearly_due",
    "gauge",
    "Running clocks with less than a tenth of their time left, in the partitions of this worker.",
    ("stage",),
)
CLOCK_TRANSITIONS = Metric(
    _LAW,
    "tocsin_clock_transitions_total",
    "counter",
    "Events of legal clocks. Replaying a recording arms clocks that lapse at once.",
    ("obligation", "event"),
)
CLOCK_OUTCOMES = Metric(
    _LAW,
    "tocsin_clock_outcomes_total",
    "counter",
    "Records of clock-outcomes, without duplicates and dead letters.",
    ("outcome",),
)
AUTHORITY_REQUESTS = Metric(
    _LAW,
    "tocsin_authority_requests_total",
    "counter",
    "Authorities' requests decided and published.",
    ("kind", "decision"),
)
REFUSALS = Metric(
    _LAW,
    "tocsin_refusals_total",
    "counter",
    "Demands of authorities refused, by the code of the reason.",
    ("code",),
)

LAW_CHANGE = Metric(
    _LAW,
    "tocsin_law_change_timestamp_seconds",
    "gauge",
    "Start of the day (UTC) from which a duty applies, or no longer does. Missing for days that have come.",
    ("obligation", "change"),
)
LAW_OVERDUE = Metric(
    _LAW,
    "tocsin_law_rows_overdue",
    "gauge",
    "Rows of law that should have been checked again by now: after their `review_by`, or 180 days after "
    "`checked`. Duties that have ended do not count.",
    ("row",),
)
LAW_DUE = Metric(
    _LAW,
    "tocsin_law_due_timestamp_seconds",
    "gauge",
    "Start of the earliest day (UTC) by which people must do something about the law, also once it has "
    "passed. `tocsin registry due` lists all of them.",
    ("due",),
)
LAW_UNSIGNED = Metric(
    _LAW,
    "tocsin_law_rows_unsigned",
    "gauge",
    "Duties in force whose clock a report or request can start, and that nobody of this platform has signed, "
    "or not in their present text.",
)

_REPORTERS = "Reporters"
REPORTS_STAMPED = Metric(
    _REPORTERS,
    "tocsin_reports_stamped_total",
    "counter",
    "Reports that the stage of reporters has sent to their channel, by the class of their reporter.",
    ("trust",),
)
REPORTS_OVER_LIMIT = Metric(
    _REPORTERS,
    "tocsin_reports_over_limit_total",
    "counter",
    "Stamped reports beyond the limit of the day of their reporter. They are published and have no weight, "
    "except in categories that no limit cuts.",
)
CREDITS = Metric(
    _REPORTERS,
    "tocsin_reporter_credits_total",
    "counter",
    "Changes of an outcome that reached a reporter, one for each reporter of the message that was decided "
    "on. `forwarded`: sent on to a reporter whose hash has changed with the key, where they count once more.",
    ("effect",),
)
OUTCOMES_APPLIED = Metric(
    _REPORTERS,
    "tocsin_moderation_outcomes_total",
    "counter",
    "Outcomes of desks applied to the messages that they are about, without duplicates and dead letters.",
)
DESK_CHECKS = Metric(
    _REPORTERS,
    "tocsin_desk_checks_total",
    "counter",
    "Decisions of desks that can be compared: a second person decided about the same message too (`agreed`, "
    "`disputed`), or the right answer of the case is known (`golden_right`, `golden_wrong`).",
    ("result",),
)
REPORTS_LINKED = Metric(
    _REPORTERS,
    "tocsin_reports_linked_total",
    "counter",
    "Stamped reports whose reporter had before reported the same messages as another reporter of the "
    "message.",
)
LINKS_WITHOUT_EFFECT = Metric(
    _REPORTERS,
    "tocsin_links_without_effect_total",
    "counter",
    "Linked reports that counted as if they were not, because too many reporters of the partition were "
    "linked that day.",
)
DETECTOR_REPORTS = Metric(
    _REPORTERS,
    "tocsin_detector_reports_total",
    "counter",
    "Stamped reports of detectors and lists: reporters of kind `automated` that say what found the message.",
)
DETECTOR_TRUST = Metric(
    _REPORTERS,
    "tocsin_detector_trust_total",
    "counter",
    "Sum of the trust (0 to 1) in these reports. Divided by tocsin_detector_reports_total it is their mean "
    "trust.",
)
DETECTOR_FEEDBACK = Metric(
    _REPORTERS,
    "tocsin_detector_feedback_total",
    "counter",
    "What detectors and lists were told, one for each of their reports about a message that was decided on; "
    "by what the source is known, and the decision.",
    ("source", "decision"),
)
DETECTORS_HELD = Metric(
    _REPORTERS,
    "tocsin_detectors_held_total",
    "counter",
    "How often a detector, a list or a part of one left its band, so that its findings add no risk; a case "
    "names it each time.",
    ("why",),
)
DETECTORS_RELEASED = Metric(
    _REPORTERS,
    "tocsin_detectors_released_total",
    "counter",
    "How often that ended: it was as usual again, or a person ended it.",
)
FINDINGS_HELD = Metric(
    _REPORTERS,
    "tocsin_findings_held_total",
    "counter",
    "Stamped reports of detectors and lists that are held. They are published and counted, and add no risk.",
)
INTEGRITY_CASES = Metric(
    _REPORTERS,
    "tocsin_integrity_cases_total",
    "counter",
    "Cases for people who look after the integrity of reporting.",
    ("case",),
)
BEYOND_BUDGET = Metric(
    _REPORTERS,
    "tocsin_episodes_beyond_budget_total",
    "counter",
    "Episodes due to open after the budget of their policy, level and hour was spent.",
    ("policy", "level", "effect"),
)
SAMPLES = Metric(
    _REPORTERS,
    "tocsin_samples_total",
    "counter",
    "Steps of messages drawn at random among those that no policy raised.",
    ("step",),
)
REVIEW_QUESTIONS = Metric(
    _REPORTERS,
    "tocsin_review_questions_total",
    "counter",
    "Steps of questions to desks: whether reports of a crowd are right, before it raises an escalation above "
    "review.",
    ("policy", "step"),
)
REVIEW_ANSWERS = Metric(
    _REPORTERS,
    "tocsin_review_answer_seconds",
    "histogram",
    "From the time at which a desk was asked to that of its decision.",
    buckets=DECISION,
)

STANDING = Metric(
    _REPORTERS,
    "tocsin_reporter_standing_total",
    "counter",
    "Decisions about reporters that were applied: warnings, pauses, and ends of both.",
    ("decision",),
)
WEIGHT_TAKEN_OUT = Metric(
    _REPORTERS,
    "tocsin_weight_taken_out_total",
    "counter",
    "Channels out of whose open windows a pause of a reporter took what their reports had added.",
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
    "From the append of a record to its source topic to the commit of its outputs. A re-keyed report counts "
    "twice: when it is re-keyed and when it is applied.",
    buckets=APPEND_LATENCY,
)
LAG_RECORDS = Metric(
    _LATENCY,
    "tocsin_lag_records",
    "gauge",
    "Records in the log at the last fetch that are not applied. Missing while the brokers do not answer.",
    ("stage", "topic", "partition"),
)
LAG_SECONDS = Metric(
    _LATENCY,
    "tocsin_lag_seconds",
    "gauge",
    "Upper bound of how long the oldest unapplied record has been waiting; 0 if all are applied. Missing "
    "while the brokers do not answer.",
    ("stage", "topic", "partition"),
)
PARTITION_TIME = Metric(
    _LATENCY,
    "tocsin_partition_timestamp_seconds",
    "gauge",
    "Time of a partition: the newest occurred_at of an applied report or received_at of an applied request, "
    "advanced by ticks. In the stage `reporters` also the newest decided_at of an outcome.",
    ("stage", "partition"),
)
LAST_COMMIT = Metric(
    _LATENCY,
    "tocsin_last_commit_timestamp_seconds",
    "gauge",
    "When this worker last committed a batch of the partition; before the first batch, when it took the "
    "partition over.",
    ("stage", "partition"),
)

CLOCK_DIFFERENCE = Metric(
    _LATENCY,
    "tocsin_clock_difference_seconds",
    "gauge",
    "By how much a broker's clock is ahead of this worker's, negative if it is behind: the append time of "
    "the partition's last transaction compared with when it was sent and answered, so the true difference "
    "may be larger by the time that the broker took. Missing ten minutes after that transaction.",
    ("stage", "partition"),
)

SOURCE_RESTING = Metric(
    _LATENCY,
    "tocsin_source_resting",
    "gauge",
    "1 for a source of a partition from which nothing is applied at the moment: it tripped the dead "
    "letter breaker and its records are let through slowly, or operators have paused it. Missing for all "
    "others.",
    ("stage", "topic", "partition", "why"),
)

SOURCES_HELD = Metric(
    _LATENCY,
    "tocsin_sources_held",
    "gauge",
    "Sources of partitions, by topic, that wait for others of the fleet to be read as far in the time of "
    "reports. Only while a source is more than a minute behind.",
    ("topic",),
)

FRONTIER_BEHIND = Metric(
    _LATENCY,
    "tocsin_frontier_behind_seconds",
    "gauge",
    "By how much the sources of a partition are behind: this worker's clock less the time of the reports "
    "that it reads. 0 unless a source of the fleet is more than a minute behind.",
    ("partition",),
)

NOT_WAITED_FOR = Metric(
    _LATENCY,
    "tocsin_partitions_not_waited_for",
    "gauge",
    "Partitions that the fleet does not wait for while it catches up: nothing of them is read, their worker "
    "is silent, or they were waited for too long.",
)

PARTITION_GIVEN_UP = Metric(
    _LATENCY,
    "tocsin_partition_given_up",
    "gauge",
    "1 for a partition whose sources the fleet has waited for ten minutes while it catches up, and does not "
    "any more: they are read so slowly that their reports come late. Missing for all others.",
    ("partition",),
)

PARTITION_SET_ASIDE = Metric(
    _LATENCY,
    "tocsin_partition_set_aside",
    "gauge",
    "1 for a partition that is set aside: because its records cannot be applied, until they are applied or "
    "skipped, or because it waits for a destination in trouble. Nothing of it is applied meanwhile, and its "
    "lag is that of the last attempt. Missing for all others.",
    ("stage", "partition", "why"),
)

DESTINATION_IN_TROUBLE = Metric(
    _LATENCY,
    "tocsin_destination_in_trouble",
    "gauge",
    "1 for a partition of a topic to which this worker cannot write at present, or which it cannot read "
    "though a partition that it owns needs it. Who writes there is set aside until it is over. Missing for "
    "all others.",
    ("topic", "partition", "reason"),
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
    "Transactions that did not commit. After one the worker stops, so check its exit code and log as well; "
    "if a destination was in trouble it takes its partitions over again by itself.",
    ("cause",),
)

_OWNERSHIP = "Ownership"
READY = Metric(_OWNERSHIP, "tocsin_ready", "gauge", "1 if /readyz answers 200, otherwise 0.")
KEPT_OUT = Metric(
    _OWNERSHIP,
    "tocsin_kept_out",
    "gauge",
    "1 while the worker waits outside of its group, because the workers in it have other settings or rules; "
    "/readyz and the log name them.",
)
TERMS_INFO = Metric(
    _OWNERSHIP,
    "tocsin_terms_info",
    "gauge",
    "1 for the version, the rules and the limits with which this worker decides, while it is not kept out. "
    "`rules_id` is what TOCSIN_REPLACES_RULES names; `limits_id` is a hash of the settings that all stages "
    "have in common, such as TOCSIN_DUPLICATES_HOURS.",
    ("version", "rules_id", "limits_id"),
)
PARTITIONS = Metric(
    _OWNERSHIP,
    "tocsin_partitions",
    "gauge",
    "Partitions that all workers share, as reported by the brokers when this worker joined.",
    ("stage",),
)
PARTITIONS_OWNED = Metric(
    _OWNERSHIP,
    "tocsin_partitions_owned",
    "gauge",
    "Partitions that this worker owns.",
    ("stage",),
)
TAKEOVER_DURATION = Metric(
    _OWNERSHIP,
    "tocsin_takeover_duration_seconds",
    "histogram",
    "Takeover of a partition by one stage: fencing the previous owner and restoring the state.",
    buckets=TAKEOVER,
)
RESTORED_RECORDS = Metric(
    _OWNERSHIP, "tocsin_restored_records_total", "counter", "State records read during takeovers."
)
REBALANCES = Metric(_OWNERSHIP, "tocsin_rebalances_total", "counter", "Rebalances started.")
REBALANCE_DURATION = Metric(
    _OWNERSHIP,
    "tocsin_rebalance_duration_seconds",
    "histogram",
    "From the loss of the old assignment to the end of all takeovers. Nothing is applied during this time.",
    buckets=TAKEOVER,
)

_STATE = "State and rules"
STATE_RECORDS = Metric(
    _STATE,
    "tocsin_state_records",
    "gauge",
    "State records in the partitions of this worker.",
    ("stage", "kind"),
)
STATE_BYTES = Metric(
    _STATE,
    "tocsin_state_bytes",
    "gauge",
    "Bytes of the state records, including keys: nearly all that a takeover reads. The kinds that are left "
    "out take a few hundred bytes per channel with an episode.",
    ("stage", "kind"),
)
STATE_MEMORY = Metric(
    _STATE,
    "tocsin_state_memory_bytes",
    "gauge",
    "About the bytes of memory that the state takes in this worker, with what of it is in use as objects.",
    ("stage", "kind"),
)
STATE_BUDGET = Metric(
    _STATE,
    "tocsin_state_budget_bytes",
    "gauge",
    "Memory that the state of the worker may take: the worker's limit less 512 MiB for all else, but at "
    "least half of it. The limit is the smallest of its control groups (`memory.max`, version 2), or all "
    "memory of the machine. From the budget on, reports about reporters, channels and messages that are not "
    "known go to dead-letters (too_many_new). Missing where no limit can be read.",
)
WITHOUT_ROOM = Metric(
    _STATE,
    "tocsin_partition_without_room",
    "gauge",
    "1 for a partition that takes no reporters, channels and messages that are not known, because the state "
    "of its worker has reached the budget. Missing for all others.",
    ("stage", "partition"),
)
DUPLICATES_KNOWN = Metric(
    _STATE,
    "tocsin_duplicates_known_seconds",
    "gauge",
    "How far back, in the time of a partition, all ids of what was applied are remembered. Missing until one "
    "is forgotten.",
    ("stage", "partition"),
)
POLICY_INFO = Metric(
    _STATE, "tocsin_policy_info", "gauge", "1 for each policy in force.", ("policy", "mode", "content_hash")
)
RULES_IN_FORCE = Metric(
    _STATE,
    "tocsin_rules_in_force",
    "gauge",
    "1 for the set of rules by which a partition is judged: the first 16 digits of its id, or `files` for "
    "those of the installation.",
    ("stage", "partition", "rules"),
)
RULES_NOT_READY = Metric(
    _STATE,
    "tocsin_rules_not_ready",
    "gauge",
    "1 for a set of rules that is in force, proposed or needed by a partition, and that this worker cannot "
    "use, or is still making ready.",
    ("rules",),
)
RULES_DIFFER = Metric(
    _STATE,
    "tocsin_rules_in_force_differ_from_files",
    "gauge",
    "1 if a set of rules is in force by rule-changes and the files of this worker say otherwise: these "
    "decide nothing.",
)
RULES_PROPOSED = Metric(
    _STATE,
    "tocsin_rules_proposed_timestamp_seconds",
    "gauge",
    "When the oldest set of rules was proposed that is neither approved nor rejected. Missing without one.",
)
RULES_TRIAL = Metric(
    _STATE,
    "tocsin_rules_trial_share",
    "gauge",
    "The percentage of channels that a candidate judges, 0 for one in shadow. Missing without one.",
    ("rules",),
)
RULES_HALTED = Metric(
    _STATE,
    "tocsin_rules_halted_timestamp_seconds",
    "gauge",
    "When a candidate was halted, until it is rejected, or another set is tried or in force.",
    ("rules",),
)
TRIAL_EPISODES = Metric(
    _STATE,
    "tocsin_rules_trial_episodes",
    "gauge",
    "Channels of all partitions in which an episode reached a level, by the rules that judged it; the "
    "same in every worker.",
    ("policy", "level", "by"),
)
TRIAL_REPORTS = Metric(
    _STATE,
    "tocsin_rules_trial_reports",
    "gauge",
    "Reports of all partitions judged during a trial, in steps of 500 each; the same in every worker.",
    ("by",),
)
REGISTRY_INFO = Metric(
    _STATE,
    "tocsin_registry_info",
    "gauge",
    "1 for the rules in force.",
    ("policy_version", "registry_version"),
)

CATALOGUE: tuple[Metric, ...] = (
    *(value for value in globals().values() if isinstance(value, Metric)),
    *PROCESS_CATALOGUE,
)
