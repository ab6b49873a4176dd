"""The packages of the native core are those that were published, complete, and old enough for Debian 12's Rust."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from functools import cache
from pathlib import Path

import pytest

from streams import __version__

ROOT = Path(__file__).parents[2]
NATIVE = ROOT / "native"
CARGO = tomllib.loads((NATIVE / "Cargo.toml").read_text(encoding="utf-8"))
PUBLISHED = {
    name: digest
    for digest, name in map(str.split, (NATIVE / "crates.sha256").read_text(encoding="ascii").splitlines())
}


@cache
def manifest(name):
    """The Cargo.toml inside of a package."""
    with tarfile.open(NATIVE / "crates" / name) as crate:
        text = crate.extractfile(f"{name.removesuffix('.crate')}/Cargo.toml").read()
    return tomllib.loads(text.decode())


def pinned():
    """Versions by the names of the packages."""
    packages = [manifest(name)["package"] for name in PUBLISHED]
    assert len({package["name"] for package in packages}) == len(packages), "one version of each"
    return {package["name"]: package["version"] for package in packages}


def needed(name):
    """What a package always needs, whichever features are chosen."""
    document = manifest(name)
    # Not what other systems than Linux need.
    for kind in ("dependencies", "build-dependencies"):
        for key, value in document.get(kind, {}).items():
            if isinstance(value, str) or not value.get("optional"):
                yield key if isinstance(value, str) else value.get("package", key)


def minor(rust):
    return int(rust.split(".")[1])


def test_the_native_core_has_the_version_of_tocsin():
    assert CARGO["package"]["version"] == __version__


def test_every_package_is_the_published_one():
    assert {path.name for path in (NATIVE / "crates").iterdir()} == PUBLISHED.keys()
    for name, digest in PUBLISHED.items():
        assert hashlib.sha256((NATIVE / "crates" / name).read_bytes()).hexdigest() == digest, name


def test_the_pins_and_what_they_need_are_there():
    versions = pinned()
    for name, row in CARGO["dependencies"].items():
        assert (row if isinstance(row, str) else row["version"]) == f"={versions[name]}"
    for name in PUBLISHED:
        assert [other for other in needed(name) if other not in versions] == [], name


@pytest.mark.parametrize("name", PUBLISHED)
def test_no_package_asks_for_a_newer_rust_than_debian_12_has(name):
    allowed = CARGO["package"]["rust-version"]
    assert allowed == "1.63"
    assert minor(manifest(name)["package"].get("rust-version", allowed)) <= minor(allowed)


def test_no_lock_file_says_where_packages_come_from():
    texts = [
        path.read_text(encoding="utf-8")
        for path in NATIVE.rglob("*")
        if path.suffix in (".toml", ".py", ".md", ".sha256")
    ]
    assert len(texts) > 3
    assert [text for text in texts if "://" in text] == []
    assert "native/Cargo.lock" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


def build(folder, **environment):
    return subprocess.run(
        [sys.executable, folder / "native" / "build.py"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_cargo_the_build_says_how_to_get_it():
    done = build(ROOT, PATH="")
    assert done.returncode == 1
    assert "needs cargo" in done.stderr and "apt-get install cargo" in done.stderr


def test_a_package_that_is_not_the_published_one_is_not_built(tmp_path):
    shutil.copytree(NATIVE, tmp_path / "native")
    name = next(iter(PUBLISHED))
    with (tmp_path / "native" / "crates" / name).open("ab") as crate:
        crate.write(b"x")
    # Any program: it must not be started.
    (tmp_path / "cargo").symlink_to(shutil.which("true"))
    done = build(tmp_path, PATH=str(tmp_path))
    assert done.returncode == 1
    assert re.search(rf"{name}: its SHA-256 is not the one in native/crates.sha256", done.stderr)
