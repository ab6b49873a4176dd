"""The row of the dashboard about consoles."""

from generators.dashboard_queries import Panel, Row, quantiles, rate, total

CONSOLE: Row = (
    "Console",
    (
        Panel(
            "Console: records to read",
            "Records that a console has still to read. After a start with an empty file it falls from the "
            "size of the topics to 0, and then the console is ready.",
            "short",
            {
                "{{instance}}": total("tocsin_console_records_behind", "instance"),
                "not ready: {{instance}}": f"1 - {total('tocsin_console_ready', 'instance')}",
            },
        ),
        Panel(
            "Console: records read",
            "Records read, and those that are no valid events and were skipped.",
            "reqps",
            {
                "read": rate("tocsin_console_records_total"),
                "unreadable": rate("tocsin_console_unreadable_records_total"),
            },
        ),
        Panel(
            "Console: acts",
            "What people did, by what became of it. Refused: somebody else was faster, or it was not "
            "allowed.",
            "reqps",
            {"{{effect}}": rate("tocsin_console_acts_total", "effect")},
        ),
        Panel(
            "Console: answers",
            "From a request to its answer. Acts wait for the brokers.",
            "s",
            quantiles("tocsin_console_answer_seconds"),
        ),
        Panel(
            "Console: open pages",
            "Pages that are told what changes.",
            "short",
            {"{{instance}}": total("tocsin_console_open_pages", "instance")},
        ),
        Panel(
            "Console: decisions without an outcome",
            "Decisions whose outcome is missing on moderation-outcomes. A console writes it within ten "
            "seconds.",
            "short",
            {"decisions": total("tocsin_console_decisions_without_outcome")},
        ),
        Panel(
            "Console: rules",
            "Sets of rules that it cannot use or is still trying, and whether its files differ from the rules "
            "in force.",
            "short",
            {
                "{{rules}} not ready": total("tocsin_console_rules_not_ready", "rules"),
                "other files: {{instance}}": total("tocsin_console_rules_differ_from_files", "instance"),
            },
        ),
    ),
)
