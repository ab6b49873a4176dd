"""The rows about what could not be read or applied."""

from generators.dashboard_queries import Panel, Row, rate, series

DEAD_LETTERS: tuple[Row, ...] = (
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
                "Refused reports by publisher",
                "By ce_source, of publishers that the sources file lists; all others are `other`.",
                "reqps",
                {"{{publisher}}": rate("tocsin_refused_reports_total", "publisher")},
            ),
            Panel(
                "Bad records among the last 1,000",
                "Dead letters among the last 1,000 records of a partition. Above 500 the dead letter breaker "
                "trips.",
                "short",
                {
                    "{{stage}} {{partition}}": "max by (stage, partition) "
                    f"({series('tocsin_recent_dead_letters')})"
                },
            ),
            Panel(
                "Sources at rest",
                "Slowed by the dead letter breaker, or paused by operators with `tocsin source`.",
                "short",
                {
                    "{{stage}} {{topic}} {{partition}} {{why}}": "max by (stage, topic, partition, why) "
                    f"({series('tocsin_source_resting')})"
                },
            ),
            Panel(
                "Partitions set aside",
                "Their records cannot be applied, or they wait for a destination; the log and `/status` name "
                "them. They are tried again every few minutes, or when the destination takes records again.",
                "short",
                {
                    "{{stage}} {{partition}} {{why}}": "max by (stage, partition, why) "
                    f"({series('tocsin_partition_set_aside')})"
                },
            ),
            Panel(
                "Destinations in trouble",
                "Partitions of topics to which a worker cannot write. Who writes there is set aside until it "
                "is over.",
                "short",
                {
                    "{{topic}} {{partition}} {{reason}}": "max by (topic, partition, reason) "
                    f"({series('tocsin_destination_in_trouble')})"
                },
            ),
            Panel(
                "Transactions that failed",
                "The worker stops after one, so its last value is rarely scraped. Check restarts as well.",
                "short",
                {
                    "{{cause}}": "sum by (cause) "
                    f"(increase({series('tocsin_transactions_failed_total')}[$__rate_interval]))"
                },
            ),
        ),
    ),
)
