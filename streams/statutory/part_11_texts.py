"""Part 11: drafts of texts that Tocsin's rules give (Regulation (EU) 2022/2065, art. 15(1)(e))."""

from collections.abc import Iterator
from typing import Final

from streams.registry.rules import Rules
from streams.statutory.fill import FilledRow
from streams.statutory.parts import parts
from streams.statutory.template import VALUE

DRAFT: Final = "[Draft: check, complete and remove this mark before publication.] "
# Annex II, part II, 2.
_LONGEST: Final = 5_000


def fill_texts(rules: Rules) -> Iterator[FilledRow]:
    """Fill in a draft for each text about automated means; the provider alone can add its own."""
    drafts = _drafts(rules)
    for row in parts()[10].rows:
        draft = next((text for begin, text in drafts.items() if row.label.startswith(begin)), None)
        yield FilledRow(row, {} if draft is None else {VALUE: (DRAFT + draft)[:_LONGEST]})


def _drafts(rules: Rules) -> dict[str, str]:
    live = sorted(policy.id for policy in rules.policies if policy.mode == "live")
    floor = sorted(row.category for row in rules.categories.values() if row.floor)
    brigades = (
        "Where reports look coordinated, the case stays with internal review and a person is asked to look. "
        if rules.integrity == "live"
        else ""
    )
    return {
        "Qualitative description of the automated means": (
            "Reports about messages, by users, trusted flaggers and detectors, are counted per channel and "
            "category within time windows, and weighed by how often their source was right. When a policy's "
            f"thresholds are reached, a case is put before reviewers. Policies in force: {', '.join(live)} "
            f"(version {rules.policy_version}). Their parameters are numbers of reports, of independent "
            "reporters, and estimated risk. No message is read by these means, and no measure is taken by "
            "them."
        ),
        "Qualitative description of indicators of accuracy": (
            "Accuracy, precision and recall compare what detectors reported with what reviewers decided "
            "about the same messages. A decision that was replaced, for instance after a complaint, counts "
            "as its replacement. Messages that nobody reviewed are not in the figures, so recall is measured "
            "against what was found by other reports, not against all that exists."
        ),
        "Specification of the precise purposes": (
            "Automated means find out which reports are urgent and whom the law concerns, start the time "
            "limits of the law, and order the work of reviewers. They neither decide whether content is "
            "illegal nor restrict content or accounts."
        ),
        "Safeguards applied": (
            "A person decides in every case. These categories always go to a reviewer, from the first report "
            f"on: {', '.join(floor)}. {brigades}Policies are tried out in shadow, without any effect, before "
            "they are in force. Each case shows the reasons for which it was opened and the versions of the "
            "rules. Reporters are known to these means by pseudonyms only. Version of the law and the rules: "
            f"{rules.registry_version}."
        ),
    }
