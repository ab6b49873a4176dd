"""What an act of somebody else's desk means here: the part of a mapping file that says it."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from streams.contract.events.moderation_outcome import OutcomeAction, OutcomeDecision, OutcomeGround
from streams.contract.events.outcome_reason import OutcomeReason
from streams.contract.events.report import Category
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.forms.moderation_outcome_decoding import VALID_IN_FINDING, check_finding
from streams.registry.reading.document import read_document
from streams.registry.reading.errors import RegistryError
from streams.running.worker.environment import SettingsError


class DeskVerdict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The decision that an act stands for, as docs/decisions.md describes it.

    `category` is what was found; without it, the category that was reported.
    """

    decision: OutcomeDecision
    ground: OutcomeGround
    reason: OutcomeReason
    category: Category | None = None
    action: OutcomeAction | None = None


Rules = TypeVar("Rules")


def load_mapping(variable: str, file: Path | None, shape: type[Rules]) -> Rules:
    """The mapping in the YAML file that a variable names.

    Raises SettingsError with the line or field that is wrong.
    """
    if file is None:
        raise SettingsError(f"{variable}: must name a file that says what decisions mean (docs/adapters.md).")
    try:
        return msgspec.convert(read_document(file).content, shape)
    except (RegistryError, msgspec.ValidationError) as error:
        raise SettingsError(f"{variable}={file}: {error}") from error


def check_categories(
    variable: str, file: Path | None, named: Iterable[Category], categories: Collection[Category]
) -> None:
    """Raise SettingsError unless everything that a mapping names is one of the `categories`."""
    for category in named:
        if category not in categories:
            raise SettingsError(f"{variable}={file}: {category}: must be one of {', '.join(categories)}")


def check_verdicts(
    variable: str, file: Path | None, verdicts: Sequence[DeskVerdict], categories: Collection[Category]
) -> None:
    """Raise SettingsError if a verdict has none of the `categories`, or its parts contradict each other."""
    found = [verdict.category for verdict in verdicts if verdict.category is not None]
    check_categories(variable, file, found, categories)
    for number, verdict in enumerate(verdicts):
        try:
            check_finding(
                "", verdict.decision, verdict.reason, verdict.ground, verdict.action, VALID_IN_FINDING
            )
        except Rejected as error:
            raise SettingsError(
                f"{variable}={file}: $.decisions[{number}].verdict.{error.field}: {error.detail}"
            ) from error
