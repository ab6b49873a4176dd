"""What an operator says of a decision that is kept in the log: who decided, and why."""

from collections.abc import Callable

import click

from streams.contract.wire.personal_data import looks_like_email, looks_like_phone
from streams.contract.wire.refs import is_ref
from streams.contract.wire.valid_values import PSEUDONYM
from streams.running.worker.settings import PREFIX, Settings

# Enough for a paragraph. A reason is read in lists, and kept as long as the log.
_LONGEST_REASON = 500


def who_and_why(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options `--reason` and `--actor` to a command, in this order in its help."""
    actor = click.option(
        "--actor", required=True, metavar="REF", help="A pseudonym of the person who decides this."
    )
    reason = click.option("--reason", required=True, help="Why; it is kept in the log. Name no person.")
    return reason(actor(command))


def require_pseudonym(actor: str, name: str = "--actor") -> None:
    """Raise UsageError unless `actor` is a pseudonym. `name` is where it was given."""
    if not is_ref(actor) or looks_like_phone(actor):
        raise click.UsageError(f"{name} must be {PSEUDONYM}.")


def deciding_actor(option: str | None, settings: Settings) -> str:
    """The pseudonym of the person who decided, from `--actor` or TOCSIN_ACTOR.

    Raises UsageError if it is missing or not a pseudonym.
    """
    actor = settings.actor if option is None else option
    if actor is None:
        raise click.UsageError(
            f"who decided? Give --actor or set {PREFIX}ACTOR to a pseudonym such as legal-7f3a."
        )
    require_pseudonym(actor, f"{PREFIX}ACTOR" if option is None else "--actor")
    return actor


def require_reason(reason: str) -> None:
    """Raise UsageError unless `--reason` has a usable length and no e-mail address."""
    if not 0 < len(reason) <= _LONGEST_REASON or looks_like_email(reason):
        raise click.UsageError(
            f"--reason must have 1 to {_LONGEST_REASON} characters and contain no e-mail address."
        )
