"""The rows of the dashboard about what was decided: reporters, policies and law."""

from generators.dashboard_queries import Panel, Row, quantiles, rate, series, total


def _checks(result: str) -> str:
    return rate("tocsin_desk_checks_total", more=f', result="{result}"')


REPORTERS: Row = (
    "Reporters",
    (
        Panel(
            "Stamped reports",
            "Reports that the stage of reporters has sent to their channel, by the class of their reporter, "
            "and those beyond the limit of the day, which have no weight.",
            "reqps",
            {
                "{{trust}}": rate("tocsin_reports_stamped_total", "trust"),
                "over the limit": rate("tocsin_reports_over_limit_total"),
            },
        ),
        Panel(
            "Credits",
            "Changes of an outcome that reached a reporter. None for days means that desks send no outcomes, "
            "so trust stays as it is.",
            "reqps",
            {"{{effect}}": rate("tocsin_reporter_credits_total", "effect")},
        ),
        Panel(
            "Integrity cases",
            "Cases for people: reporters in very many channels, misuse of reporting, suspected brigades.",
            "reqps",
            {"{{case}}": rate("tocsin_integrity_cases_total", "case")},
        ),
        Panel(
            "Questions to desks",
            "Whether reports of a crowd are right, before it raises an escalation above review: asked, "
            "answered, overdue.",
            "reqps",
            {"{{step}}": rate("tocsin_review_questions_total", "step")},
        ),
        Panel(
            "Beyond budgets",
            "Episodes of policies whose budget for the hour was spent: what waits, and what never does.",
            "reqps",
            {"{{policy}} {{effect}}": rate("tocsin_episodes_beyond_budget_total", "policy, effect")},
        ),
        Panel(
            "Random sample",
            "Messages drawn among those that no policy raised: drawn, raised after all, shown to desks.",
            "reqps",
            {"{{step}}": rate("tocsin_samples_total", "step")},
        ),
        Panel(
            "Answers to questions",
            "How long desks take to decide about what they were asked. The target is `ask.within` in the file of "
            "policies.",
            "s",
            quantiles("tocsin_review_answer_seconds"),
        ),
        Panel(
            "Outcomes",
            "Decisions of desks applied. Without them trust stays as it is, and brigades are recognised by "
            "less.",
            "reqps",
            {"applied": rate("tocsin_moderation_outcomes_total")},
        ),
        Panel(
            "Do desks agree?",
            "Decisions that a second person took too and decided otherwise, and wrong ones among cases with a "
            "known answer. Where three in ten decisions are wrong, trust hardly tells who is right "
            "(docs/trust-measured.md).",
            "percentunit",
            {
                name: f"{_checks(bad)} / ({_checks(bad)} + {_checks(good)})"
                for name, bad, good in (
                    ("disputed", "disputed", "agreed"),
                    ("known answer missed", "golden_wrong", "golden_right"),
                )
            },
        ),
        Panel(
            "Standing of reporters",
            "Decisions of people about reporters: warnings, pauses and ends of both; and the channels out of "
            "whose windows a pause took weight.",
            "reqps",
            {
                "{{decision}}": rate("tocsin_reporter_standing_total", "decision"),
                "channels": rate("tocsin_weight_taken_out_total"),
            },
        ),
        Panel(
            "Reports without weight",
            "Reports of paused reporters, and of versions of messages that two reviewers approved.",
            "reqps",
            {"{{why}}": rate("tocsin_reports_without_weight_total", "why")},
        ),
        Panel(
            "Share of linked reports",
            "Linked reports among stamped ones, and those that counted as if they were not linked, beyond "
            "the guard-rail of the day.",
            "percentunit",
            {
                name: f"{rate(metric)} / {rate('tocsin_reports_stamped_total')}"
                for name, metric in (
                    ("linked", "tocsin_reports_linked_total"),
                    ("without effect", "tocsin_links_without_effect_total"),
                )
            },
        ),
    ),
)

