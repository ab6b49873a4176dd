"""What a provider has to add to an exported report, or to check, because Tocsin cannot know it."""

from collections.abc import Iterator
from typing import NamedTuple

from streams.statutory.parts import parts
from streams.statutory.provider import ProviderRole
from streams.statutory.sums import PeriodSums


class ToComplete(NamedTuple):
    """A place in a report: the file, which rows or columns, and why they are blank or what to check."""

    file: str
    what: str
    why: str


# By number of the part.
_ALWAYS: tuple[tuple[int, str, str], ...] = (
    (1, "name of the provider, dates of publication", "only the provider knows them"),
    (2, "contextual information", "optional: how the provider reads a category"),
    (3, "median time to inform", "known only where a law sets a time for it; 0 if receipts are sent within an hour (Annex II, 1.2.1 I)"),
    (3, "median time to give effect", "known only of orders whose law sets a deadline, from `fulfilled` on clock-outcomes; add the others"),
    (3, "items of information", "one for each order against a message, channel or account: a request names one target"),
    (5, "all figures", "measures on the provider's own initiative are not decided with Tocsin"),
    (6, "all figures", "measures on the provider's own initiative are not decided with Tocsin"),
    (7, "complaints", "counted are outcomes that supersede others: add complaints without such an outcome, take out what was no complaint"),
    (7, "median time, decisions omitted", "when a complaint was sent or withdrawn is not in any event"),
    (7, "suspension of the service, monetisation", "no outcome says that it was restricted"),
    (7, "out-of-court disputes", "bodies report to the provider"),
    (7, "suspensions", "counted are pauses on reporter-standing, for unfounded notices and complaints: add those decided elsewhere, and those for illegal content"),
    (8, "measures by automated means", "Tocsin takes none; other systems of the provider may"),
    (8, "notices not processed by automated means", "Tocsin orders all notices by machine, and people decide: whether that is processing is for the provider to say"),
    (8, "accuracy of notices", "blank: no notice is decided by machine"),
    (9, "all figures", "only the provider knows its moderators"),
    (10, "all figures", "only the provider knows its recipients"),
    (11, "drafts and blank texts", "drafts come from the rules in force today; own-initiative moderation is for the provider to describe"),
)  # fmt: skip


def what_to_complete(sums: PeriodSums, service: str, role: ProviderRole) -> Iterator[ToComplete]:
    """Yield what is left to complete in the order of the parts: what always is, and what the figures ask for."""
    by_number = {part.number: part for part in parts()}
    for number, what, why in (*_ALWAYS, *_found(sums, service)):
        part = by_number[number]
        if any(row.fills(role) for row in part.rows):
            yield ToComplete(part.file_name, what, why)


def _found(sums: PeriodSums, service: str) -> Iterator[tuple[int, str, str]]:
    if not service:
        yield 1, "the column Service, here and in the other parts", "name it with --service"
    if sums.orders_elsewhere:
        yield 3, "orders", f"{sums.orders_elsewhere} of other states are not in it"
    for kind, number in sorted(sums.other_requests.items()):
        yield 3, "orders", f"{number} requests of the kind {kind} are not in it"
    if sums.notices_elsewhere:
        yield 4, "notices", f"{sums.notices_elsewhere} from places outside of the Union are not in it"
    days = sums.days_without_items
    if not sums.follows_messages:
        why = "not counted: workers of an earlier version applied the notices of this period"
        yield 4, "items, median times, actions", why
        yield 7, "complaints", why
    elif days:
        yield (
            4,
            "items, median times, actions",
            f"too low: nothing was counted on {len(days)} of the days with notices, the first one {days[0]}",
        )
