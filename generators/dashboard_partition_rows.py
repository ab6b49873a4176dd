"""The rows about partitions: how far each is, who owns it, and what it keeps."""

from generators.dashboard_queries import Panel, Row, quantiles, rate, series, total

PARTITIONS: tuple[Row, ...] = (
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
                "Behind while the fleet catches up",
                "Workers read all partitions side by side in the time of reports. Partitions that are given "
                "up on were waited for too long.",
                "s",
                {
                    "{{partition}}": f"max by (partition) ({series('tocsin_frontier_behind_seconds')})",
                    "{{partition}} given up": f"max by (partition) ({series('tocsin_partition_given_up')})",
                },
            ),
            Panel(
                "Sources that wait for others",
                "Only while a source of the fleet is more than a minute behind.",
                "short",
                {
                    "{{topic}}": f"sum by (topic) ({series('tocsin_sources_held')})",
                    "partitions not waited for": f"max({series('tocsin_partitions_not_waited_for')})",
                },
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
                "Counts, episodes and clocks follow this time. An idle partition with nothing due may fall "
                "behind.",
                "s",
                {
                    "{{stage}} {{partition}}": "time() - max by (stage, partition) "
                    f"({series('tocsin_partition_timestamp_seconds')})"
                },
            ),
            Panel(
                "Brokers' clocks ahead of the workers'",
                "Negative: behind. A worker stops when a record was appended five minutes after its own "
                "clock.",
                "s",
                {
                    "{{instance}} {{stage}} {{partition}}": "max by (instance, stage, partition) "
                    f"({series('tocsin_clock_difference_seconds')})"
                },
            ),
            Panel(
                "Rules in force",
                "How many partitions are judged by which set of rules. During a change it is two for seconds.",
                "short",
                {
                    "{{rules}}": f"count by (rules) ({series('tocsin_rules_in_force')})",
                    "{{rules}} not ready": f"max by (rules) ({series('tocsin_rules_not_ready')})",
                },
            ),
            Panel(
                "Rules proposed",
                "How long the oldest proposal waits for its approval, and how many workers have files that "
                "differ from the rules in force.",
                "s",
                {
                    "oldest proposal": f"time() - max({series('tocsin_rules_proposed_timestamp_seconds')})",
                    "workers with other files": f"sum({series('tocsin_rules_in_force_differ_from_files')})",
                },
            ),
            Panel(
                "Rules on trial",
                "Channels that a set on trial and the rules in force have escalated, by level; the share of "
                "channels that the set judges, and how many thousand reports each has judged. *halted*: "
                "hours since a set was halted about which nobody has decided.",
                "short",
                {
                    "{{policy}} {{level}} {{by}}": "max by (policy, level, by) "
                    f"({series('tocsin_rules_trial_episodes')})",
                    "{{rules}} share": f"max by (rules) ({series('tocsin_rules_trial_share')})",
                    "reports {{by}}": f"max by (by) ({series('tocsin_rules_trial_reports')}) / 1000",
                    "{{rules}} halted": "(time() - max by (rules) "
                    f"({series('tocsin_rules_halted_timestamp_seconds')})) / 3600",
                },
            ),
            Panel(
                "Corrections of partition time",
                "Set by an operator with `tocsin state set-time`.",
                "short",
                {
                    "{{result}}": "sum by (result) "
                    f"(increase({series('tocsin_time_corrections_total')}[$__rate_interval]))"
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
                "Mean durations. Nothing is applied during a rebalance. A takeover fences the previous owner "
                "and restores the state.",
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
                "Ids remembered",
                "How far back a repeat is recognised, in the partition that remembers least: a day, unless more "
                "records arrive than may be remembered. Nothing is shown until an id is forgotten.",
                "s",
                {"{{stage}}": f"min by (stage) ({series('tocsin_duplicates_known_seconds')})"},
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
                "How late a timer of one second fired in the worker's event loop. Above 1 s something blocks "
                "the loop.",
                "s",
                quantiles("tocsin_loop_delay_seconds"),
                width=6,
            ),
            Panel(
                "Records per batch",
                "Records of one partition applied in one transaction. Batches grow with the load, and "
                "throughput with them.",
                "short",
                quantiles("tocsin_batch_records"),
                width=6,
            ),
            Panel(
                "State records",
                "Records that a takeover would read. The number grows with clocks and the channels reported "
                "in the last 30 days.",
                "short",
                {"{{stage}} {{kind}}": total("tocsin_state_records", "stage, kind")},
                width=12,
            ),
            Panel(
                "State in bytes",
                "Stored size of what a takeover reads.",
                "bytes",
                {"{{stage}} {{kind}}": total("tocsin_state_bytes", "stage, kind")},
                width=12,
            ),
            Panel(
                "State in memory",
                "About what the state takes in the memory of the workers, by kind.",
                "bytes",
                {"{{stage}} {{kind}}": total("tocsin_state_memory_bytes", "stage, kind")},
                width=12,
            ),
            Panel(
                "State in its budget",
                "How much of the memory that the state of a worker may take it does take. Above 65% for a quarter "
                "of an hour TocsinStateNearMemoryLimit fires; from 100% on nothing new is taken.",
                "percentunit",
                {
                    "{{instance}}": f"{total('tocsin_state_memory_bytes', 'instance')} / "
                    f"{total('tocsin_state_budget_bytes', 'instance')}"
                },
                width=12,
            ),
            Panel(
                "Partitions without room",
                "They take no reporters, channels and messages that are not known, because the state of their "
                "worker has reached its budget.",
                "short",
                {"{{stage}} on {{instance}}": total("tocsin_partition_without_room", "stage, instance")},
                width=12,
            ),
            Panel(
                "Spans",
                "With TOCSIN_TRACING=on. All but `sent` are lost: the receiver is down, or slower than the "
                "worker.",
                "short",
                {"{{fate}}": rate("tocsin_spans_total", "fate")},
                width=12,
            ),
        ),
    ),
)
