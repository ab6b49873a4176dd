"""`tocsin outcome record`: says what was decided about one subject."""

import asyncio
import time
from typing import get_args

import click
import msgspec

from streams.commands.outcome.payload import NOT_WRITTEN, outcome_event, payload_of
from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.category import CATEGORY
from streams.commands.shared.moment import MOMENT
from streams.commands.shared.operator_options import deciding_actor
from streams.commands.shared.terminal import echo
from streams.contract.events.desk_member import DeskRole
from streams.contract.events.moderation_outcome import AccountAction, OutcomeDecision, VisibilityAction
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.topics import ESCALATIONS, MODERATION_OUTCOMES
from streams.desk.text.desk_text import moderation_text
from streams.desk.text.reason_choice import mismatch
from streams.desk.text.record_text import decode_escalation
from streams.registry.categories import load_categories
from streams.running.clients.kafka_reading import committed_records
from streams.running.clients.kafka_writing import send_events
from streams.running.worker.settings import Settings, load_settings


@click.command()
@click.argument("decision", type=click.Choice(get_args(OutcomeDecision)))
@click.option("--channel", "channel_ref", help="Ref of the channel; looked up for an escalation.")
@click.option("--message", "message_ref", help="Ref of the message that was judged.")
@click.option("--report", "report_id", help="Id of the one report that was judged.")
@click.option("--source", "ce_source", help="The ce_source of that report, if it has one.")
@click.option("--escalation", "escalation_id", help="Id of the escalation that was judged.")
@click.option(
    "--category",
    type=CATEGORY,
    metavar="NAME",
    required=True,
    help="The category that was found, such as fraud.",
)
@click.option("--law", "duty", help="Id of the duty by which it was judged.")
@click.option("--jurisdiction", help="Code of the country in which it was judged, such as DE.")
@click.option("--terms", "rule", help="The platform's own code of the rule by which it was judged.")
@click.option("--reason", required=True, help="A reason that fits the decision, such as phishing.")
@click.option(
    "--visibility",
    type=click.Choice(get_args(VisibilityAction)),
    metavar="NAME",
    help="What was done to the content: removed, disabled, demoted, age_restricted, interaction_restricted, "
    "labelled, other.",
)
@click.option(
    "--account",
    type=click.Choice(get_args(AccountAction)),
    metavar="NAME",
    help="What was done to its author's account: suspended, terminated.",
)
@click.option("--two-agree", is_flag=True, help="Two reviewers agree.  [default: one reviewer]")
@click.option(
    "--confirmed-by", help="Pseudonym of the second reviewer, who agrees: as --two-agree, and named."
)
@click.option(
    "--confirmed-role",
    type=click.Choice(get_args(DeskRole)),
    metavar="NAME",
    help="The role of the second reviewer.  [default: desk]",
)
@click.option(
    "--holds-for-version",
    help="The version of the message that was judged: reports of it need no further review for a while. "
    "Needs --confirmed-by.",
)
@click.option("--supersedes", help="Id of an earlier outcome that no longer holds.")
@click.option("--sampled", help="Probability with which the subject was drawn for review, if at random.")
@click.option("--id", "outcome_id", help="Your own id of the outcome.  [default: made of what it says]")
@click.option(
    "--role",
    type=click.Choice(get_args(DeskRole)),
    metavar="NAME",
    default="desk",
    show_default=True,
    help="The role in which the reviewer decided: desk, lead, legal, authority_liaison.",
)
@click.option(
    "--at",
    type=MOMENT,
    help="When it was decided, such as 2026-03-01T12:00:00Z, or PT10M for ten minutes ago.  [default: now]",
)
@click.option(
    "--actor", help="Pseudonym of the reviewer; never a name or an address.  [default: TOCSIN_ACTOR]"
)
@click.option("--yes", is_flag=True, help="Write it; without it, nothing is written.")
def record(
    at: int | None, actor: str | None, two_agree: bool, yes: bool, **given: str | None
) -> None:  # fmt: skip
    """Say what was decided about one subject.

    Name the subject by --channel and --message, by --channel and --report, or by --escalation; the ground by
    --law and --jurisdiction, or by --terms. Without --yes the command only shows the outcome. Saying the same
    again has no effect. To change a decision, say the new one with --supersedes and the id of the old one.

    \b
    Examples:
      export TOCSIN_ACTOR=desk-19c4
      tocsin outcome record upheld --channel s4xj233qkor3uxmtwnvslhuus4 --message m-09ab51
          --category fraud --terms scams-2.1 --reason phishing --visibility removed --yes
      tocsin outcome record dismissed --escalation b669dd39-f577-55ae-a698-c4810b1e927f
          --category fraud --law EU.dsa.art16-5 --jurisdiction DE --reason not_a_violation --yes
      tocsin outcome record dismissed --channel s4xj233qkor3uxmtwnvslhuus4 --message m-09ab51
          --category hate --terms hate-1 --reason lawful_context --confirmed-by lead-7f02
          --holds-for-version v3 --yes
    """  # noqa: D301 - \b tells click not to rewrap the paragraph
    settings = load_settings()
    now_ms = time.time_ns() // 1_000_000
    row = {name: text for name, text in given.items() if text is not None}
    row["reviewer"] = deciding_actor(actor, settings)
    row["decided_at"] = rfc3339(now_ms if at is None else at)
    if "confirmed_by" in row:
        row.setdefault("confirmed_role", "desk")
    row["confidence"] = "two_agree" if two_agree or "confirmed_by" in row else "one_reviewer"
    with broker_errors_explained(settings):
        if "escalation_id" in row and "channel_ref" not in row:
            row["channel_ref"] = asyncio.run(_channel_of(settings, row["escalation_id"]))
        try:
            categories = load_categories(settings.categories_file)
            said = outcome_event(payload_of(row), now_ms, categories)
        except Rejected as rejected:
            raise click.UsageError(f"a worker would refuse this outcome: {rejected}") from rejected
        outcome = said.outcome
        echo(f"outcome {outcome.outcome_id}\n         {moderation_text(outcome)}")
        if unlikely := mismatch(outcome.decision, outcome.reason, categories.get(outcome.category)):
            echo(f"Warning: {unlikely}. A statement of reasons is drafted from both.", err=True)
        if not yes:
            echo(NOT_WRITTEN)
            return
        asyncio.run(send_events(settings, MODERATION_OUTCOMES, [said.event]))
    echo("written")


async def _channel_of(settings: Settings, escalation_id: str) -> str:
    """The channel of an escalation. Raises ClickException if no event of it is in the topic."""
    wanted = escalation_id.encode()
    async for event in committed_records(settings.connection(), settings.topic_prefix + ESCALATIONS):
        # Searching the bytes is cheaper than decoding every record.
        if wanted not in (event.value or b""):
            continue
        try:
            escalation = decode_escalation(event)
        except msgspec.DecodeError:
            continue
        if escalation.escalation_id == escalation_id:
            return escalation.channel_ref
    raise click.ClickException(
        f"escalation {escalation_id} is not in {ESCALATIONS}, where events are kept for a year. "
        "Give its channel with --channel."
    )
