"""The command line that runs the same `tocsin` in another shell."""

import shlex
import sys
from pathlib import Path


def running_program() -> str:
    """The command that started this process, quoted for a shell in any folder.

    It is a full path: in a fresh checkout `tocsin` is not on the PATH, and the other shell may have no
    virtual environment active.
    """
    started = Path(sys.argv[0]).absolute()
    if started.suffix == ".py":
        return shlex.join([sys.executable, "-m", "streams.commands.main"])
    return shlex.quote(str(started))
