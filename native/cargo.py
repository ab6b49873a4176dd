"""Runs cargo on a copy of native/ or native/fuzz/, once the packages that it would build are surely right.

cargo fetches them from where its own configuration says, which may be a mirror, and keeps them. Each must
have its checksum in the file crates.sha256 beside Cargo.toml; none is compiled or run before this is sure.
Nothing is written into native/.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

NATIVE: Final = Path(__file__).resolve().parent
BUILD: Final = NATIVE.parent / "build" / "native"
# Beside the copy of the native core, whose modules it takes.
FUZZ: Final = BUILD / "fuzz"

# Of whoever imports this, for messages.
PROGRAM: Final = f"native/{Path(sys.argv[0]).name}"

# The stable ABI needs no Python to build with, so any one runs the result.
ENVIRONMENT: Final = {"CARGO_TARGET_DIR": str(BUILD / "target"), "PYO3_NO_PYTHON": "1"}

_INSTALL = "On Debian 12: apt-get install cargo-web. On Debian 13 and newer: apt-get install cargo."
WITHOUT: Final = "Tocsin runs without the native core too."


def prepare(folder: Path = NATIVE, build: Path = BUILD) -> None:
    """Copy the sources, with a lock file of packages that are fetched and have the right checksums.

    Exits with 1 and a reason if cargo is missing or too old, or if the packages are others or cannot be had.
    """
    _require_cargo()
    _copy_sources(folder, build)
    # Without the network first: it is needed only when a package was never fetched.
    if not _fetch(folder, build, offline=True) and not _fetch(folder, build, offline=False):
        sys.exit(
            f"{PROGRAM}: cargo could not fetch the packages of the native core, see above. It needs the "
            "network once, or a mirror that its configuration names. Or copy the folder `registry` from "
            "~/.cargo (or CARGO_HOME) of a machine with the same configuration that has built this version. "
            f"{WITHOUT}"
        )


def cargo(*arguments: str, build: Path = BUILD, stderr: int | None = None, flags: str = "") -> bool:
    """Run cargo in the copy, with these options of Rust's compiler, and say whether it succeeded."""
    done = subprocess.run(  # noqa: S603  # no shell; the arguments are these scripts'
        ["cargo", *arguments, "--quiet"],  # noqa: S607
        cwd=build,
        env=os.environ
        | ENVIRONMENT
        | {"CARGO_TARGET_DIR": str(build / "target")}
        | ({"RUSTFLAGS": flags} if flags else {}),
        stderr=stderr,
        check=False,
    )
    return done.returncode == 0


def _require_cargo() -> None:
    """Exit if there is no cargo, or one that cannot build this."""
    needed = tomllib.loads((NATIVE / "Cargo.toml").read_text(encoding="utf-8"))["package"]["rust-version"]
    if shutil.which("cargo") is None:
        sys.exit(f"{PROGRAM}: needs cargo {needed} or newer, and none is on the PATH. {_INSTALL}")
    answer = subprocess.run(["cargo", "--version"], capture_output=True, text=True, check=False)  # noqa: S607
    version = re.match(r"cargo (\d+)\.(\d+)", answer.stdout)
    if version is None:
        sys.exit(f"{PROGRAM}: `cargo --version` says no version: {answer.stdout}{answer.stderr}")
    if tuple(map(int, version.groups())) < tuple(map(int, needed.split("."))):
        sys.exit(f"{PROGRAM}: needs cargo {needed} or newer, and this is {version[0]}. {_INSTALL}")


def _copy_sources(folder: Path, build: Path) -> None:
    """Copy what cargo builds, so that its lock file and its output stay out of native/."""
    # The configuration is that of an earlier version of these scripts.
    for old in ("src", ".cargo"):
        shutil.rmtree(build / old, ignore_errors=True)
    # With the times of the files: cargo builds what is newer than its output.
    shutil.copytree(folder / "src", build / "src")
    shutil.copy2(folder / "Cargo.toml", build)


def _fetch(folder: Path, build: Path, *, offline: bool) -> bool:
    """Fetch the packages, and say whether cargo could.

    Exits if they are not those of crates.sha256.
    """
    options = ["--offline"] if offline else []
    # Offline a failure is no complaint yet.
    errors = subprocess.DEVNULL if offline else None
    lock = build / "Cargo.lock"
    lock.unlink(missing_ok=True)
    if not cargo("generate-lockfile", *options, build=build, stderr=errors):
        return False
    sums, manifest = folder / "crates.sha256", folder / "Cargo.toml"
    own = tomllib.loads(manifest.read_text(encoding="utf-8"))["package"]["name"]
    resolved = {
        f"{package['name']}-{package['version']}.crate": package.get("checksum", "no checksum")
        for package in tomllib.loads(lock.read_text(encoding="utf-8"))["package"]
        if package["name"] != own
    }
    lines = sums.read_text(encoding="ascii").splitlines()
    published = {name: digest for digest, name in map(str.split, lines)}
    wrong = [
        f"  {name}: {resolved.get(name, 'missing')} instead of {published.get(name, 'nothing')}"
        for name in sorted(resolved.keys() | published.keys())
        if resolved.get(name) != published.get(name)
    ]
    if wrong:
        listed, needed = (path.relative_to(NATIVE.parent) for path in (sums, manifest))
        sys.exit(
            f"{PROGRAM}: cargo would build other packages than {listed} lists. Nothing of "
            "them was compiled or run.\n"
            + "\n".join(wrong)
            + "\nIf cargo's configuration names a mirror or replaces packages, correct"
            f" that. Otherwise restore {needed} and {listed} from the repository."
        )
    # Compares what it downloads with the checksums in the lock file.
    return cargo("fetch", "--locked", *options, build=build, stderr=errors)
