"""The rows of the overview: whether all is well, how much comes in, and how long it takes."""

from generators.dashboard_adapter_row import ADAPTERS
from generators.dashboard_console_row import CONSOLE
from generators.dashboard_intake_row import INTAKE
from generators.dashboard_queries import Panel, Row, quantiles, rate, series, stat, total

_VERDICTS = (
    f"({rate('tocsin_dead_letters_total')} + {rate('tocsin_reports_applied_total')}"
    f" + {rate('tocsin_reports_duplicate_total')})"
)

OVERVIEW: tuple[Row, ...] = (
    (
        "Deadlines",
        (
            stat(
                "Clocks overdue",
                "Legal clocks that lapsed and that no outcome has ended.",
                "short",
                total("tocsin_clocks", more=', status="lapsed"'),
                width=6,
            ),
            stat(
                "Clocks nearly due",
                "Running legal clocks with less than a tenth of their time left.",
                "short",
                total("tocsin_clocks_nearly_due"),
                width=6,
            ),
            stat(
                "Clocks running",
                "Legal clocks that run, those of requests of authorities too. `tocsin clocks` lists them.",
                "short",
                total("tocsin_clocks", more=', status="running"'),
                width=6,
            ),
            stat(
                "Clocks paused",
                "Legal clocks that wait, such as for what an authority's request lacks.",
                "short",
                total("tocsin_clocks", more=', status="paused"'),
                width=6,
            ),
        ),
    ),
    (
        "Alerts",
        (
            Panel(
                "Firing alerts",
                "Empty if no alert fires. `docs/runbooks/` has a page with the name of each. Alerts about a whole "
                "deployment have no instance.",
                "none",
                # By no instance: many alerts have none.
                {"alerts": 'sort(ALERTS{job=~"$job", alertstate="firing"})'},
                "table",
                width=24,
                columns=(
                    "alertname",
                    "severity",
                    "owner",
                    "instance",
                    "stage",
                    "partition",
                    "topic",
                    "obligation",
                ),
            ),
        ),
    ),
    (
        "Health",
        (
            stat("Workers up", "Workers that answer a scrape.", "short", total("up", more=', job="tocsin"')),
            stat("Workers ready", "Workers whose /readyz answers 200.", "short", total("tocsin_ready")),
            stat(
                "Partitions owned",
                "Must be three times the partition count of message-reports, because each of the three "
                "stages owns every partition. Fewer is normal during a rebalance only.",
                "short",
                total("tocsin_partitions_owned"),
            ),
            stat(
                "Partitions without an owner",
                "Whose reports nobody applies. Some seconds are normal during a rebalance.",
                "short",
                f"sum (max by (stage) ({series('tocsin_partitions')})) - {total('tocsin_partitions_owned')}",
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
        ),
    ),
    (
        "Traffic",
        (
            Panel(
                "Records by topic",
                "Records of the source topics applied and committed. A report with a reporter's ref also "
                "counts on reporters-internal and message-reports-internal, through which it goes.",
                "reqps",
                {"{{topic}}": rate("tocsin_records_total", "topic")},
            ),
            Panel(
                "Reports by result",
                "A re-keyed report is applied in its home partition later. Those re-keyed and passed on "
                "include those that the native core read.",
                "reqps",
                {
                    "applied": rate("tocsin_reports_applied_total"),
                    "duplicate": rate("tocsin_reports_duplicate_total"),
                    "re-keyed": rate("tocsin_reports_rekeyed_total"),
                    "read natively, {{place}}": rate("tocsin_reports_read_natively_total", "place"),
                    "passed on to reporters": rate("tocsin_reports_passed_to_reporters_total"),
                },
            ),
            Panel(
                "Late reports",
                "Those not counted are published: no ring held them any more, or they may be repeats and are "
                "older than twelve hours. Those judged out of window are counted, and came too late for a "
                "window of their own time. Of those that may be repeats ids are forgotten.",
                "reqps",
                {
                    "not counted": rate("tocsin_reports_late_total"),
                    "judged out of window": rate("tocsin_reports_judged_out_of_window_total"),
                    "may be repeats": rate("tocsin_reports_possible_repeat_total"),
                },
            ),
            Panel(
                "Ticks",
                "Ticks advance the time of idle partitions. A tick is ignored if a report has already moved "
                "the time further.",
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
                "Records committed within 30 seconds",
                "Share of records committed within 30 seconds of their append. The objective is 99.9 % "
                "within 28 days; docs/operations-design.md argues it.",
                "percentunit",
                {
                    "share": rate("tocsin_append_to_commit_seconds_bucket", more=', le="30.0"')
                    + " / "
                    + rate("tocsin_append_to_commit_seconds_count")
                },
                width=12,
            ),
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
                "From occurred_at of an applied report to the commit of its outputs, including delays on "
                "phones and at publishers.",
                "s",
                quantiles("tocsin_event_to_commit_seconds"),
                width=12,
            ),
            Panel(
                "Transactions",
                "From the first byte sent of a batch's outputs to their commit: mostly the brokers' time. A "
                "transaction fails at 20 s.",
                "s",
                quantiles("tocsin_transaction_duration_seconds"),
                width=12,
            ),
        ),
    ),
    CONSOLE,
    ADAPTERS,
    INTAKE,
    (
        "Version and rules in force",
        (
            Panel(
                "Version",
                "Different versions at the same time are normal during a deployment only.",
                "none",
                {"version": total("tocsin_build_info", "version")},
                "table",
                width=4,
            ),
            Panel(
                "Core",
                "Workers by what applies reports; `/status` of a worker says why.",
                "none",
                {"core": total("tocsin_core_info", "core")},
                "table",
                width=4,
            ),
            Panel(
                "Policies",
                "Workers with different hashes decide differently.",
                "none",
                {"policy": total("tocsin_policy_info", "policy, mode, content_hash")},
                "table",
            ),
            Panel(
                "Versions and rules",
                "Workers with each version, set of rules and limits, and those that are kept out of their group.",
                "none",
                {
                    "terms": total("tocsin_terms_info", "version, rules_id, limits_id"),
                    "kept out": f"sum by (instance) ({series('tocsin_kept_out')} == 1)",
                },
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