DETECTORS: Row = (
    "Detectors and hash lists",
    (
        Panel(
            "Findings",
            "Stamped reports of detectors and lists, and those of sources that are held because they left "
            "their band. No metric names a source: a case on `integrity-cases` does.",
            "reqps",
            {
                "all": rate("tocsin_detector_reports_total"),
                "held": rate("tocsin_findings_held_total"),
            },
        ),
        Panel(
            "Dismissed findings",
            "The share of findings that were dismissed or manifestly unfounded, by what the source is known.",
            "percentunit",
            {
                "{{source}}": rate("tocsin_detector_feedback_total", "source", ', decision!="upheld"')
                + " / "
                + rate("tocsin_detector_feedback_total", "source")
            },
        ),
        Panel(
            "Left their band",
            "How often a source was held, why, and how often that ended.",
            "reqps",
            {
                "{{why}}": rate("tocsin_detectors_held_total", "why"),
                "ended": rate("tocsin_detectors_released_total"),
            },
        ),
        Panel(
            "Trust of detectors",
            "Mean trust in the reports of detectors, 0 to 1. It falls when desks dismiss what they find.",
            "short",
            {"mean": f"{rate('tocsin_detector_trust_total')} / {rate('tocsin_detector_reports_total')}"},
        ),
    ),
)

DECISIONS: Row = (
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
            "Events of live policies, which desks receive.",
            "reqps",
            {"level {{level}} {{type}}": rate("tocsin_escalations_total", "level, type", ', mode="live"')},
        ),
        Panel(
            "Open episodes",
            "Episodes open now, by policy and level.",
            "short",
            {"{{policy}} {{mode}} {{level}}": total("tocsin_open_episodes", "policy, mode, level")},
        ),
    ),
)

LAW: Row = (
    "Law",
    (
        Panel(
            "Legal clocks",
            "Clocks that no outcome has ended. A lapsed clock stays until an outcome for it arrives on "
            "clock-outcomes.",
            "short",
            {"{{stage}} {{status}}": total("tocsin_clocks", "stage, status")},
        ),
        Panel(
            "Clocks about to lapse",
            "Running clocks with less than a tenth of their time left. Each needs an outcome now.",
            "short",
            {"{{stage}}": total("tocsin_clocks_nearly_due", "stage")},
        ),
        Panel(
            "Clock events",
            "Clocks armed, at half and at nine tenths of their time, lapsed, paused, resumed and ended.",
            "reqps",
            {"{{event}}": rate("tocsin_clock_transitions_total", "event")},
        ),
        Panel(
            "Clocks lapsed by duty",
            "Legal deadlines that passed without an outcome.",
            "short",
            {
                "{{obligation}}": "sum by (obligation) (increase("
                + series("tocsin_clock_transitions_total", ', event="lapsed"')
                + "[$__rate_interval]))"
            },
        ),
        Panel(
            "Outcomes of clocks",
            "Outcomes that desks published. Those for clocks of requests are passed on to the stage that "
            "keeps these clocks.",
            "reqps",
            {"{{outcome}}": rate("tocsin_clock_outcomes_total", "outcome")},
        ),
        Panel(
            "Requests of authorities",
            "Requests by kind and decision. An incomplete request lacks elements that the law requires.",
            "reqps",
            {"{{kind}} {{decision}}": rate("tocsin_authority_requests_total", "kind, decision")},
        ),
        Panel(
            "Refusals",
            "Demands that are never met, and political demands of closed jurisdictions.",
            "short",
            {"{{code}}": f"sum by (code) (increase({series('tocsin_refusals_total')}[$__rate_interval]))"},
        ),
    ),
)

CHANGES_OF_LAW: Row = (
    "Changes of law",
    (
        Panel(
            "Duties that begin or end",
            "Time until the first day on which a duty applies, or no longer does. Empty if no change is "
            "ahead.",
            "s",
            {
                "{{obligation}} {{change}}": "min by (obligation, change) ("
                + series("tocsin_law_change_timestamp_seconds")
                + ") - time()"
            },
            "table",
        ),
        Panel(
            "Rows overdue for review",
            "Rows of law that somebody should have checked again. tocsin registry check lists them.",
            "short",
            {"{{row}}": f"max by (row) ({series('tocsin_law_rows_overdue')})"},
        ),
        Panel(
            "Due in the law",
            "Time until the next review, commencement, day in the life of a law, and end of a holiday calendar. "
            "Negative once the day has passed. tocsin registry due lists all of them.",
            "s",
            {"{{due}}": f"min by (due) ({series('tocsin_law_due_timestamp_seconds')}) - time()"},
            "table",
        ),
        Panel(
            "Unsigned rows that start clocks",
            "Duties in force whose clock can start although nobody of this platform has signed the row.",
            "short",
            {"rows": f"max ({series('tocsin_law_rows_unsigned')})"},
        ),
    ),
)
