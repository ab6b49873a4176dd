"""Member States and official languages of the Union, with the codes that the templates require."""

from streams.contract.events.countries import COUNTRY_ALIASES

# Eurostat's codes (Annex II, part II, 1.2.1 F): EL for Greece.
MEMBER_STATES = (
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "EL", "ES", "FI", "FR", "HR", "HU", "IE", "IT", "LT",
    "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
)  # fmt: skip

OFFICIAL_LANGUAGES = (
    "bg", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "ga", "hr", "hu", "it", "lt", "lv", "mt",
    "nl", "pl", "pt", "ro", "sk", "sl", "sv",
)  # fmt: skip

_EUROSTAT = {iso: code for code, iso in COUNTRY_ALIASES.items()}


def member_state(country: str) -> str | None:
    """Give Eurostat's code of an event's country (ISO 3166-1 alpha-2); None outside the Union."""
    code = _EUROSTAT.get(country, country)
    return code if code in MEMBER_STATES else None
