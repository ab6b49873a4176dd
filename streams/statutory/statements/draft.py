"""Drafts a statement of reasons (DSA art. 17 and 24(5)) from what a desk decided.

Tocsin knows neither the content nor the restriction's reasons in words, so a draft is never complete. It
lists what the platform must add, and what to look at before sending.
"""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from streams.contract.events.countries import COUNTRY_ALIASES
from streams.contract.events.escalation import Escalation
from streams.contract.events.moderation_outcome import (
    EscalationSubject,
    LawGround,
    MessageSubject,
    ModerationOutcome,
    OutcomeAction,
    OutcomeSubject,
)
from streams.contract.events.report import Category
from streams.contract.events.statement import Statement as Learned
from streams.contract.wire.ids import stable_id
from streams.registry.category import CategoryRules
from streams.registry.obligation import Obligation
from streams.statutory.statements.rules import check_statement
from streams.statutory.statements.vocabulary import CATEGORY_OF_KEYWORD, EEA_STATES
from streams.statutory.template import OTHER

# Duties whose text forbids the content; others are procedures, such as the duty to decide on notices.
_ACTIONS_AGAINST_CONTENT = ("remove", "geo_disable")


class DecidedContent(msgspec.Struct, frozen=True):
    """An outcome with the `ce_source` of its publisher: together with the channel they identify it."""

    outcome: ModerationOutcome
    ce_source: str

    @property
    def puid(self) -> str:
        """The id of its statement in the database; the same whenever it is drafted again."""
        subject = self.outcome.subject
        return stable_id("statement-of-reasons", self.ce_source, self.outcome.outcome_id, subject.channel_ref)


