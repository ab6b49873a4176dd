"""The page of one case."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, get_args

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from streams.contract.events.case_activity import ActivityKind, ProposedOutcome
from streams.contract.events.moderation_outcome import (
    AccountAction,
    LawGround,
    OutcomeDecision,
    VisibilityAction,
)
from streams.contract.wire.forms.moderation_outcome_decoding import REASONS
from streams.contract.wire.times import moment_ms
from streams.desk.console.casework.permissions import may_act, may_end_clock, may_see_rules, needs_two
from streams.desk.console.casework.todays_rules import Today, evidence, todays_verdict
from streams.desk.console.read_model.case_query import KnownCase, known_case
from streams.desk.console.read_model.questions import questions_of
from streams.desk.console.web.cases.by_part import OfPart, by_part, part_name
from streams.desk.console.web.cases.chart import charts
from streams.desk.console.web.cases.used_terms import terms_shown
from streams.desk.console.web.clock_lines import Duties
from streams.desk.console.web.context import console_of, note_position, page, person_of
from streams.desk.console.web.decided import work_shown
from streams.desk.console.web.rules.judged_by import JudgedBy, judged_by
from streams.desk.console.web.timeline import timeline
from streams.desk.text.case_facts import case_facts, messages_of
from streams.desk.text.case_sentence import case_sentence
from streams.desk.text.crowd_text import SIGNALS
from streams.desk.text.reason_choice import fitting_categories, reason_choice
from streams.desk.text.record_text import likely_countries
from streams.desk.text.story import story
from streams.running.clients.rules_in_force import RulesInForce, Versions


class RulesOfPart(NamedTuple):
    """A part of a case by its name, by which rules it came about, and what today's would do."""

    name: str
    judged_by: JudgedBy
    today: Today


def case(request: Request) -> Response:
    """The page of a case. Raises HTTPException if there is none, or the person may not see it."""
    return case_page(request, case_of(request))


def case_of(request: Request) -> KnownCase:
    """The case that the path names. Raises HTTPException as `case` does."""
    note_position(request)
    reader = console_of(request).database.reader()
    found = known_case(reader, request.path_params["case"], person_of(request))
    if found is None:
        # The same words for both: whether a case exists is not for everybody to know.
        raise HTTPException(404, "There is no such case, or it is not yours to see.")
    return found


def case_page(
    request: Request,
    known: KnownCase,
    said: str | None = None,
    status_code: int = 200,
    typed: Mapping[str, Any] | None = None,
) -> Response:
    """The page of a case. `said` is what to tell the reader first, such as why an act did not count.

    `typed` fills the form as it was sent.
    """
    person, newest = person_of(request), known.newest
    work, vocabulary = known.work, console_of(request).vocabulary
    reader = console_of(request).database.reader()
    facts = case_facts(known.events)
    sentence = case_sentence(facts)
    rules = vocabulary.categories.get(newest.category)
    context: dict[str, Any] = {
        "nav": "desk",
        "newest": newest,
        # The desk's row has none of a case that ended by itself.
        "nearest": next(
            (each for each in known.clocks if each.is_open and each.view.status != "paused"), None
        ),
        **work_shown(known, vocabulary, said, status_code, typed),
        # What clocks say is among the clocks; a case of clocks alone has one story.
        "story": "\n\n".join(story(each.events) for each in (known, *_other_policies(known))),
        "sentence": sentence,
        "about_account": facts.about_account,
        "messages": list(dict.fromkeys(ref for each in known.members for ref in messages_of(each.events))),
        "charts": [
            OfPart(part_name(each.newest, vocabulary.duties), drawn)
            for each in known.members
            if (drawn := charts(each.events))
        ],
        "law": by_part(known, vocabulary.duties, lambda event: event.obligations),
        "gates": by_part(known, vocabulary.duties, lambda event: (event.rule_of_law,)),
        "routing": by_part(known, vocabulary.duties, lambda event: event.routing),
        "questions": [
            asked for each in known.members for asked in questions_of(reader, each.newest.escalation_id)
        ],
        "timeline": timeline(known, vocabulary),
        "judged": _judged(known, console_of(request).rules, vocabulary.duties),
        "sees_rules": may_see_rules(person),
        "may": {kind: may_act(person, kind, newest.category) for kind in get_args(ActivityKind)},
        "two_for": [
            each
            for each in get_args(OutcomeDecision)
            if any(needs_two(member.events, each) for member in known.members)
        ],
        "decisions": get_args(OutcomeDecision),
        "reasons": REASONS,
        "reason_choice": None if rules is None else reason_choice(rules),
        "fitting": fitting_categories(vocabulary.categories.values()),
        "terms": terms_shown(request),
        "visibility": get_args(VisibilityAction),
        "account": get_args(AccountAction),
        "categories": list(vocabulary.categories),
        "grounds": dict.fromkeys(row.id for each in known.members for row in each.newest.obligations),
        "may_end_clocks": may_end_clock(person, "report", newest.category),
        "signals": SIGNALS,
        "countries": likely_countries(newest.jurisdictions) or [row.code for row in newest.jurisdictions],
    }
    if typed is None and work.decision is not None:
        context["typed"] = _taken_back(work.decision.outcome)
    return page(request, "case.html", context, status_code)


def _judged(known: KnownCase, rules: RulesInForce, duties: Duties) -> Sequence[RulesOfPart]:
    """By which rules each part came about, and what today's would do."""
    found = []
    for each in known.members:
        shown = evidence(each.events)
        versions = Versions(shown.policy_version, shown.registry_version)
        by = judged_by(rules, versions, moment_ms(shown.at))
        then = rules.of(by.rule_set) if by.known else None
        today = todays_verdict(shown, rules.now, then)
        found.append(RulesOfPart(part_name(shown, duties), by, today))
    return found


def _other_policies(known: KnownCase) -> Sequence[KnownCase]:
    return [each for each in known.others if each.newest.clock is None]


def _taken_back(outcome: ProposedOutcome) -> dict[str, str]:
    """The form of a decision that replaces `outcome` by its opposite, with the same category and rule."""
    ground = outcome.ground
    return {
        "decision": "dismissed" if outcome.decision == "upheld" else "upheld",
        "category": outcome.category,
        **(
            {"duty": ground.duty, "country": ground.jurisdiction}
            if isinstance(ground, LawGround)
            else {"rule": ground.rule}
        ),
    }
