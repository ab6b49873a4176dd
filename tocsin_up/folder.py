"""The folder of a Tocsin on one machine: what is where, who holds it, and what the first start writes."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

_SOURCES: Final = """\
# Who may send reports to `tocsin intake`: docs/intake.md. A change takes effect with a restart.
sources:
  forum:
    ce_source: /forum
    authentication: {scheme: bearer, secret_file: forum.secret}
"""

_SETTINGS: Final = """\
# The settings of the Tocsin in this folder. Its first start wrote them, and nothing overwrites them: edit
# them, and start `tocsin up` again. `tocsin config show` explains every setting. In another shell, commands
# use this Tocsin after `cd` to this folder and `set -a; . ./tocsin.env; set +a`.
#
# Keep a copy of this file elsewhere. Without the two keys nobody whom Tocsin has counted is recognised again;
# whoever has them can test which pseudonym a person has.

# Hashes reporters in the state.
TOCSIN_HASH_KEY={hash_key}
# Makes pseudonyms of the ids that arrive at the intake.
TOCSIN_INTAKE_PSEUDONYM_KEY={pseudonym_key}

# Kafka. There is one broker on this machine, so there is one replica.
TOCSIN_KAFKA_BOOTSTRAP=127.0.0.1:9092
TOCSIN_UP_CONTROLLER_PORT=9093
TOCSIN_REPLICATION_FACTOR=1
TOCSIN_MIN_INSYNC_REPLICAS=1
TOCSIN_PARTITIONS=4

# The worker. The name lets one that was killed go on at once.
TOCSIN_INSTANCE=one
TOCSIN_HTTP_PORT=9464
TOCSIN_LOG_FORMAT=console

# The intake: reports arrive here, from whom the file of sources lists. Paths begin in this folder.
TOCSIN_INTAKE_SOURCES_FILE=intake.yaml
TOCSIN_INTAKE_PORT=8490
TOCSIN_INTAKE_METRICS_PORT=9476

# The console. Without sign-in it serves this machine alone, and everybody on it may act as anybody:
# docs/one-machine.md says what to set for more people.
TOCSIN_CONSOLE_DATABASE=console.sqlite
TOCSIN_CONSOLE_PORT=8460
TOCSIN_CONSOLE_METRICS_PORT=9465

# `tocsin up` itself: its page about this machine, and how many daily saves of the state it keeps.
TOCSIN_UP_PORT=8480
TOCSIN_UP_SAVES=7
"""


class Folder:
    """The paths below the folder in `--data`."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.settings = self.path / "tocsin.env"
        self.sources = self.path / "intake.yaml"
        self.secret = self.path / "forum.secret"
        self.kafka = self.path / "kafka"
        self.logs = self.path / "logs"
        self.saves = self.path / "saves"
        self.processes = self.path / "up.processes"
        self.lock = self.path / "up.lock"


@contextmanager
def held(folder: Folder) -> Iterator[None]:
    """Make the folder if need be, and hold it against another `tocsin up` in the block.

    Raises ClickException if another one holds it, and names that; or if the folder cannot be used.
    """
    try:
        folder.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.fdopen(os.open(folder.lock, os.O_RDWR | os.O_CREAT, 0o600), "r+")
    except OSError as error:
        raise click.ClickException(f"{folder.path} cannot be used: {error.strerror}") from error
    # The kernel releases the lock when its holder ends, however it does; children do not inherit it.
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = lock.read() or "another process"
            raise click.ClickException(f"{folder.path} is in use by {holder}") from None
        lock.truncate()
        lock.write(f"process {os.getpid()}, `tocsin up` since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
        lock.flush()
        yield


def prepare(folder: Folder) -> bool:
    """Write settings, keys and the file of sources if this is the first start; return whether it is.

    What exists is never changed. Raises ClickException if the folder has other things but no settings.
    """
    if folder.settings.exists():
        return False
    own = {folder.lock, folder.sources, folder.secret, folder.settings.with_suffix(".partial")}
    others = sorted(path.name for path in set(folder.path.iterdir()) - own)
    if others:
        raise click.ClickException(
            f"{folder.path} has no {folder.settings.name}, and is not empty ({', '.join(others[:3])}). Give "
            "a new folder. If Tocsin ran in this one, restore that file from your copy: with new keys it "
            "would recognise nobody."
        )
    _write_once(folder.secret, secrets.token_hex(32) + "\n")
    _write_once(folder.sources, _SOURCES)
    partial = folder.settings.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    keys = {"hash_key": secrets.token_hex(32), "pseudonym_key": secrets.token_hex(32)}
    _write_once(partial, _SETTINGS.format_map(keys))
    # Last, and complete: a first start that is interrupted is repeated.
    partial.rename(folder.settings)
    return True


def make_parts(folder: Folder) -> None:
    """Make the folders that the processes write into."""
    for part in (folder.kafka, folder.logs, folder.saves):
        part.mkdir(exist_ok=True, mode=0o700)


def _write_once(path: Path, text: str) -> None:
    """Write a file that only its owner may read, unless it is there."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
