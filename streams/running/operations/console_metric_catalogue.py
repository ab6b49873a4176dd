"""Every metric of a console: name, kind, labels and meaning. No label names a person or a case."""

from streams.running.operations.metric import ANSWER, Metric

_CONSOLE = "Console"
CONSOLE_READY = Metric(
    _CONSOLE,
    "tocsin_console_ready",
    "gauge",
    "1 once the console has read everything that was there at its start, otherwise 0.",
)
CONSOLE_BEHIND = Metric(
    _CONSOLE,
    "tocsin_console_records_behind",
    "gauge",
    "Records of the topics that the console has still to read, as of its last fetches.",
)
CONSOLE_RECORDS = Metric(
    _CONSOLE, "tocsin_console_records_total", "counter", "Records read into the console's database."
)
CONSOLE_UNREADABLE = Metric(
    _CONSOLE,
    "tocsin_console_unreadable_records_total",
    "counter",
    "Records that are no valid events and were skipped.",
)
CONSOLE_ACTS = Metric(
    _CONSOLE,
    "tocsin_console_acts_total",
    "counter",
    "What people did with cases and clocks on this console, by what became of it.",
    ("effect",),
)
CONSOLE_MISSING_OUTCOMES = Metric(
    _CONSOLE,
    "tocsin_console_decisions_without_outcome",
    "gauge",
    "Decisions of the last seven days from which something follows that no console has written, as of the "
    "last ten seconds.",
)
CONSOLE_OPEN_PAGES = Metric(
    _CONSOLE, "tocsin_console_open_pages", "gauge", "Pages that are open and told what changes."
)
CONSOLE_ANSWER = Metric(
    _CONSOLE,
    "tocsin_console_answer_seconds",
    "histogram",
    "From a request to its answer, without the streams that tell open pages what changes.",
    buckets=ANSWER,
)

CONSOLE_RULES_DIFFER = Metric(
    _CONSOLE,
    "tocsin_console_rules_differ_from_files",
    "gauge",
    "1 if a set of rules is in force and the files of this console say otherwise.",
)
CONSOLE_RULES_NOT_READY = Metric(
    _CONSOLE,
    "tocsin_console_rules_not_ready",
    "gauge",
    "1 for a set in force or proposed that this console cannot use, or still makes ready.",
    ("rules",),
)

CONSOLE_CATALOGUE: tuple[Metric, ...] = tuple(
    value for value in globals().values() if isinstance(value, Metric)
)
