"""What a view of the desk is asked for: the filter in an address, held against the values that there are."""

from collections.abc import Collection, Mapping

from starlette.requests import Request

from streams.contract.events.countries import COUNTRIES
from streams.contract.wire.refs import is_ref
from streams.contract.wire.valid_values import REF
from streams.desk.console.read_model.desk.filter import DeskFilter
from streams.desk.console.read_model.desk.query import policies_with_cases
from streams.desk.console.read_model.paging import BadFilter
from streams.desk.console.web.context import console_of, person_of


def shown_in(request: Request, given: Mapping[str, str]) -> DeskFilter:
    """The filter of the desk that parameters say.

    Raises BadFilter for a value that does not exist, with those that do: of categories, those of which the
    person sees cases. A channel or a person is any ref, as nobody could list them.
    """
    shown = DeskFilter.of(given)
    console, person = console_of(request), person_of(request)
    seen = [category for category in console.categories if person.sees(category)]
    _require("category", shown.category, seen)
    _require("group", shown.group, {console.categories[each].dsa_category: None for each in seen})
    for name, ref in (("channel", shown.channel), ("assignee", shown.assignee)):
        if ref is not None and not is_ref(ref):
            raise BadFilter(f"{name} must be {REF}")
    _require("country", shown.country and shown.country.upper(), sorted(COUNTRIES))
    if shown.policy is not None and shown.policy not in console.policies | console.duties.keys():
        # A policy that is gone still has cases.
        had = policies_with_cases(console.database.reader(), person)
        _require("policy", shown.policy, sorted({*console.policies, *had}))
    return shown


def _require(name: str, value: str | None, valid: Collection[str]) -> None:
    if value is not None and value not in valid:
        raise BadFilter(f"{name} must be one of {', '.join(valid)}")
