"""`tocsin worker`: run one worker process."""

import click

from streams.running.errors import OwnershipLost, RefusedToStart, WrongAppendTime
from streams.running.operations.logs import configure_logs
from streams.running.worker.app import build_app
from streams.running.worker.settings import load_settings


@click.command()
def worker() -> None:
    """Run one worker until SIGTERM or SIGINT.

    Start one worker per core, at most one per partition; they divide the partitions among themselves. Create
    the topics first (`tocsin topics create`). A worker logs to standard error and serves /readyz and /metrics
    on TOCSIN_HTTP_PORT; workers on the same machine need different ports.

    Exits with 0 after a signal, with 2 if a setting or a file is invalid, and with 1 if its supervisor should
    start it again. docs/operations-emergencies.md lists what stops a worker.
    """
    settings = load_settings()
    app = build_app(settings)
    explained = (OwnershipLost, RefusedToStart, WrongAppendTime)
    configure_logs(settings.log_level, settings.log_format, *explained)
    process = app.Worker(loglevel=settings.log_level, override_logging=False, quiet=True)
    # Faust's spinner would write dots between the log lines.
    process.spinner = None
    process.execute_from_commandline()
