"""Reads a desk's outcome from the bytes and headers of a record of `moderation-outcomes`."""

from collections.abc import Mapping
from typing import Final

import msgspec

from streams.contract.events.desk_member import DeskRole
from streams.contract.events.moderation_outcome import (
    MODERATION_OUTCOME_TYPE,
    AccountAction,
    LawGround,
    MessageSubject,
    ModerationOutcome,
    OutcomeAction,
    OutcomeConfidence,
    OutcomeDecision,
    OutcomeGround,
    OutcomeSubject,
    ReportSubject,
    VisibilityAction,
)
from streams.contract.events.outcome_reason import (
    DISMISSAL_REASONS,
    UNFOUNDED_REASONS,
    VIOLATION_REASONS,
    OutcomeReason,
)
from streams.contract.wire.checked_refs import check_ref
from streams.contract.wire.dead_letter import WHOLE_VALUE, Rejected
from streams.contract.wire.personal_data import RefPaths, looks_like_email
from streams.contract.wire.reading import EventForm, event_reader
from streams.contract.wire.rejection import not_valid
from streams.contract.wire.valid_values import (
    CATEGORY,
    COUNTRY,
    OBJECT,
    PSEUDONYM,
    REF,
    TIME,
    ValidValues,
    one_of,
    or_null,
)

# The list is too long for a header: it has 68 values.
_KEYWORD = "a keyword of the EU's transparency database as listed in docs/decisions.md"

REASONS: Final[Mapping[OutcomeDecision, tuple[OutcomeReason, ...]]] = {
    "upheld": VIOLATION_REASONS,
    "dismissed": DISMISSAL_REASONS,
    "manifestly_unfounded": UNFOUNDED_REASONS,
}
"""The reasons that fit each decision."""

VALID_IN_FINDING: ValidValues = {
    "decision": one_of(OutcomeDecision),
    "category": CATEGORY,
    "ground": "an object with kind law, duty and jurisdiction, or with kind terms and rule",
    "ground.kind": "one of law, terms",
    "ground.duty": REF,
    "ground.jurisdiction": COUNTRY,
    "ground.rule": REF,
    "reason": f"{_KEYWORD}, or one of {', '.join(DISMISSAL_REASONS + UNFOUNDED_REASONS)}",
    "action": "null or an object with visibility, account or both",
    "action.visibility": or_null(one_of(VisibilityAction)),
    "action.account": or_null(one_of(AccountAction)),
}
"""The fields of what was found, in an outcome and in a proposal of one."""

VALID_IN_OUTCOME: ValidValues = {
    WHOLE_VALUE: OBJECT,
    "outcome_id": REF,
    "subject": "an object with kind, channel_ref and what the kind needs",
    "subject.kind": "one of message, report, escalation",
    "subject.channel_ref": PSEUDONYM,
    "subject.message_ref": PSEUDONYM,
    "subject.report_id": REF,
    "subject.ce_source": "the report's ce_source: a string of at most 2048 characters, not an e-mail address",
    "subject.escalation_id": REF,
    **VALID_IN_FINDING,
    "decided_at": TIME,
    "reviewer": "an object with ref and role",
    "reviewer.ref": PSEUDONYM,
    "reviewer.role": one_of(DeskRole),
    "confidence": one_of(OutcomeConfidence),
    "supersedes": or_null(f"{REF}, not the outcome's own id"),
    "sampled": "null or a number greater than 0 and at most 1",
    "holds_for_version": or_null(f"{PSEUDONYM}: the message_version of reports"),
    "confirmed_by": "null or an object with ref and role of another person than reviewer",
    "confirmed_by.ref": PSEUDONYM,
    "confirmed_by.role": one_of(DeskRole),
    "known_answer": or_null(one_of(OutcomeDecision)),
}

# What has consequences, and a case that was made for a test has none.
_NOT_WITH_KNOWN_ANSWER = ("action", "supersedes", "sampled", "holds_for_version")


def check_finding(
    prefix: str,
    decision: OutcomeDecision,
    reason: OutcomeReason,
    ground: OutcomeGround,
    action: OutcomeAction | None,
    valid: ValidValues,
) -> None:
    """Raise Rejected if parts of a finding contradict each other; paths of fields begin with `prefix`."""
    if isinstance(ground, LawGround):
        check_ref(f"{prefix}ground.duty", ground.duty, valid, counter=True)
    else:
        check_ref(f"{prefix}ground.rule", ground.rule, valid, counter=True)
    fitting = REASONS[decision]
    if reason not in fitting:
        listed = _KEYWORD if decision == "upheld" else f"one of {', '.join(fitting)}"
        raise Rejected(
            "invalid_value", f"{prefix}reason", f"Must be {listed}, as the decision is {decision}."
        )
    if action is not None and decision != "upheld":
        raise Rejected(
            "invalid_value",
            f"{prefix}action",
            f"Must be null or absent, as the decision is {decision}: nothing is restricted for a report that "
            "was not right.",
        )


