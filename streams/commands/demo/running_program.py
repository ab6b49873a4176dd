"""What to type in another shell to run the same `tocsin`."""

import shlex
import sys
from pathlib import Path


def running_program() -> str:
    """The command that this process was started by, as words for a shell in any folder.

    Not the bare name: in a fresh checkout `tocsin` is on nobody's PATH, and another shell may have no environment active.
    """
    started = Path(sys.argv[0]).absolute()
    if started.suffix == ".py":
        return shlex.join([sys.executable, "-m", "streams.commands.main"])
    return shlex.quote(str(started))
