"""What somebody decided or proposes, in a few words."""

from streams.contract.events.case_activity import ProposedAnswer, ProposedOutcome


def judged_text(judged: ProposedOutcome | ProposedAnswer) -> str:
    """A decision with what is done, or an answer, as in `upheld, removed, account terminated`."""
    if isinstance(judged, ProposedAnswer):
        return judged.answer.replace("_", " ")
    action = judged.action
    done: list[str] = [judged.decision]
    if action is not None and action.visibility is not None:
        done.append(f"content {action.visibility}" if action.visibility == "other" else action.visibility)
    if action is not None and action.account is not None:
        done.append(f"account {action.account}")
    return ", ".join(done).replace("_", " ")
