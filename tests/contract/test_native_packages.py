"""The native core is built from the packages that native/ pins, and from nothing else, whatever cargo is
told.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from streams import __version__
from tests.contract.crate_registry import Checkout, Registry
from tests.tools import program

ROOT = Path(__file__).parents[2]
NATIVE = ROOT / "native"
CARGO = tomllib.loads((NATIVE / "Cargo.toml").read_text(encoding="utf-8"))
FUZZ_CARGO = tomllib.loads((NATIVE / "fuzz" / "Cargo.toml").read_text(encoding="utf-8"))


def test_the_native_core_has_the_version_of_tocsin():
    assert CARGO["package"]["version"] == __version__
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["optional-dependencies"]["native"] == [f"tocsin-native=={__version__}"]


def test_what_is_built_is_never_hidden_by_a_wheel(tmp_path):
    """A folder is found before a file of that name."""
    python = tmp_path / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path], check=True, timeout=60)
    (site,) = (tmp_path / "lib").glob("python*/site-packages")
    (site / "tocsin_native").mkdir()
    done = subprocess.run([python, NATIVE / "build.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"{site / 'tocsin_native'} is of a wheel" in done.stderr
    assert "pip uninstall tocsin_native" in done.stderr


@pytest.mark.parametrize("target", ["riscv64gc-unknown-linux-gnu"])
def test_a_machine_for_which_this_rust_has_no_library_is_named(target, tmp_path):
    (tmp_path / "rustc").write_text(f"#!/bin/sh\necho {tmp_path}/none\n")
    (tmp_path / "rustc").chmod(0o755)
    done = subprocess.run(
        [sys.executable, NATIVE / "wheel.py", tmp_path / "dist", target],
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"no standard library for {target}: rustup target add {target}" in done.stderr


@pytest.mark.parametrize("manifest", [CARGO, FUZZ_CARGO], ids=["native", "fuzz"])
def test_every_package_has_an_exact_version_and_a_checksum(manifest):
    exact = {
        f"{name}-{version.removeprefix('=')}.crate"
        for table in (manifest["dependencies"], manifest["target"]["cfg(any())"]["dependencies"])
        for name, version in versions(table).items()
        if version.startswith("=")
    }
    folder = NATIVE if manifest is CARGO else NATIVE / "fuzz"
    lines = (folder / "crates.sha256").read_text(encoding="ascii").splitlines()
    assert exact == {name for _, name in map(str.split, lines)} != set()
    assert {len(digest) for digest, _ in map(str.split, lines)} == {64}


def versions(table):
    return {name: row if isinstance(row, str) else row["version"] for name, row in table.items()}


def test_what_is_fuzzed_has_the_packages_of_the_native_core():
    core, fuzzed = (
        {name: row if isinstance(row, dict) else {"version": row} for name, row in table.items()}
        for table in (CARGO["dependencies"], FUZZ_CARGO["dependencies"])
    )
    assert fuzzed.pop("libfuzzer-sys")["optional"]
    assert fuzzed == {name: core[name] for name in fuzzed} != {}
    assert FUZZ_CARGO["package"]["rust-version"] == CARGO["package"]["rust-version"]


def build(**environment):
    return subprocess.run(
        [sys.executable, NATIVE / "build.py"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("found", [None, "cargo 1.65.0", "cargo 1.84.1 (66221abde 2024-11-19)"])
def test_without_a_cargo_that_can_build_it_the_message_says_which_package_to_install(found, tmp_path):
    if found:
        (tmp_path / "cargo").write_text(f"#!/bin/sh\necho '{found}'\n")
        (tmp_path / "cargo").chmod(0o755)
    done = build(PATH=str(tmp_path))
    assert done.returncode == 1
    assert f"needs cargo {CARGO['package']['rust-version']} or newer" in done.stderr
    assert "On Debian 12: apt-get install cargo-web." in done.stderr
    assert "Debian 13 and newer: apt-get install cargo." in done.stderr


@pytest.fixture
def registry(tmp_path):
    program("cargo", "apt-get install cargo-web")
    return Registry(tmp_path / "registry")


@pytest.fixture
def checkout(registry, tmp_path):
    """A native core that needs `forked`, which needs `needed`, as a registry has them. Compiling either
    leaves a trace.
    """
    trace = f"""fn main() {{ std::fs::write("{tmp_path}/trace", "").unwrap(); }}"""
    sources = {"build.rs": trace, "src/lib.rs": "pub fn one() -> u8 { 1 }"}
    sums = {
        "needed-1.0.0.crate": registry.publish("needed", "1.0.0", sources, {}, "1.56"),
        # For a newer Rust than native/Cargo.toml asks for.
        "needed-1.1.0.crate": registry.publish("needed", "1.1.0", sources, {}, "1.999"),
        "forked-2.0.0.crate": registry.publish("forked", "2.0.0", sources, {"needed": "1"}, "1.56"),
    }
    checkout = Checkout(tmp_path / "checkout", registry)
    (checkout.native / "src" / "lib.rs").write_text("pub fn one() -> u8 { forked::one() }\n")
    (checkout.native / "Cargo.toml").write_text("""\
