"""`tocsin doctor`: proves on a cluster what Tocsin relies on."""

import asyncio
import signal
from collections import Counter
from collections.abc import Sequence

import click
import msgspec

from streams.commands.doctor.asking import Say
from streams.commands.doctor.examination import examine
from streams.commands.doctor.finding import Finding, Verdict
from streams.commands.doctor.rights import roles_named
from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.terminal import echo
from streams.running.operations.access_rights import ROLES, Role
from streams.running.topics.topic_problems import counted
from streams.running.wall_clock import clock_ms
from streams.running.worker.settings import Settings, load_settings

_VERDICTS: tuple[Verdict, ...] = ("ok", "warning", "failed", "not tried")


@click.command()
@click.option(
    "--role",
    "names",
    multiple=True,
    type=click.Choice([role.name for role in ROLES]),
    help="Check that this user has the rights of a role; may be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per check instead of text.")
def doctor(names: Sequence[str], as_json: bool) -> None:
    """Prove on your cluster what Tocsin relies on, and say what to do.

    Each line is a check: `ok`, `warning` (workers run, but less safely), `failed`, or `not tried`, with what
    is unproved therefore. Transactions, fencing, append times, clocks and the largest record are tried in a
    topic that is made for it, TOCSIN_TOPIC_PREFIX and `tocsin-doctor-...`, and deleted at the end. Tocsin's
    own topics are only looked at. Without --role it says which roles this user has the rights for. Exits
    with 1 if a check failed.
    """
    settings = load_settings()
    verdicts: Counter[Verdict] = Counter()

    def say(finding: Finding) -> None:
        verdicts[finding.verdict] += 1
        echo(msgspec.json.encode(finding).decode() if as_json else _as_text(finding))

    with broker_errors_explained(settings):
        asyncio.run(_until_terminated(settings, roles_named(names), say))
    if not as_json:
        counts = ", ".join(f"{verdicts[each]} {each}" for each in _VERDICTS if verdicts[each])
        echo(f"{counted(verdicts.total(), 'check')}: {counts}")
    if verdicts["failed"]:
        raise SystemExit(1)


def _as_text(finding: Finding) -> str:
    end = "." if finding.remedy else ""
    remedy = f" {finding.remedy}" if finding.remedy else ""
    return f"{finding.verdict:<9}  {finding.check}: {finding.found.rstrip('.')}{end}{remedy}"


async def _until_terminated(settings: Settings, roles: Sequence[Role], say: Say) -> None:
    """Examine. SIGTERM ends the process as it ends others, but only when the topic is deleted."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    terminated = False

    def end() -> None:
        nonlocal terminated
        terminated = True
        if task is not None:
            task.cancel()

    loop.add_signal_handler(signal.SIGTERM, end)
    try:
        await examine(settings, roles, say, clock_ms)
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        if terminated:
            signal.raise_signal(signal.SIGTERM)
