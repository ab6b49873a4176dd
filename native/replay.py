"""Runs inputs of native/fuzz once each, with the usual Rust: `.venv/bin/python native/replay.py FOLDER...`.

A folder is called as the target that runs its inputs. Prints how many of them the native core takes, and
exits with 1 and the path of an input that fails.
"""

import subprocess
import sys

from cargo import FUZZ, NATIVE, PROGRAM, cargo, prepare


def main(folders: list[str]) -> None:
    """Build and run."""
    prepare()
    prepare(NATIVE / "fuzz", FUZZ)
    if not cargo("build", "--release", "--locked", "--offline", "--bin", "replay", build=FUZZ):
        sys.exit(f"{PROGRAM}: cargo failed, see above")
    program = FUZZ / "target" / "release" / "replay"
    sys.exit(subprocess.run([program, *folders], check=False).returncode)  # noqa: S603


if __name__ == "__main__":
    main(sys.argv[1:])