[package]
name = "tocsin_native"
version = "0.0.0"
edition = "2021"
rust-version = "1.85"
resolver = "3"
[lib]
crate-type = ["cdylib"]
[dependencies]
forked = "=2.0.0"
[target.'cfg(any())'.dependencies]
needed = { version = "=1.0.0", default-features = false }
""")
    (checkout.native / "crates.sha256").write_text(
        "".join(f"{sums[name]}  {name}\n" for name in ("forked-2.0.0.crate", "needed-1.0.0.crate"))
    )
    return checkout


@pytest.mark.slow
def test_it_is_fetched_from_the_users_own_mirror_once_and_then_built_without_network(
    registry, checkout, tmp_path
):
    with registry.serve():
        done = checkout.run("build.py")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "checkout" / "environment").rglob("tocsin_native*")] == [
        "tocsin_native.abi3.so"
    ]
    assert (tmp_path / "trace").exists(), "the package was compiled"
    assert not (checkout.native / "Cargo.lock").exists()
    # Without what was built and resolved, without the registry, and as on another host.
    shutil.rmtree(tmp_path / "checkout" / "build")
    fetched, checkout.cargo_home = checkout.cargo_home, tmp_path / "other"
    shutil.copytree(fetched / "registry", checkout.cargo_home / "registry")
    done = checkout.run("build.py")
    assert (done.returncode, done.stderr) == (0, "")


def test_without_network_and_packages_the_message_says_what_to_do(registry, checkout):
    with registry.serve():
        pass
    done = checkout.run("build.py")
    assert done.returncode == 1
    assert "cargo could not fetch the packages of the native core, see above" in done.stderr
    assert "needs the network once, or a mirror" in done.stderr
    assert "copy the folder `registry` from ~/.cargo" in done.stderr


@pytest.mark.parametrize("fetched", [False, True])
def test_a_package_that_is_not_the_published_one_is_not_compiled(registry, checkout, tmp_path, fetched):
    with registry.serve():
        if fetched:
            assert checkout.run("build.py").returncode == 0
            (tmp_path / "trace").unlink()
            shutil.rmtree(checkout.built)
        sums = checkout.native / "crates.sha256"
        listed = sums.read_text()
        sums.write_text("0" * 64 + listed[64:])
        done = checkout.run("build.py")
    assert done.returncode == 1
    assert f"  forked-2.0.0.crate: {listed[:64]} instead of {'0' * 64}\n" in done.stderr
    assert not (tmp_path / "trace").exists() and not checkout.built.exists()


def test_a_package_that_nobody_listed_and_one_that_the_user_replaced_are_not_compiled(
    registry, checkout, tmp_path
):
    forked = tmp_path / "replaced"
    (forked / "src").mkdir(parents=True)
    (forked / "Cargo.toml").write_text('[package]\nname = "forked"\nversion = "2.0.0"\nedition = "2021"\n')
    (forked / "build.rs").write_text(f"""fn main() {{ std::fs::write("{tmp_path}/trace", "").unwrap(); }}""")
    (forked / "src" / "lib.rs").write_text("pub fn one() -> u8 { 2 }")
    sums = checkout.native / "crates.sha256"
    sums.write_text(sums.read_text().partition("\n")[0] + "\n")
    (tmp_path / "checkout" / ".cargo").mkdir()
    (tmp_path / "checkout" / ".cargo" / "config.toml").write_text(
        f'[patch.crates-io]\nforked = {{ path = "{forked}" }}\n'
    )
    with registry.serve():
        done = checkout.run("build.py")
    assert done.returncode == 1
    assert "  forked-2.0.0.crate: no checksum instead of " in done.stderr
    assert "  needed-1.0.0.crate: " in done.stderr and " instead of nothing\n" in done.stderr
    assert not (tmp_path / "trace").exists() and not checkout.built.exists()


def test_pinning_anew_writes_what_the_build_takes(registry, checkout):
    manifest, sums = checkout.native / "Cargo.toml", checkout.native / "crates.sha256"
    expected = manifest.read_text(), sums.read_text()
    manifest.write_text(expected[0].replace('needed = { version = "=1.0.0"', 'stale = { version = "=9.0.0"'))
    sums.write_text("")
    with registry.serve():
        done = checkout.run("pin.py", checkout.native)
        assert done.returncode == 0, done.stderr
        # The newest for the Rust that native/Cargo.toml names.
        assert (manifest.read_text(), sums.read_text()) == expected
        assert checkout.run("build.py").returncode == 0
