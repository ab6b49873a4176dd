"""The row of the dashboard about adapters."""

from generators.dashboard_queries import Panel, Row, quantiles, rate, total

ADAPTERS: Row = (
    "Adapters",
    (
        Panel(
            "Adapter: age of the oldest event",
            "Of events that were read and not delivered. It rises while a receiver is away, and nothing is "
            "lost.",
            "s",
            {
                "{{instance}}": total("tocsin_adapter_lag_seconds", "instance"),
                "decisions asked: {{instance}}": total("tocsin_adapter_decisions_asked_seconds", "instance"),
                "not ready: {{instance}}": f"1 - {total('tocsin_adapter_ready', 'instance')}",
            },
        ),
        Panel(
            "Adapter: events waiting",
            "Read and not delivered. At most 200; the others wait in Kafka.",
            "short",
            {"{{instance}}": total("tocsin_adapter_waiting", "instance")},
        ),
        Panel(
            "Adapter: deliveries",
            "Events that the receiver took, attempts that failed, and events that were set aside.",
            "reqps",
            {
                "{{topic}}": rate("tocsin_adapter_delivered_total", "topic"),
                "tried again: {{failure}}": rate("tocsin_adapter_retried_total", "failure"),
                "set aside: {{failure}}": rate("tocsin_adapter_set_aside_total", "failure"),
            },
        ),
        Panel(
            "Adapter: time of an attempt",
            "From a request to the receiver's answer, or to the failure.",
            "s",
            quantiles("tocsin_adapter_delivery_seconds"),
        ),
        Panel(
            "Adapter: decisions",
            "Decisions of desks elsewhere that became outcomes, and those that did not, by reason.",
            "reqps",
            {
                "{{decision}}": rate("tocsin_adapter_outcomes_total", "decision"),
                "left out: {{why}}": rate("tocsin_adapter_decisions_left_out_total", "why"),
            },
        ),
        Panel(
            "Adapter: rules",
            "Sets of rules that it cannot use or is still trying, and whether its files differ from the rules "
            "in force.",
            "short",
            {
                "{{rules}} not ready": total("tocsin_adapter_rules_not_ready", "rules"),
                "other files: {{instance}}": total("tocsin_adapter_rules_differ_from_files", "instance"),
            },
        ),
    ),
)
