"""Installs pinned packages with pip, and says how far it is: quiet, pip says nothing for minutes.

`python requirements/install.py FILE...`, with the Python of the environment that gets them. pip's own output
is shown only if it fails. Needs nothing but the standard library: it runs before anything is installed.
"""

import re
import subprocess
import sys
import sysconfig
import time
from collections.abc import Sequence
from pathlib import Path

_SECONDS_BETWEEN_LINES = 10


def install(files: Sequence[str]) -> int:
    """Install what the files pin, with their hashes. Returns the exit code of pip."""
    wanted = {
        name
        for file in files
        for name in re.findall(r"^([\w.-]+)==", Path(file).read_text("utf-8"), re.MULTILINE)
    }
    print(f"Installing {len(wanted)} packages, once", flush=True)
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off"]
    options = ["--require-hashes", *(word for file in files for word in ("-r", file))]
    with subprocess.Popen(  # noqa: S603 - pip, with the files of the caller
        [*pip, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        said = _follow(running, len(wanted))
    if running.returncode:
        print("".join(said), end="", file=sys.stderr)
    return running.returncode


def _follow(running: "subprocess.Popen[str]", wanted: int) -> list[str]:
    """Say how far pip is until it ends. Returns what it said."""
    assert running.stdout is not None
    said: list[str] = []
    found, shown_at = 0, time.monotonic()
    for line in running.stdout:
        said.append(line)
        if line.startswith("Ignoring "):
            # For another system or version of Python.
            wanted -= 1
        elif line.startswith("Collecting "):
            found += 1
            if time.monotonic() - shown_at >= _SECONDS_BETWEEN_LINES:
                shown_at = time.monotonic()
                print(f"  {found} of {wanted} found: {line.split()[1].partition('==')[0]}", flush=True)
        elif line.startswith("Installing collected packages"):
            print("  all are downloaded; unpacking", flush=True)
            _count_unpacked(running, wanted)
    return said


def _count_unpacked(running: "subprocess.Popen[str]", wanted: int) -> None:
    """Meanwhile pip says nothing."""
    packages = Path(sysconfig.get_path("purelib"))
    while True:
        try:
            running.wait(_SECONDS_BETWEEN_LINES)
        except subprocess.TimeoutExpired:
            print(f"  {len([*packages.glob('*.dist-info')])} of {wanted} unpacked", flush=True)
        else:
            return


if __name__ == "__main__":
    sys.exit(install(sys.argv[1:]))
