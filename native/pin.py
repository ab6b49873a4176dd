"""Pins the packages of native/ or native/fuzz/: `make crates`, after a change of a version in a Cargo.toml.

Writes the versions of the packages that those of `[dependencies]` need in turn to the end of Cargo.toml, each
the newest for its `rust-version`, and the checksums of all into crates.sha256. Needs cargo and the network;
builds nothing.
"""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

WORK = Path(__file__).resolve().parents[1] / "build" / "pins"
TABLE = "[target.'cfg(any())'.dependencies]\n"


def main(folder: Path) -> None:
    """Resolve again, and write the pins and the checksums."""
    manifest = folder / "Cargo.toml"
    chosen, table, _ = manifest.read_text(encoding="utf-8").partition(TABLE)
    if shutil.which("cargo") is None:
        sys.exit("native/pin.py: needs cargo, and none is on the PATH")
    if not table:
        sys.exit(f"native/pin.py: {manifest} lacks the line {TABLE.strip()}, at its end")
    shutil.rmtree(WORK, ignore_errors=True)
    shutil.copytree(folder / "src", WORK / "src")
    (WORK / "Cargo.toml").write_text(chosen, encoding="utf-8")
    if subprocess.run(["cargo", "generate-lockfile"], cwd=WORK, check=False).returncode != 0:  # noqa: S607
        sys.exit("native/pin.py: cargo could not resolve the packages, see above")
    lock = tomllib.loads((WORK / "Cargo.lock").read_text(encoding="utf-8"))
    packages = [package for package in lock["package"] if "checksum" in package]
    direct = tomllib.loads(chosen)["dependencies"]
    pins = [
        f'{package["name"]} = {{ version = "={package["version"]}", default-features = false }}\n'
        for package in packages
        if package["name"] not in direct
    ]
    sums = [f"{package['checksum']}  {package['name']}-{package['version']}.crate\n" for package in packages]
    manifest.write_text(chosen + table + "".join(pins), encoding="utf-8")
    (folder / "crates.sha256").write_text("".join(sums), encoding="ascii")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
