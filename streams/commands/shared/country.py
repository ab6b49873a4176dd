"""The type of an option that names a country of events."""

import difflib
from typing import Any

import click

from streams.contract.events.countries import COUNTRIES
from streams.desk.text.country_names import NAMES


class _Country(click.ParamType):
    name = "country"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the code. Raises BadParameter if events can have none like it."""
        code = str(value).upper()
        if code not in COUNTRIES:
            self.fail(
                f"{value!r} is not a country: give an ISO 3166-1 alpha-2 code such as KR, or XX if none is "
                f"known.{_meant(str(value))}",
                param,
                ctx,
            )
        return code


def _meant(typed: str) -> str:
    """The end of the message: the country whose name is spelled like what was typed."""
    codes = {name.removeprefix("the ").casefold(): code for code, name in NAMES.items()}
    close = difflib.get_close_matches(typed.casefold(), codes, n=1)
    return f" Did you mean {codes[close[0]]}?" if close else ""


COUNTRY = _Country()
