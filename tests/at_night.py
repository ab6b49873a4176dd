"""Parameters of a test that `make test` leaves to the night."""

from collections.abc import Iterable
from typing import Any

import pytest


def at_night(values: Iterable[Any]) -> list[Any]:
    """These values of one parameter, each for the nightly run only."""
    return [pytest.param(value, marks=pytest.mark.nightly) for value in values]
