"""Builds the native core for the Python that runs this script: `.venv/bin/python native/build.py`.

Needs cargo, and the network for the first time: cargo fetches the packages from where its own configuration
says, which may be a mirror, and keeps them. Each must have its checksum in native/crates.sha256; none is
compiled or run before this is sure. Nothing is written into native/. Exits with 1 and a reason if something
is missing or wrong.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

NATIVE = Path(__file__).resolve().parent
BUILD = NATIVE.parent / "build" / "native"

INSTALL = "On Debian 12: apt-get install cargo-web. On Debian 13 and newer: apt-get install cargo."
WITHOUT = "Tocsin runs without the native core too."


def main() -> None:
    """Build the extension and put it where this Python imports it from."""
    require_cargo()
    copy_sources()
    # Without the network first: it is needed only when a package was never fetched.
    if not fetch(offline=True) and not fetch(offline=False):
        sys.exit(
            "native/build.py: cargo could not fetch the packages of the native core, see above. It needs the "
            "network once, or a mirror that its configuration names. Or copy the folder `registry` from "
            "~/.cargo (or CARGO_HOME) of a machine with the same configuration that has built this version. "
            f"{WITHOUT}"
        )
    if not cargo("build", "--release", "--locked", "--offline"):
        sys.exit(f"native/build.py: cargo failed, see above. {WITHOUT}")
    target = Path(sysconfig.get_path("platlib")) / "tocsin_native.abi3.so"
    # Replaced, and not written into: running workers have the old file mapped.
    partial = target.with_suffix(".partial")
    shutil.copyfile(BUILD / "target" / "release" / "libtocsin_native.so", partial)
    partial.replace(target)
    print(f"built {target}")


def require_cargo() -> None:
    """Exit if there is no cargo, or one that cannot build this."""
    needed = tomllib.loads((NATIVE / "Cargo.toml").read_text(encoding="utf-8"))["package"]["rust-version"]
    if shutil.which("cargo") is None:
        sys.exit(f"native/build.py: needs cargo {needed} or newer, and none is on the PATH. {INSTALL}")
    answer = subprocess.run(["cargo", "--version"], capture_output=True, text=True, check=False)  # noqa: S607
    version = re.match(r"cargo (\d+)\.(\d+)", answer.stdout)
    if version is None:
        sys.exit(f"native/build.py: `cargo --version` says no version: {answer.stdout}{answer.stderr}")
    if tuple(map(int, version.groups())) < tuple(map(int, needed.split("."))):
        sys.exit(f"native/build.py: needs cargo {needed} or newer, and this is {version[0]}. {INSTALL}")


def copy_sources() -> None:
    """Copy what cargo builds, so that its lock file and its output stay out of native/."""
    # The configuration is that of an earlier version of this script.
    for folder in ("src", ".cargo"):
        shutil.rmtree(BUILD / folder, ignore_errors=True)
    # With the times of the files: cargo builds what is newer than its output.
    shutil.copytree(NATIVE / "src", BUILD / "src")
    shutil.copy2(NATIVE / "Cargo.toml", BUILD)


def fetch(*, offline: bool) -> bool:
    """Fetch the packages, and say whether cargo could.

    Exits if they are not those of native/crates.sha256.
    """
    options = ["--offline"] if offline else []
    # Offline a failure is no complaint yet.
    errors = subprocess.DEVNULL if offline else None
    lock = BUILD / "Cargo.lock"
    lock.unlink(missing_ok=True)
    if not cargo("generate-lockfile", *options, stderr=errors):
        return False
    resolved = {
        f"{package['name']}-{package['version']}.crate": package.get("checksum", "no checksum")
        for package in tomllib.loads(lock.read_text(encoding="utf-8"))["package"]
        if package["name"] != "tocsin_native"
    }
    lines = (NATIVE / "crates.sha256").read_text(encoding="ascii").splitlines()
    published = {name: digest for digest, name in map(str.split, lines)}
    wrong = [
        f"  {name}: {resolved.get(name, 'missing')} instead of {published.get(name, 'nothing')}"
        for name in sorted(resolved.keys() | published.keys())
        if resolved.get(name) != published.get(name)
    ]
    if wrong:
        sys.exit(
            "native/build.py: cargo would build other packages than native/crates.sha256 lists. Nothing of "
            "them was compiled or run.\n"
            + "\n".join(wrong)
            + "\nIf cargo's configuration names a mirror or replaces packages, correct"
            " that. Otherwise restore native/Cargo.toml and native/crates.sha256 from the repository."
        )
    # Compares what it downloads with the checksums in the lock file.
    return cargo("fetch", "--locked", *options, stderr=errors)


def cargo(*arguments: str, stderr: int | None = None) -> bool:
    """Run cargo in the copy, and say whether it succeeded."""
    done = subprocess.run(  # noqa: S603  # no shell; the arguments are this script's
        ["cargo", *arguments, "--quiet"],  # noqa: S607
        cwd=BUILD,
        # The stable ABI needs no Python to build with, so any one runs the result.
        env=os.environ | {"CARGO_TARGET_DIR": "target", "PYO3_NO_PYTHON": "1"},
        stderr=stderr,
        check=False,
    )
    return done.returncode == 0


if __name__ == "__main__":
    main()
