"""The rules in the form in which a request is judged, and what they say about the requesting country."""

from collections.abc import Mapping
from dataclasses import dataclass

from streams.contract.events.authority_request import AuthorityRequest
from streams.contract.events.countries import COUNTRY_ALIASES
from streams.contract.wire.forms.request_decoding import FORM
from streams.contract.wire.reading import ReadEvent, event_reader
from streams.deciding.partition.settings import DEFAULTS, PartitionSettings
from streams.registry.obligation import Obligation
from streams.registry.rules import Rules

UNION = "EU"


@dataclass(frozen=True, slots=True, eq=False)
class RequestRules:
    """The rules of the stage of requests; build them once with `compile_request_rules`.

    `home` is the Member State in which the platform is established, or else that of its legal representative;
    None if it has neither. `read_request` rejects a request of a category that there is not.
    """

    registry: Rules
    home: str | None
    accepted_languages: tuple[str, ...]
    obligations: Mapping[str, Obligation]
    settings: PartitionSettings
    read_request: ReadEvent[AuthorityRequest]


def compile_request_rules(rules: Rules, *, settings: PartitionSettings = DEFAULTS) -> RequestRules:
    """Prepare rules for the stage of requests."""
    platform = rules.platform
    home = platform.establishment or platform.legal_representative
    spoken = platform.contact_languages
    if home is not None and home in rules.jurisdictions:
        # DSA art. 11(3): at least one official language of that Member State is among those declared.
        spoken += rules.jurisdictions[home].languages
    return RequestRules(
        registry=rules,
        home=home,
        accepted_languages=tuple(dict.fromkeys(spoken)),
        obligations={obligation.id: obligation for obligation in rules.obligations},
        settings=settings,
        read_request=event_reader(FORM, rules.categories),
    )


def country_of(code: str) -> str:
    """Return the ISO code of a country. EU bodies write EL and UK for GR and GB."""
    return COUNTRY_ALIASES.get(code, code)


def is_member_state(rules: RequestRules, country: str) -> bool:
    """Return whether a country is in the Union, according to the registry."""
    row = rules.registry.jurisdictions.get(country)
    return row is not None and UNION in row.regions
