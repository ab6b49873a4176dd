"""`tocsin transparency dossier`: skeletons of notices to authorities, and how complete a notice is."""

from datetime import UTC, datetime
from typing import Any, BinaryIO, get_args

import click
import msgspec
import orjson

from streams.commands.shared.suggesting_group import SuggestingGroup
from streams.commands.shared.terminal import echo
from streams.commands.transparency.topic_records import read_escalations
from streams.registry.loader import load_rules
from streams.running.worker.settings import load_settings
from streams.statutory.dossier.completeness import completeness
from streams.statutory.dossier.form import DossierForm
from streams.statutory.dossier.skeleton import dossiers

_DAY = click.DateTime(formats=["%Y-%m-%d"])


class _Filled(msgspec.Struct):
    """A dossier that somebody filled in."""

    form: DossierForm
    notice: dict[str, Any]


_FILLED = msgspec.json.Decoder(_Filled)


@click.group(cls=SuggestingGroup)
def dossier() -> None:
    """Prepare notices to authorities: NCMEC's CyberTipline, and DSA art. 18.

    Tocsin sends nothing to anybody: a person decides, and the platform sends.
    """


@dossier.command()
@click.argument("escalation_id", metavar="CASE")
@click.option(
    "--submitted", type=_DAY, metavar="DATE",
    help="The day of the submission, from which the time of preservation counts.  [default: today]",
)  # fmt: skip
@click.option(
    "--escalations", type=click.File("rb"), metavar="FILE",
    help="Read escalations from a file of `tocsin tail escalations --json`, not from Kafka.",
)  # fmt: skip
def draft(escalation_id: str, submitted: datetime | None, escalations: BinaryIO | None) -> None:
    """Print the skeleton of each notice that CASE may call for, one JSON object per line.

    CASE is the escalation_id of an episode or a legal clock. A skeleton has the times, the group, what is
    alleged, whom it may concern, earlier cases of the group, until when to preserve, and a score from 0 to 1
    with all that the platform must add. It names nobody: channel and message are refs.

    Exits with 1 if the case is not in escalations, or its category calls for no notice.
    """
    rules = load_rules(**load_settings().registry_files())
    events = read_escalations(escalations)
    case = next((event for event in events if event.escalation_id == escalation_id), None)
    if case is None:
        raise click.ClickException(
            f"no event of case {escalation_id} is in escalations, which keeps a year; "
            "`tocsin tail escalations --from-beginning --json` shows the ids."
        )
    day = datetime.now(UTC).date() if submitted is None else submitted.date()
    duties = {duty.id: duty for duty in rules.obligations}
    made = dossiers(escalation_id, events, rules.categories, duties, day)
    if not made:
        raise click.ClickException(
            f"category {case.category} calls for neither the CyberTipline nor a notice under DSA art. 18."
        )
    for each in made:
        echo(orjson.dumps(msgspec.to_builtins(each)).decode())


@dossier.command()
@click.argument("file", type=click.File("rb"), default="-")
def score(file: BinaryIO) -> None:
    """Score notices that were filled in: dossiers as `draft` prints them, one per line.

    Prints the score of each, and what is missing, the weightiest first. Exits with 1 if the receiver would
    not take one of them.
    """
    acceptable = True
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            filled = _FILLED.decode(line)
        except msgspec.DecodeError as error:
            raise click.ClickException(
                f"line {number} is no dossier with form ({', '.join(get_args(DossierForm))}) and notice: "
                f"{error}"
            ) from error
        found = completeness(filled.form, filled.notice)
        acceptable = acceptable and found.acceptable
        echo(f"line {number}: {filled.form} {found.score:.2f}")
        for missing in sorted(found.missing, key=lambda each: (not each.required, -each.weight)):
            needed = "required" if missing.required else "missing"
            echo(f"  {needed} ({missing.weight:.2f}): {missing.field}: {missing.why}")
    if not acceptable:
        raise SystemExit(1)
