"""Builds the native core as wheels for other machines.

`.venv-release/bin/python native/wheel.py FOLDER TARGET...`. A target is Rust's name of a machine, such as
x86_64-unknown-linux-gnu. A wheel runs on every Python from 3.11 on, and on every Linux of its processor whose
C library is as new as the tag in its name or newer. maturin builds it, Zig links it against that C library,
and auditwheel, which has no part in building it, must read the same tag from its symbols.

Needs cargo with the standard library of each target (rustup target add TARGET, or Debian's libstd-rust-dev of
another architecture), and the network for the first time. The packages are those of native/crates.sha256 or
none (native/cargo.py). Exits with 1 and a reason if something is missing or wrong.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from cargo import BUILD, ENVIRONMENT, PROGRAM, prepare

# The oldest C library that Rust's standard library runs on: glibc of 2012, that of the tag manylinux2014.
_POLICY: Final = "manylinux_2_17"

_TOOLS: Final = Path(sys.executable).parent


def main(folder: Path, targets: list[str]) -> None:
    """Build a wheel for each target into the folder, and check it."""
    for target in targets:
        _require_standard_library(target)
    prepare()
    for target in targets:
        wheel = _build(folder, target)
        _check(wheel, f"{_POLICY}_{target.partition('-')[0]}")
        print(f"built {wheel}")


def _require_standard_library(target: str) -> None:
    asked = [os.environ.get("RUSTC", "rustc"), "--print", "target-libdir", "--target", target]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603
    if answer.returncode != 0 or not Path(answer.stdout.strip()).is_dir():
        sys.exit(
            f"{PROGRAM}: this Rust has no standard library for {target}: rustup target add {target}, or, of "
            "Debian's Rust, libstd-rust-dev (on Debian 12 libstd-rust-web-dev) of that architecture"
        )


def _build(folder: Path, target: str) -> Path:
    """Return the wheel for a target."""
    out = BUILD / "wheels" / target
    for old in out.glob("*.whl"):
        old.unlink()
    maturin = [str(_TOOLS / "maturin"), "build", "--quiet", "--release", "--locked", "--offline", "--zig"]
    done = subprocess.run(  # noqa: S603
        [*maturin, "--compatibility", _POLICY, "--target", target, "--out", str(out)],
        cwd=BUILD,
        env=os.environ
        | ENVIRONMENT
        | {
            "PATH": f"{_TOOLS}{os.pathsep}{os.environ['PATH']}",
            "ZIG_GLOBAL_CACHE_DIR": str(BUILD / "zig"),
            "CARGO_ZIGBUILD_CACHE_DIR": str(BUILD / "zigbuild"),
        },
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"{PROGRAM}: maturin failed, see above")
    (built,) = out.glob("*.whl")
    folder.mkdir(parents=True, exist_ok=True)
    return built.rename(folder / built.name)


def _check(wheel: Path, tag: str) -> None:
    """Exit if the wheel needs newer symbols of the C library than its name says."""
    shown = subprocess.run(  # noqa: S603
        [_TOOLS / "auditwheel", "show", wheel], capture_output=True, text=True, check=False
    )
    found = re.search(r'platform tag:\s+"(\w+)"', shown.stdout)
    if tag not in wheel.name or found is None or found[1] != tag:
        wheel.unlink()
        sys.exit(f"{PROGRAM}: auditwheel does not find {tag} in {wheel.name}:\n{shown.stdout}{shown.stderr}")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2:])
