"""What `make dist` builds: the same bytes everywhere, with every data file. tests/kafka/test_bare_metal.py
installs it.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from streams import __version__
from streams.distribution import requirement

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
WHEEL = f"tocsin-{__version__}-py3-none-any.whl"
SOURCES = f"tocsin-{__version__}.tar.gz"
PACKAGED = ("streams", "schemas", "tocsin_demo")


def files(root):
    """The files of the packages below `root`, by their path within it."""
    return {
        str(path.relative_to(root))
        for package in PACKAGED
        for path in (root / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


def test_the_checksums_are_those_of_every_file(release):
    lines = (release / "SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert sums.keys() == {WHEEL, SOURCES, "requirements.txt", "tocsin.cdx.json"}
    assert sums.keys() | {"SHA256SUMS"} == {path.name for path in release.iterdir()}
    for name, digest in sums.items():
        assert hashlib.sha256((release / name).read_bytes()).hexdigest() == digest


def test_the_wheel_has_every_file_of_the_packages(release):
    with zipfile.ZipFile(release / WHEEL) as wheel:
        names = {name for name in wheel.namelist() if not name.startswith("tocsin-")}
    assert names == files(ROOT)


def test_the_sources_have_what_the_native_core_is_built_from(release):
    top = SOURCES.removesuffix(".tar.gz")
    with tarfile.open(release / SOURCES) as sources:
        names = {
            name.removeprefix(f"{top}/native/") for name in sources.getnames() if f"{top}/native/" in name
        }
    rust = {str(path.relative_to(ROOT / "native")) for path in (ROOT / "native" / "src").rglob("*.rs")}
    expected = rust | {"Cargo.toml", "build.py", "crates.sha256"}
    assert expected <= names
    assert not [name for name in names if name.startswith("target/") or name == "Cargo.lock"]


def test_pip_installs_the_path_that_messages_name(release, tmp_path):
    (tmp_path / "dist").symlink_to(release)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--dry-run",
        "--no-index",
        "--no-deps",
        "--ignore-installed",
    ]
    done = subprocess.run(
        [*pip, requirement("console")], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert f"Would install tocsin-{__version__}" in done.stdout, done.stdout + done.stderr


def test_another_checkout_gives_the_same_bytes(release, tmp_path):
    # At another place and time, and with other rights; the wheel from the tree and not from the sources.
    checkout = tmp_path / "checkout"
    shutil.copytree(
        ROOT,
        checkout,
        ignore=lambda folder, names: {
            name for name in names if name in ("__pycache__", "build", "dist") or name.startswith(".venv")
        },
    )
    for path in checkout.rglob("*"):
        if path.is_file():
            path.chmod(0o600)
            os.utime(path, (1_000_000_000, 1_000_000_000))
    (checkout / "left-over.txt").write_text("not in git")
    (checkout / "native" / "target").mkdir(exist_ok=True)
    (checkout / "native" / "target" / "left-over.so").write_text("not in git")
    for kind in ("--wheel", "--sdist"):
        subprocess.run(
            [sys.executable, "-m", "build", "--no-isolation", kind, "--outdir", tmp_path / "dist", checkout],
            capture_output=True,
            timeout=120,
            check=True,
        )
    for name in (WHEEL, SOURCES):
        assert (tmp_path / "dist" / name).read_bytes() == (release / name).read_bytes(), name
