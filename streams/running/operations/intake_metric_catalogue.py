"""Every metric of the intake: name, kind, labels and meaning.

No label names a channel, a person or a case.
"""

from streams.running.operations.metric import ANSWER, Metric

_INTAKE = "Intake"
INTAKE_READY = Metric(
    _INTAKE, "tocsin_intake_ready", "gauge", "1 while Kafka confirms what the intake publishes, otherwise 0."
)
INTAKE_REPORTS = Metric(
    _INTAKE,
    "tocsin_intake_reports_total",
    "counter",
    "Reports that arrived, by the name of their source in the intake's file and by what became of them.",
    ("sender", "fate"),
)
INTAKE_REQUESTS = Metric(
    _INTAKE,
    "tocsin_intake_requests_total",
    "counter",
    "Requests that were answered, by HTTP status.",
    ("status",),
)
INTAKE_ANSWER = Metric(
    _INTAKE,
    "tocsin_intake_answer_seconds",
    "histogram",
    "Time from a request's last byte to its answer: for reports that are taken, to Kafka's confirmation.",
    buckets=ANSWER,
)
INTAKE_UNANSWERED = Metric(
    _INTAKE,
    "tocsin_intake_unanswered_seconds",
    "gauge",
    "How long a system that is asked has not answered; 0 if it did when last asked.",
    ("sender", "address"),
)
INTAKE_ASKED = Metric(
    _INTAKE,
    "tocsin_intake_asked_total",
    "counter",
    "Times that a system was asked.",
    ("sender", "address", "answer"),
)

INTAKE_CATALOGUE: tuple[Metric, ...] = tuple(
    value for value in globals().values() if isinstance(value, Metric)
)
