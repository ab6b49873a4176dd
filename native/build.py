"""Builds the native core for the Python that runs this script: `.venv/bin/python native/build.py`.

Needs cargo, and the network for the first time. The packages are those of native/crates.sha256 or none
(native/cargo.py). Exits with 1 and a reason if something is missing or wrong.
"""

import shutil
import sys
import sysconfig
from pathlib import Path

from cargo import BUILD, PROGRAM, WITHOUT, cargo, prepare

# What links to no Python finds its names in the one that loads it; the linker of macOS must be told so.
_LINK = "-C link-arg=-undefined -C link-arg=dynamic_lookup" if sys.platform == "darwin" else ""
_LIBRARY = "libtocsin_native.dylib" if sys.platform == "darwin" else "libtocsin_native.so"


def main() -> None:
    """Build the extension and put it where this Python imports it from."""
    packages = Path(sysconfig.get_path("platlib"))
    # A folder of that name is found before a file, so what is built here would never run.
    if (packages / "tocsin_native").is_dir():
        sys.exit(
            f"{PROGRAM}: {packages / 'tocsin_native'} is of a wheel, and would hide what is built. First: "
            f"{sys.executable} -m pip uninstall tocsin_native"
        )
    prepare()
    if not cargo("build", "--release", "--locked", "--offline", flags=_LINK):
        sys.exit(f"{PROGRAM}: cargo failed, see above. {WITHOUT}")
    target = packages / "tocsin_native.abi3.so"
    # Replaced, and not written into: running workers have the old file mapped.
    partial = target.with_suffix(".partial")
    shutil.copyfile(BUILD / "target" / "release" / _LIBRARY, partial)
    partial.replace(target)
    print(f"built {target}")


if __name__ == "__main__":
    main()
