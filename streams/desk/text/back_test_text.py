"""What a back-test of a set of rules found, in words."""

from streams.contract.events.rules.back_test import BackTest
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.times import epoch_ms
from streams.desk.text.routing_text import minute


def back_test_text(found: BackTest) -> str:
    """Say in a line what a back-test has found, and what desks had decided about the new cases."""
    since, until = (minute(rfc3339(epoch_ms(each))) for each in (found.since, found.until))
    cases = f"{found.cases_before:,} -> {found.cases_after:,} live cases"
    parts = [f"back-test: {cases} among {found.reports:,} reports from {since} to {until}"]
    parts += [
        f"{each.policy} {each.new:,} new ({each.upheld:,} upheld, {each.dismissed:,} dismissed, "
        f"{each.undecided:,} undecided), {each.gone:,} gone"
        for each in found.policies
    ]
    if not found.complete:
        parts.append("older reports were deleted")
    return "; ".join(parts)