def _check_subject(subject: OutcomeSubject) -> None:
    check_ref("subject.channel_ref", subject.channel_ref, VALID_IN_OUTCOME, counter=False)
    if isinstance(subject, MessageSubject):
        check_ref("subject.message_ref", subject.message_ref, VALID_IN_OUTCOME, counter=False)
    elif isinstance(subject, ReportSubject):
        check_ref("subject.report_id", subject.report_id, VALID_IN_OUTCOME, counter=True)
        if looks_like_email(subject.ce_source):
            raise not_valid("pii_detected", "subject.ce_source", VALID_IN_OUTCOME)
    else:
        check_ref("subject.escalation_id", subject.escalation_id, VALID_IN_OUTCOME, counter=True)


# Of a dismissal that says something about the content itself, which is what stays the same.
_ABOUT_CONTENT: Final[tuple[OutcomeReason, ...]] = ("not_a_violation", "lawful_context")


def _check_version(outcome: ModerationOutcome) -> None:
    """Raise Rejected if a decision cannot hold for a version of a message."""
    version, confirmed = outcome.holds_for_version, outcome.confirmed_by
    if confirmed is not None:
        check_ref("confirmed_by.ref", confirmed.ref, VALID_IN_OUTCOME, counter=False)
        if confirmed.ref == outcome.reviewer.ref:
            raise not_valid("invalid_value", "confirmed_by.ref", VALID_IN_OUTCOME)
    if version is None:
        return
    check_ref("holds_for_version", version, VALID_IN_OUTCOME, counter=False)
    why = "as `holds_for_version` is given"
    if not isinstance(outcome.subject, MessageSubject):
        raise Rejected("invalid_value", "subject.kind", f"Must be message, {why}.")
    if outcome.decision != "dismissed":
        raise Rejected("invalid_value", "decision", f"Must be dismissed, {why}.")
    if outcome.reason not in _ABOUT_CONTENT:
        raise Rejected("invalid_value", "reason", f"Must be one of {', '.join(_ABOUT_CONTENT)}, {why}.")
    if outcome.confidence != "two_agree":
        raise Rejected("invalid_value", "confidence", f"Must be two_agree, {why}: two people decide it.")
    if confirmed is None:
        raise Rejected(
            "missing_field",
            "confirmed_by",
            f"Missing; must be an object with ref and role of another person than reviewer, {why}.",
        )


def _check(outcome: ModerationOutcome) -> None:
    check_ref("outcome_id", outcome.outcome_id, VALID_IN_OUTCOME, counter=True)
    _check_subject(outcome.subject)
    check_ref("reviewer.ref", outcome.reviewer.ref, VALID_IN_OUTCOME, counter=False)
    check_ref("supersedes", outcome.supersedes, VALID_IN_OUTCOME, counter=True)
    if outcome.supersedes == outcome.outcome_id:
        raise not_valid("invalid_value", "supersedes", VALID_IN_OUTCOME)
    if outcome.known_answer is not None:
        _check_golden(outcome)
    check_finding("", outcome.decision, outcome.reason, outcome.ground, outcome.action, VALID_IN_OUTCOME)
    _check_version(outcome)


def _check_golden(outcome: ModerationOutcome) -> None:
    if not isinstance(outcome.subject, MessageSubject):
        raise Rejected(
            "invalid_value",
            "subject.kind",
            "Must be message, as `known_answer` is given: nobody reported it.",
        )
    for name in _NOT_WITH_KNOWN_ANSWER:
        if getattr(outcome, name) is not None:
            raise Rejected("invalid_value", name, "Must be null or absent, as `known_answer` is given.")


FORM = EventForm(
    MODERATION_OUTCOME_TYPE.encode(),
    msgspec.json.Decoder(ModerationOutcome),
    VALID_IN_OUTCOME,
    RefPaths(
        pseudonyms=(
            "subject.channel_ref", "subject.message_ref", "reviewer.ref", "holds_for_version",
            "confirmed_by.ref",
        ),
        counters=(
            "outcome_id", "subject.report_id", "subject.ce_source", "subject.escalation_id", "ground.duty",
            "ground.rule", "supersedes",
        ),
    ),
    _check,
    time_field="decided_at",
    of_category=True,
)  # fmt: skip

decode_moderation_outcome = event_reader(FORM)
