"""What the overview shows, row by row: first whether all is well, then why not."""

from streams.operations.generated.dashboard_queries import Panel, quantiles, rate, series, stat, total

_VERDICTS = (
    f"({rate('tocsin_dead_letters_total')} + {rate('tocsin_reports_applied_total')}"
    f" + {rate('tocsin_reports_duplicate_total')})"
)

ROWS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    (
        "Is all well?",
        (
            stat("Workers up", "Workers that answer a scrape.", "short", total("up")),
            stat("Workers ready", "Workers whose /readyz answers 200.", "short", total("tocsin_ready")),
            stat(
                "Partitions owned",
                "Must be twice the partition count of message-reports, once for each stage; fewer for the length of a rebalance only.",
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
                "How long the oldest record that is not applied has been waiting, over all partitions.",
                "s",
                f"max ({series('tocsin_lag_seconds')})",
            ),
            stat(
                "Latency p99",
                "From the append of a record to the commit of what came of it.",
                "s",
                quantiles("tocsin_append_to_commit_seconds")["p99"],
            ),
            stat(
                "Dead letters",
                "Share of dead letters among the records judged: applied, duplicate or dead letter.",
                "percentunit",
                f"{rate('tocsin_dead_letters_total')} / {_VERDICTS}",
            ),
            stat(
                "Open live episodes",
                "Episodes of live policies.",
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
                "Records of the source topics applied and committed. Much on message-reports-internal means that "
                "publishers do not use the partitioner advised.",
                "reqps",
                {"{{topic}}": rate("tocsin_records_total", "topic")},
            ),
            Panel(
                "What became of them",
                "A re-keyed report is applied in its home partition afterwards. Late reports are applied too, but not "
                "counted.",
                "reqps",
                {
                    "applied": rate("tocsin_reports_applied_total"),
                    "duplicate": rate("tocsin_reports_duplicate_total"),
                    "re-keyed": rate("tocsin_reports_rekeyed_total"),
                    "late": rate("tocsin_reports_late_total"),
                },
            ),
            Panel(
                "Ticks",
                "Ticks move the time of idle partitions on. One that a report has overtaken is ignored.",
                "reqps",
                {
                    "written": rate("tocsin_ticks_written_total"),
                    "{{outcome}}": rate("tocsin_ticks_read_total", "outcome"),
                },
            ),
        ),
    ),
    (
        "Latency",
        (
            Panel(
                "Append to commit",
                "From the append of a record to its source topic to the commit of what came of it.",
                "s",
                {"{{le}}": rate("tocsin_append_to_commit_seconds_bucket", "le")},
                "heatmap",
                12,
            ),
            Panel(
                "Append to commit, quantiles",
                "The same as quantiles. p99 belongs below 30 s.",
                "s",
                quantiles("tocsin_append_to_commit_seconds"),
                width=12,
            ),
            Panel(
                "Event to commit",
                "From occurred_at of an applied report to the commit of its outputs: includes what phones and publishers "
                "take.",
                "s",
                quantiles("tocsin_event_to_commit_seconds"),
                width=12,
            ),
            Panel(
                "Transactions",
                "From the first byte sent of a batch's outputs to their commit: the brokers' part. At 20 s it fails.",
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
                "How long the oldest record that is not applied has been waiting, at most.",
                "s",
                {"{{topic}} {{partition}}": f"max by (topic, partition) ({series('tocsin_lag_seconds')})"},
                width=6,
            ),
            Panel(
                "Lag in records",
                "Records that were in the log at the last fetch and are not applied.",
                "short",
                {"{{topic}} {{partition}}": f"max by (topic, partition) ({series('tocsin_lag_records')})"},
                width=6,
            ),
            Panel(
                "Since the last commit",
                "Harmless while nothing waits; with lag it means that the partition stands still.",
                "s",
                {
                    "{{stage}} {{partition}}": "time() - max by (stage, partition) "
                    f"({series('tocsin_last_commit_timestamp_seconds')})"
                },
                width=6,
            ),
            Panel(
                "Partition time behind the clock",
                "Counts, episodes and clocks follow this time. An idle partition with nothing due may stay behind.",
                "s",
                {
                    "{{stage}} {{partition}}": "time() - max by (stage, partition) "
                    f"({series('tocsin_partition_timestamp_seconds')})"
                },
                width=6,
            ),
        ),
    ),
    (
        "Ownership and recovery",
        (
            Panel(
                "Partitions by worker",
                "Partitions taken over and not released, and how many there are of each stage.",
                "short",
                {
                    "{{instance}} {{stage}}": total("tocsin_partitions_owned", "instance, stage"),
                    "there are {{stage}}": f"max by (stage) ({series('tocsin_partitions')})",
                },
                width=6,
            ),
            Panel(
                "Rebalances and restarts",
                "A rolling deployment shows as one restart per worker. More than that is a loop.",
                "short",
                {
                    "rebalances {{instance}}": f"increase({series('tocsin_rebalances_total')}[$__rate_interval])",
                    "restarts {{instance}}": f"changes({series('process_start_time_seconds')}[$__rate_interval])",
                },
                width=6,
            ),
            Panel(
                "Time of a rebalance and of a takeover",
                "Means. Nothing is applied during a rebalance; a takeover is fencing the former owner and restoring.",
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
        "Decisions",
        (
            Panel(
                "Escalations by policy",
                "Escalation events published, live and shadow.",
                "reqps",
                {"{{policy}} {{mode}} {{type}}": rate("tocsin_escalations_total", "policy, mode, type")},
            ),
            Panel(
                "Escalations by level",
                "What desks receive: events of live policies.",
                "reqps",
                {
                    "level {{level}} {{type}}": rate(
                        "tocsin_escalations_total", "level, type", ', mode="live"'
                    )
                },
            ),
            Panel(
                "Open episodes",
                "By policy and level.",
                "short",
                {"{{policy}} {{mode}} {{level}}": total("tocsin_open_episodes", "policy, mode, level")},
            ),
        ),
    ),
    (
        "Law",
        (
            Panel(
                "Legal clocks",
                "Clocks that no outcome has ended. Those that lapsed stay until clock-outcomes says what became of them.",
                "short",
                {"{{stage}} {{status}}": total("tocsin_clocks", "stage, status")},
            ),
            Panel(
                "What happened to clocks",
                "Armed, at half and nine tenths of their time, lapsed, paused, ended.",
                "reqps",
                {"{{event}}": rate("tocsin_clock_transitions_total", "event")},
            ),
            Panel(
                "Clocks lapsed by duty",
                "A deadline of the law passed without an outcome.",
                "short",
                {
                    "{{obligation}}": "sum by (obligation) (increase("
                    + series("tocsin_clock_transitions_total", ', event="lapsed"')
                    + "[$__rate_interval]))"
                },
            ),
            Panel(
                "Outcomes of clocks",
                "What desks say of clocks. Passed on are those of requests, to the stage that keeps their clocks.",
                "reqps",
                {"{{outcome}}": rate("tocsin_clock_outcomes_total", "outcome")},
            ),
            Panel(
                "Requests of authorities",
                "By kind and decision. Incomplete ones lack what the law asks of them.",
                "reqps",
                {"{{kind}} {{decision}}": rate("tocsin_authority_requests_total", "kind, decision")},
            ),
            Panel(
                "Refusals",
                "What is refused whoever asks.",
                "short",
                {
                    "{{code}}": f"sum by (code) (increase({series('tocsin_refusals_total')}[$__rate_interval]))"
                },
            ),
        ),
    ),
    (
        "Dead letters and errors",
        (
            Panel(
                "Dead letters by reason",
                "Records that are not valid. The reasons are explained in schemas/topics/dead-letters.yaml.",
                "reqps",
                {"{{stage}} {{reason}}": rate("tocsin_dead_letters_total", "stage, reason")},
            ),
            Panel(
                "Among a partition's last 1,000 records",
                "Above 500 the worker stops.",
                "short",
                {
                    "{{stage}} {{partition}}": "max by (stage, partition) "
                    f"({series('tocsin_recent_dead_letters')})"
                },
            ),
            Panel(
                "Transactions that failed",
                "The worker stops after one, so its last value is rarely scraped: see restarts too.",
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
                "1 is a whole core, the most that a worker can use.",
                "short",
                {"{{instance}}": rate("process_cpu_seconds_total", "instance")},
                width=6,
            ),
            Panel(
                "Memory",
                "Resident memory.",
                "bytes",
                {"{{instance}}": total("process_resident_memory_bytes", "instance")},
                width=6,
            ),
            Panel(
                "Delay of the loop",
                "How late the worker's loop was for an appointment once a second. Above 1 s something blocks it.",
                "s",
                quantiles("tocsin_loop_delay_seconds"),
                width=6,
            ),
            Panel(
                "Records per batch",
                "Records of one partition applied in one transaction. Grows with the load, and so does throughput.",
                "short",
                quantiles("tocsin_batch_records"),
                width=6,
            ),
            Panel(
                "State records",
                "What a takeover would read. Grows with the channels reported in the last 30 days and with clocks.",
                "short",
                {"{{stage}} {{kind}}": total("tocsin_state_records", "stage, kind")},
                width=12,
            ),
            Panel(
                "State in bytes",
                "Of the counts, the clocks and the remembered duplicates, as it is stored. In memory it is about the same.",
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
                "Different versions at once are normal during a deployment only.",
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
                "Hashes as they stand on every output.",
                "none",
                {"registry": total("tocsin_registry_info", "policy_version, registry_version")},
                "table",
            ),
        ),
    ),
)
