"""The row of the dashboard about the intake."""

from generators.dashboard_queries import Panel, Row, quantiles, rate, series, total

INTAKE: Row = (
    "Intake",
    (
        Panel(
            "Intake: reports",
            "By what became of them. Refused ones are named to their sender, and those over the quota are to be sent "
            "again.",
            "reqps",
            {
                "{{fate}}: {{sender}}": rate("tocsin_intake_reports_total", "fate, sender"),
                "not ready: {{instance}}": f"1 - {total('tocsin_intake_ready', 'instance')}",
            },
        ),
        Panel(
            "Intake: answers",
            "By HTTP status. 401 is a stranger, or a sender with another secret; 503, Kafka that does not confirm.",
            "reqps",
            {"{{status}}": rate("tocsin_intake_requests_total", "status")},
        ),
        Panel(
            "Intake: time of an answer",
            "From the last byte of a request to its answer, Kafka's confirmation included.",
            "s",
            quantiles("tocsin_intake_answer_seconds"),
        ),
        Panel(
            "Intake: systems that are asked",
            "How long each has not answered, 0 if it did when it was last asked, new reports or none.",
            "s",
            {
                "{{sender}}: {{address}}": "min by (sender, address) "
                f"({series('tocsin_intake_unanswered_seconds')})",
            },
        ),
        Panel(
            "Intake: what they answered",
            "Refused is a secret that has changed, or a right that was taken away; unavailable, a system that is away.",
            "reqps",
            {"{{answer}}: {{sender}}": rate("tocsin_intake_asked_total", "sender, answer")},
        ),
    ),
)