class Remark(msgspec.Struct, frozen=True):
    """A field of the statement, and what to do about it."""

    field: str
    why: str


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A draft for one outcome.

    `subject` has the refs by which the platform finds the content. `replaces` is the puid of the statement
    that no longer holds. `statement` has the database's fields as far as they are known; None if nothing is
    restricted any more and only `replaces` must be dealt with. `missing` is what the database requires and
    the platform must add, `look_at` what it should check.
    """

    puid: str
    outcome_id: str
    ce_source: str
    subject: OutcomeSubject
    decided_at: str
    replaces: str | None
    statement: dict[str, object] | None
    missing: tuple[Remark, ...]
    look_at: tuple[Remark, ...]


class HowLearned:
    """How the platform learned of what was decided about, from the events of escalations."""

    def __init__(self, escalations: Iterable[Escalation]) -> None:
        self._by_escalation: dict[str, Learned] = {}
        self._by_message: dict[tuple[str, str], Learned] = {}
        self._by_report: dict[tuple[str, str], Learned] = {}
        self._messages: dict[str, set[str]] = {}
        # The first event counts: it is how the platform learned of it.
        for event in sorted(escalations, key=lambda event: (event.at, event.escalation_id, event.sequence)):
            channel = event.channel_ref
            self._by_escalation.setdefault(event.escalation_id, event.statement)
            self._messages.setdefault(event.escalation_id, set()).update(event.message_refs)
            for message in event.message_refs:
                self._by_message.setdefault((channel, message), event.statement)
            self._by_report.setdefault((channel, event.trace.last_report_id), event.statement)

    def of(self, subject: OutcomeSubject) -> Learned | None:
        """Give what the first escalation event about a subject says; None if there is none."""
        if isinstance(subject, EscalationSubject):
            return self._by_escalation.get(subject.escalation_id)
        if isinstance(subject, MessageSubject):
            return self._by_message.get((subject.channel_ref, subject.message_ref))
        return self._by_report.get((subject.channel_ref, subject.report_id))

    def messages(self, subject: OutcomeSubject) -> int:
        """Give the number of messages that a subject is about, as far as events named them."""
        if isinstance(subject, EscalationSubject):
            return len(self._messages.get(subject.escalation_id, ()))
        return 1


def drafts(
    decided: Iterable[DecidedContent],
    learned: HowLearned,
    duties: Mapping[str, Obligation],
    categories: Mapping[Category, CategoryRules],
) -> list[Draft]:
    """Draft a statement for every upheld outcome that still holds, in the order given.

    An outcome that supersedes an upheld one and upholds nothing gives a draft without a statement. Of two
    outcomes with the same id, source and channel the first counts.
    """
    outcomes = _Outcomes(decided)
    made = []
    for each in outcomes.holding():
        replaced = outcomes.replaced(each)
        if each.outcome.decision == "upheld":
            made.append(_draft(each, replaced, learned, duties, categories))
        elif replaced is not None:
            made.append(_withdrawal(each, replaced))
    return made


class _Outcomes:
    """Outcomes, and which of them supersede which. They name each other by id within a channel."""

    def __init__(self, decided: Iterable[DecidedContent]) -> None:
        self._by_puid: dict[str, DecidedContent] = {}
        self._by_id: dict[tuple[str, str | None], DecidedContent] = {}
        for each in decided:
            if self._by_puid.setdefault(each.puid, each) is each:
                self._by_id.setdefault((each.outcome.subject.channel_ref, each.outcome.outcome_id), each)
        self._superseded = {_earlier(each) for each in self._by_puid.values()}

    def holding(self) -> Iterator[DecidedContent]:
        """Give the outcomes that no other one supersedes."""
        for each in self._by_puid.values():
            if (each.outcome.subject.channel_ref, each.outcome.outcome_id) not in self._superseded:
                yield each

    def replaced(self, each: DecidedContent) -> str | None:
        """Give the puid of the last upheld outcome that this one supersedes, directly or by way of others."""
        seen = {each.puid}
        earlier = self._by_id.get(_earlier(each))
        while earlier is not None and earlier.puid not in seen:
            if earlier.outcome.decision == "upheld":
                return earlier.puid
            seen.add(earlier.puid)
            earlier = self._by_id.get(_earlier(earlier))
        return None


def _earlier(each: DecidedContent) -> tuple[str, str | None]:
    """By what the outcome is known that this one supersedes."""
    return (each.outcome.subject.channel_ref, each.outcome.supersedes)


def _withdrawal(decided: DecidedContent, replaced: str) -> Draft:
    why = (
        "the decision no longer holds: lift the restriction, and deal with its statement as the database "
        "allows"
    )
    return _made(decided, replaced, None, (), (Remark("puid", why),))


def _draft(
    decided: DecidedContent,
    replaced: str | None,
    learned: HowLearned,
    duties: Mapping[str, Obligation],
    categories: Mapping[Category, CategoryRules],
) -> Draft:
    outcome = decided.outcome
    how = learned.of(outcome.subject)
    statement: dict[str, object] = {
        **_restrictions(outcome.action),
        **_ground(outcome, duties),
        **_category(outcome, categories),
        # The day in the time zone in which the desk wrote it.
        "application_date": str(outcome.decided_at.date()),
        # Every outcome is decided by a person; automated means only chose what to look at.
        "automated_decision": "AUTOMATED_DECISION_NOT_AUTOMATED",
        "puid": decided.puid,
    }
    if how is not None:
        statement["source_type"] = how.source_type
        statement["automated_detection"] = "Yes" if how.automated_detection else "No"
    missing = tuple(
        Remark(problem.field, _WHY.get(problem.field, problem.message))
        for problem in check_statement(statement)
        if problem.kind == "missing"
    )
    return _made(decided, replaced, statement, missing, tuple(_look_at(outcome, how, learned, categories)))


def _made(
    decided: DecidedContent,
    replaced: str | None,
    statement: dict[str, object] | None,
    missing: tuple[Remark, ...],
    look_at: tuple[Remark, ...],
) -> Draft:
    return Draft(
        puid=decided.puid,
        outcome_id=decided.outcome.outcome_id,
        ce_source=decided.ce_source,
        subject=decided.outcome.subject,
        decided_at=decided.outcome.decided_at.isoformat(),
        replaces=replaced,
        statement=statement,
        missing=missing,
        look_at=look_at,
    )


def _restrictions(action: OutcomeAction | None) -> dict[str, object]:
    restrictions: dict[str, object] = {}
    if action is not None and action.visibility is not None:
        kind = "OTHER" if action.visibility == "other" else f"CONTENT_{action.visibility.upper()}"
        restrictions["decision_visibility"] = [f"DECISION_VISIBILITY_{kind}"]
    if action is not None and action.account is not None:
        restrictions["decision_account"] = f"DECISION_ACCOUNT_{action.account.upper()}"
    return restrictions


def _ground(outcome: ModerationOutcome, duties: Mapping[str, Obligation]) -> dict[str, object]:
    if not isinstance(outcome.ground, LawGround):
        return {
            "decision_ground": "DECISION_GROUND_INCOMPATIBLE_CONTENT",
            "incompatible_content_ground": outcome.ground.rule,
        }
    ground: dict[str, object] = {"decision_ground": "DECISION_GROUND_ILLEGAL_CONTENT"}
    duty = duties.get(outcome.ground.duty)
    if duty is not None and duty.action in _ACTIONS_AGAINST_CONTENT:
        ground["illegal_content_legal_ground"] = f"{duty.instrument}, {duty.article}"[:500]
        ground["decision_ground_reference_url"] = duty.source_url
    return ground


def _category(outcome: ModerationOutcome, categories: Mapping[Category, CategoryRules]) -> dict[str, object]:
    keyword = f"KEYWORD_{outcome.reason.upper()}"
    category = CATEGORY_OF_KEYWORD.get(keyword)
    if category is None:
        keyword, category = OTHER, categories[outcome.category].dsa_category
    return {"category": category, "category_specification": [keyword]}


_WHY: Mapping[str, str] = {
    "decision_visibility": "the outcome names no restriction; name what was restricted, or send no statement",
    "decision_visibility_other": "say which restriction it was",
    "illegal_content_legal_ground": "name the provision that makes the content illegal; the outcome names a "
    "procedure",
    "illegal_content_explanation": "explain why the content is illegal by that provision (art. 17(3)(d))",
    "incompatible_content_explanation": "explain why the content breaks that rule (art. 17(3)(e))",
    "content_type": "only the platform knows the content",
    "content_date": "only the platform knows when the content was published",
    "decision_facts": "the facts and circumstances relied on (art. 17(3)(b)), without personal data (art. "
    "24(5))",
    "territorial_scope": "only the platform knows where the restriction applies (art. 17(3)(a))",
    "source_type": "no escalation names the subject; say how you learned of it (art. 17(3)(b))",
    "automated_detection": "no escalation names the subject; say whether automated means found it (art. "
    "17(3)(c))",
}


def _look_at(
    outcome: ModerationOutcome,
    how: Learned | None,
    learned: HowLearned,
    categories: Mapping[Category, CategoryRules],
) -> Iterator[Remark]:
    ground = outcome.ground
    if (
        isinstance(ground, LawGround)
        and COUNTRY_ALIASES.get(ground.jurisdiction, ground.jurisdiction) not in EEA_STATES
    ):
        yield Remark(
            "decision_ground",
            "illegal is what the law of the Union or of a member forbids (art. 3(h)), and not that of "
            f"{ground.jurisdiction} alone; name the terms by which you restricted it",
        )
    if categories[outcome.category].deceptive_commercial:
        yield Remark(
            "category", "no statement is owed for deceptive high-volume commercial content (art. 17(2))"
        )
    if how is not None and how.territorial_scope:
        states = ", ".join(how.territorial_scope)
        yield Remark("territorial_scope", f"the reports concern {states}; the restriction may reach further")
    if outcome.reason == "other":
        yield Remark("category_specification_other", "describe in a few words what no keyword covers")
    messages = learned.messages(outcome.subject)
    if messages > 1:
        yield Remark(
            "puid", f"the escalation names {messages} messages; each restricted one needs a statement"
        )
