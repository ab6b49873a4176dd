"""Builds the native core for the Python that runs this script: `.venv/bin/python native/build.py`.

Needs cargo with rustc 1.63 or newer, and no network: the packages are in native/crates/, with the checksums under which they
were published in native/crates.sha256. Nothing is written into native/. Exits with 1 and a reason if something is missing or wrong.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

NATIVE = Path(__file__).resolve().parent
BUILD = NATIVE.parent / "build" / "native"

# Cargo takes the packages from this folder and nowhere else.
CARGO_CONFIG = """\
[source.crates-io]
replace-with = "crates"
[source.crates]
directory = "crates"
"""


def main() -> None:
    """Build the extension and put it where this Python imports it from."""
    cargo = shutil.which("cargo")
    if cargo is None:
        sys.exit("native/build.py: needs cargo, which is not on the PATH. On Debian: apt-get install cargo")
    unpack_crates()
    copy_sources()
    done = subprocess.run(  # noqa: S603  # no shell; the arguments are this script's
        [cargo, "build", "--release", "--offline", "--quiet"],
        cwd=BUILD,
        # The stable ABI needs no Python to build with, so any one runs the result.
        env=os.environ | {"CARGO_TARGET_DIR": "target", "PYO3_NO_PYTHON": "1"},
        check=False,
    )
    if done.returncode != 0:
        sys.exit("native/build.py: cargo failed, see above. Tocsin runs without the native core too.")
    target = Path(sysconfig.get_path("platlib")) / "tocsin_native.abi3.so"
    # Replaced, and not written into: running workers have the old file mapped.
    partial = target.with_suffix(".partial")
    shutil.copyfile(BUILD / "target" / "release" / "libtocsin_native.so", partial)
    partial.replace(target)
    print(f"built {target}")


def unpack_crates() -> None:
    """Unpack the packages as a "directory source" of cargo. Exits if one is not what was published."""
    unpacked = BUILD / "crates"
    shutil.rmtree(unpacked, ignore_errors=True)
    for line in (NATIVE / "crates.sha256").read_text(encoding="ascii").splitlines():
        published, name = line.split()
        crate = NATIVE / "crates" / name
        if hashlib.sha256(crate.read_bytes()).hexdigest() != published:
            sys.exit(
                f"{crate}: its SHA-256 is not the one in native/crates.sha256. Restore both from the repository."
            )
        shutil.unpack_archive(crate, unpacked, "gztar")
        # Cargo wants this file. It compares `package` with nothing, and the archive is checked above.
        checksums = json.dumps({"files": {}, "package": published})
        (unpacked / crate.stem / ".cargo-checksum.json").write_text(checksums, encoding="ascii")


def copy_sources() -> None:
    """Copy what cargo builds, so that its lock file and its output stay out of native/."""
    shutil.rmtree(BUILD / "src", ignore_errors=True)
    # With the times of the files: cargo builds what is newer than its output.
    shutil.copytree(NATIVE / "src", BUILD / "src")
    shutil.copy2(NATIVE / "Cargo.toml", BUILD)
    (BUILD / ".cargo").mkdir(exist_ok=True)
    (BUILD / ".cargo" / "config.toml").write_text(CARGO_CONFIG, encoding="ascii")
    # Made anew from the packages, of which there is one version each.
    (BUILD / "Cargo.lock").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
