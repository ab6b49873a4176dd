"""The rows of the dashboard: first whether all is well, then the details to find out why not."""

from streams.operations.generated.dashboard_adapter_row import ADAPTERS
from streams.operations.generated.dashboard_console_row import CONSOLE
from streams.operations.generated.dashboard_decision_rows import CHANGES_OF_LAW, DECISIONS, LAW, REPORTERS
from streams.operations.generated.dashboard_queries import Panel, Row, quantiles, rate, series, stat, total

_VERDICTS = (
    f"({rate('tocsin_dead_letters_total')} + {rate('tocsin_reports_applied_total')}"
    f" + {rate('tocsin_reports_duplicate_total')})"
)

ROWS: tuple[Row, ...] = (
    (
        "Health",
        (
            stat("Workers up", "Workers that answer a scrape.", "short", total("up")),
            stat("Workers ready", "Workers whose /readyz answers 200.", "short", total("tocsin_ready")),
            stat(
                "Partitions owned",
                "Must be twice the partition count of message-reports, because each of the two stages owns every partition; three times "
                "with TOCSIN_REPORTERS=on. Fewer is normal "
                "during a rebalance only.",
                "short",
                total("tocsin_partitions_owned"),
            ),
            stat(
                "Reports applied",
                "Reports enriched and published.",
                "reqps",
                rate("tocsin_reports_applied_total"),
            ),
            stat(
                "Longest lag",
                "How long the oldest unapplied record of any partition has been waiting, at most.",
                "s",
                f"max ({series('tocsin_lag_seconds')})",
            ),
            stat(
                "Latency p99",
                "From the append of a record to the commit of its outputs.",
                "s",
                quantiles("tocsin_append_to_commit_seconds")["p99"],
            ),
            stat(
                "Dead letters",
                "Share of dead letters among applied reports, duplicates and dead letters.",
                "percentunit",
                f"{rate('tocsin_dead_letters_total')} / {_VERDICTS}",
            ),
            stat(
                "Open live episodes",
                "Open episodes of live policies.",
                "short",
                total("tocsin_open_episodes", more=', mode="live"'),
            ),
        ),
    ),
    (
        "Traffic",
        (
            Panel(
                "Records by topic",
                "Records of the source topics applied and committed. High traffic on message-reports-internal means that "
                "publishers do not use the recommended partitioner, unless TOCSIN_REPORTERS is on: then most reports come that "
                "way.",
                "reqps",
                {"{{topic}}": rate("tocsin_records_total", "topic")},
            ),
            Panel(
                "Reports by result",
                "A re-keyed report is applied in its home partition later. Late reports are applied, but not counted in any "
                "window.",
                "reqps",
                {
                    "applied": rate("tocsin_reports_applied_total"),
                    "duplicate": rate("tocsin_reports_duplicate_total"),
                    "re-keyed": rate("tocsin_reports_rekeyed_total"),
                    "late": rate("tocsin_reports_late_total"),
                    "passed on to reporters": rate("tocsin_reports_passed_to_reporters_total"),
                },
            ),
            Panel(
                "Ticks",
                "Ticks advance the time of idle partitions. A tick is ignored if a report has already moved the time further.",
                "reqps",
                {
                    "written": rate("tocsin_ticks_written_total"),
                    "{{outcome}}": rate("tocsin_ticks_read_total", "outcome"),
                },
            ),
        ),
    ),
    REPORTERS,
    (
        "Latency",
        (
            Panel(
                "Append to commit",
                "From the append of a record to its source topic to the commit of its outputs.",
                "s",
                {"{{le}}": rate("tocsin_append_to_commit_seconds_bucket", "le")},
                "heatmap",
                12,
            ),
            Panel(
                "Append to commit, quantiles",
                "The same as quantiles. The target for p99 is below 30 s.",
                "s",
                quantiles("tocsin_append_to_commit_seconds"),
                width=12,
            ),
            Panel(
                "Event to commit",
                "From occurred_at of an applied report to the commit of its outputs, including delays on phones and at "
                "publishers.",
                "s",
                quantiles("tocsin_event_to_commit_seconds"),
                width=12,
            ),
            Panel(
                "Transactions",
                "From the first byte sent of a batch's outputs to their commit: mostly the brokers' time. A transaction fails at 20 s.",
                "s",
                quantiles("tocsin_transaction_duration_seconds"),
                width=12,
            ),
        ),
    ),
    (
        "Lag and time",
        (
            Panel(
                "Lag in seconds",
                "How long the oldest unapplied record has been waiting, at most.",
                "s",
                {"{{topic}} {{partition}}": f"max by (topic, partition) ({series('tocsin_lag_seconds')})"},
            ),
            Panel(
                "Lag in records",
                "Records in the log at the last fetch that are not applied.",
                "short",
                {"{{topic}} {{partition}}": f"max by (topic, partition) ({series('tocsin_lag_records')})"},
            ),
            Panel(
                "Since the last commit",
                "Harmless while nothing is waiting. With lag it means that the partition is stuck.",
                "s",
                {
                    "{{stage}} {{partition}}": "time() - max by (stage, partition) "
                    f"({series('tocsin_last_commit_timestamp_seconds')})"
                },
            ),
            Panel(
                "Partition time behind the clock",
                "Counts, episodes and clocks follow this time. An idle partition with nothing due may fall behind.",
                "s",
                {
                    "{{stage}} {{partition}}": "time() - max by (stage, partition) "
                    f"({series('tocsin_partition_timestamp_seconds')})"
                },
            ),
            Panel(
                "Brokers' clocks ahead of the workers'",
                "Negative: behind. A worker stops when a record was appended five minutes after its own clock.",
                "s",
                {
                    "{{instance}} {{stage}} {{partition}}": "max by (instance, stage, partition) "
                    f"({series('tocsin_clock_difference_seconds')})"
                },
            ),
            Panel(
                "Corrections of partition time",
                "Set by an operator with `tocsin state set-time`.",
                "short",
                {
                    "{{result}}": f"sum by (result) (increase({series('tocsin_time_corrections_total')}[$__rate_interval]))"
                },
            ),
        ),
    ),
    (
        "Ownership and recovery",
        (
            Panel(
                "Partitions by worker",
                "Partitions that each worker owns, and the total of each stage.",
                "short",
                {
                    "{{instance}} {{stage}}": total("tocsin_partitions_owned", "instance, stage"),
                    "total {{stage}}": f"max by (stage) ({series('tocsin_partitions')})",
                },
                width=6,
            ),
            Panel(
                "Rebalances and restarts",
                "A rolling deployment shows as one restart per worker. More restarts indicate a loop.",
                "short",
                {
                    "rebalances {{instance}}": f"increase({series('tocsin_rebalances_total')}[$__rate_interval])",
                    "restarts {{instance}}": f"changes({series('process_start_time_seconds')}[$__rate_interval])",
                },
                width=6,
            ),
            Panel(
                "Time of a rebalance and of a takeover",
                "Mean durations. Nothing is applied during a rebalance. A takeover fences the previous owner and restores the state.",
                "s",
                {
                    name: f"{total(f'tocsin_{name}_duration_seconds_sum')} / "
                    f"{total(f'tocsin_{name}_duration_seconds_count')}"
                    for name in ("rebalance", "takeover")
                },
                width=6,
            ),
            Panel(
                "Records restored",
                "State records read during takeovers since the worker started.",
                "short",
                {"{{instance}}": total("tocsin_restored_records_total", "instance")},
                width=6,
            ),
        ),
    ),
    DECISIONS,
    LAW,
    CHANGES_OF_LAW,
    CONSOLE,
    ADAPTERS,
    (
        "Dead letters and errors",
        (
            Panel(
                "Dead letters by reason",
                "Invalid records. schemas/topics/dead-letters.yaml explains the reasons.",
                "reqps",
                {"{{stage}} {{reason}}": rate("tocsin_dead_letters_total", "stage, reason")},
            ),
            Panel(
                "Bad records among the last 1,000",
                "Dead letters among the last 1,000 records of a partition. Above 500 the flooded source is read slowly.",
                "short",
                {
                    "{{stage}} {{partition}}": "max by (stage, partition) "
                    f"({series('tocsin_recent_dead_letters')})"
                },
            ),
            Panel(
                "Sources at rest",
                "Flooded with records that cannot be read, or paused by operators with `tocsin source`.",
                "short",
                {
                    "{{stage}} {{topic}} {{partition}} {{why}}": "max by (stage, topic, partition, why) "
                    f"({series('tocsin_source_resting')})"
                },
            ),
            Panel(
                "Partitions set aside",
                "Their records cannot be applied; the log and `/status` name them. They are tried again every few minutes.",
                "short",
                {
                    "{{stage}} {{partition}}": "max by (stage, partition) "
                    f"({series('tocsin_partition_set_aside')})"
                },
            ),
            Panel(
                "Transactions that failed",
                "The worker stops after one, so its last value is rarely scraped. Check restarts as well.",
                "short",
                {
                    "{{cause}}": f"sum by (cause) (increase({series('tocsin_transactions_failed_total')}[$__rate_interval]))"
                },
            ),
        ),
    ),
    (
        "Saturation and state",
        (
            Panel(
                "Processor",
                "1 is one core, the most that a worker can use.",
                "short",
                {"{{instance}}": rate("process_cpu_seconds_total", "instance")},
                width=6,
            ),
            Panel(
                "Memory",
                "Resident memory of each worker.",
                "bytes",
                {"{{instance}}": total("process_resident_memory_bytes", "instance")},
                width=6,
            ),
            Panel(
                "Delay of the event loop",
                "How late a timer of one second fired in the worker's event loop. Above 1 s something blocks the loop.",
                "s",
                quantiles("tocsin_loop_delay_seconds"),
                width=6,
            ),
            Panel(
                "Records per batch",
                "Records of one partition applied in one transaction. Batches grow with the load, and throughput with them.",
                "short",
                quantiles("tocsin_batch_records"),
                width=6,
            ),
            Panel(
                "State records",
                "Records that a takeover would read. The number grows with clocks and the channels reported in the last 30 days.",
                "short",
                {"{{stage}} {{kind}}": total("tocsin_state_records", "stage, kind")},
                width=12,
            ),
            Panel(
                "State in bytes",
                "Stored size of counts, clocks and remembered duplicates. They take about the same in memory.",
                "bytes",
                {"{{stage}} {{kind}}": total("tocsin_state_bytes", "stage, kind")},
                width=12,
            ),
        ),
    ),
    (
        "Version and rules in force",
        (
            Panel(
                "Version",
                "Different versions at the same time are normal during a deployment only.",
                "none",
                {"version": total("tocsin_build_info", "version")},
                "table",
            ),
            Panel(
                "Policies",
                "Workers with different hashes decide differently.",
                "none",
                {"policy": total("tocsin_policy_info", "policy, mode, content_hash")},
                "table",
            ),
            Panel(
                "Registry",
                "Hashes as published on every output.",
                "none",
                {"registry": total("tocsin_registry_info", "policy_version, registry_version")},
                "table",
            ),
        ),
    ),
)
