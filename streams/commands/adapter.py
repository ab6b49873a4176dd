"""`tocsin adapter`: connects desks that work elsewhere."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import click

from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.shared.extra_packages import extra_packages
from streams.commands.shared.suggesting_group import SuggestingGroup
from streams.commands.shared.terminal import echo
from streams.desk.adapters.coop.settings import CoopSettings
from streams.desk.adapters.handled.run import resend_handled, run_handled
from streams.desk.adapters.handled.settings import HandledSettings
from streams.desk.adapters.ozone.run import resend_ozone, run_ozone
from streams.desk.adapters.ozone.settings import OzoneSettings
from streams.desk.adapters.settings import AdapterSettings
from streams.desk.adapters.webhook.run import resend_webhook, run_webhook
from streams.desk.adapters.webhook.settings import WebhookSettings
from streams.running.operations.logs import configure_logs
from streams.running.worker.environment import load_prefixed
from streams.running.worker.settings import Settings, load_settings

Own = TypeVar("Own", bound=AdapterSettings)


@click.group(cls=SuggestingGroup)
def adapter() -> None:
    """Connect desks that work elsewhere: a process per receiver.

    docs/adapters.md says what each sends and what comes back.
    """


_set_aside = click.option(
    "--set-aside", is_flag=True, help="Send once more what this adapter has set aside, and exit."
)


@adapter.command()
@_set_aside
def webhook(set_aside: bool) -> None:
    """Post events to an https address, as signed CloudEvents.

    Runs until Ctrl-C or SIGTERM. With --set-aside it exits with 1 if the receiver does not take all of them.

    \b
    Examples:
      TOCSIN_WEBHOOK_ADDRESS=https://desk.example.org/tocsin TOCSIN_WEBHOOK_SECRET_FILE=/run/secrets/webhook tocsin adapter webhook
      tocsin adapter webhook --set-aside
    """  # noqa: D301 - \b tells click not to rewrap the paragraph
    _run(WebhookSettings, resend_webhook if set_aside else run_webhook)


@adapter.command()
@_set_aside
def ozone(set_aside: bool) -> None:
    """Report escalations to Ozone, and publish its moderators' decisions as outcomes.

    Runs until Ctrl-C or SIGTERM. With --set-aside it exits with 1 if Ozone does not take all of them.
    """
    _run(OzoneSettings, resend_ozone if set_aside else run_ozone)


@adapter.command()
@_set_aside
def coop(set_aside: bool) -> None:
    """Report escalations to Coop, and publish its moderators' decisions as outcomes.

    Runs until Ctrl-C or SIGTERM. With --set-aside it exits with 1 if Coop does not take all of them.
    """
    with extra_packages("the adapter for Coop", "adapters"):
        # It verifies Coop's signatures.
        from streams.desk.adapters.coop.run import resend_coop, run_coop  # noqa: PLC0415
    _run(CoopSettings, resend_coop if set_aside else run_coop)


@adapter.command()
@_set_aside
def handled(set_aside: bool) -> None:
    """Mark reports as handled where they were made, once people have decided about them.

    For Synapse and Mastodon. Runs until Ctrl-C or SIGTERM. With --set-aside it exits with 1 if the platform
    does not take all of them.
    """
    _run(HandledSettings, resend_handled if set_aside else run_handled)


def _run(
    model: type[Own], work: Callable[[Settings, Own], Coroutine[Any, Any, tuple[int, int] | None]]
) -> None:
    settings, own = load_settings(), load_prefixed(model, os.environ)
    configure_logs(settings.log_level, settings.log_format)
    with broker_errors_explained(settings):
        resent = asyncio.run(work(settings, own))
    if resent is not None:
        delivered, set_aside = resent
        echo(f"{delivered} delivered, {set_aside} set aside again")
        if set_aside:
            raise SystemExit(1)
