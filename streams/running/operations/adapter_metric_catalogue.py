"""Every metric of an adapter: name, kind, labels and meaning.

No label names a channel, a person or a case.
"""

from streams.running.operations.metric import ANSWER, Metric

_ADAPTERS = "Adapters"
ADAPTER_READY = Metric(
    _ADAPTERS,
    "tocsin_adapter_ready",
    "gauge",
    "1 once the adapter has partitions to read, or has nothing to read, otherwise 0.",
)
ADAPTER_LAG = Metric(
    _ADAPTERS,
    "tocsin_adapter_lag_seconds",
    "gauge",
    "Age of the oldest event that the adapter has read and not delivered or set aside, 0 if there is none.",
)
ADAPTER_WAITING = Metric(
    _ADAPTERS, "tocsin_adapter_waiting", "gauge", "Events read and not yet delivered or set aside."
)
ADAPTER_DELIVERED = Metric(
    _ADAPTERS,
    "tocsin_adapter_delivered_total",
    "counter",
    "Events that the receiver took, by topic.",
    ("topic",),
)
ADAPTER_RETRIED = Metric(
    _ADAPTERS,
    "tocsin_adapter_retried_total",
    "counter",
    "Attempts that failed and are tried again.",
    ("failure",),
)
ADAPTER_SET_ASIDE = Metric(
    _ADAPTERS,
    "tocsin_adapter_set_aside_total",
    "counter",
    "Events that the receiver does not take although it takes others, written to deliveries-set-aside.",
    ("failure",),
)
ADAPTER_OUTCOMES = Metric(
    _ADAPTERS,
    "tocsin_adapter_outcomes_total",
    "counter",
    "Decisions of the desk that the adapter published as outcomes.",
    ("decision",),
)
ADAPTER_LEFT_OUT = Metric(
    _ADAPTERS,
    "tocsin_adapter_decisions_left_out_total",
    "counter",
    "Decisions of the desk that are no outcomes.",
    ("why",),
)
ADAPTER_ASKED = Metric(
    _ADAPTERS,
    "tocsin_adapter_decisions_asked_seconds",
    "gauge",
    "Time since the desk last answered which decisions there are. Absent if decisions are not asked for.",
)
ADAPTER_DELIVERY = Metric(
    _ADAPTERS,
    "tocsin_adapter_delivery_seconds",
    "histogram",
    "Time of one attempt, from the request to the answer or the failure.",
    buckets=ANSWER,
)

ADAPTER_RULES_DIFFER = Metric(
    _ADAPTERS,
    "tocsin_adapter_rules_differ_from_files",
    "gauge",
    "1 if the set of rules in force has other categories than the adapter's file. Absent for the webhook.",
)
ADAPTER_RULES_NOT_READY = Metric(
    _ADAPTERS,
    "tocsin_adapter_rules_not_ready",
    "gauge",
    "1 for a set of rules in force that the adapter cannot use, or is still making ready.",
    ("rules",),
)

ADAPTER_CATALOGUE: tuple[Metric, ...] = tuple(
    value for value in globals().values() if isinstance(value, Metric)
)
