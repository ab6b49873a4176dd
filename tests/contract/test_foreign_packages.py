"""`tocsin` does not run beside somebody else's `streams` or `schemas`, and says where they lie."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import tocsin
from streams import __version__

ROOT = Path(__file__).parents[2]


def started(folder, *path):
    """`tocsin --version` as where `folder` has Tocsin, with more folders before it on the path."""
    code = f"import sys; sys.path[:0] = {[*map(str, path), str(folder)]!r}; import tocsin; tocsin.main()"
    return subprocess.run(
        [sys.executable, "-c", code, "--version"], cwd="/", capture_output=True, text=True, check=False
    )


@pytest.fixture
def site(tmp_path):
    """A folder with Tocsin as pip installs it there."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "tocsin.py").write_bytes((ROOT / "tocsin.py").read_bytes())
    for name in ("streams", "schemas"):
        (site / name).symlink_to(ROOT / name)
    info = site / f"tocsin-{__version__}.dist-info"
    info.mkdir()
    (info / "RECORD").write_text("tocsin.py,,\nstreams/__init__.py,,\nschemas/README.md,,\n")
    return site


def install(site, name, *files):
    """Put a wheel's files into the folder as pip does: what is there already is written over."""
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))


def test_alone_it_starts(site):
    install(site, "upstreams", "upstreams/streams/__init__.py", "streams_of_others.py", "my_schemas/x.json")
    done = started(site)
    assert (done.returncode, done.stdout) == (0, f"tocsin, version {__version__}\n"), done.stderr


@pytest.mark.parametrize("name", ["streams/__init__.py", "streams.py", "schemas/__init__.py", "schemas.py"])
def test_a_package_elsewhere_on_the_path_is_named(site, tmp_path, name):
    other = tmp_path / "other" / name
    other.parent.mkdir(parents=True)
    other.write_text("raise SystemExit('the code of somebody else ran')\n")
    done = started(site, tmp_path / "other")
    assert done.returncode == 2
    assert f"  {other}\n" in done.stderr and "Nothing was done." in done.stderr
    assert "somebody else ran" not in done.stderr and done.stdout == ""


@pytest.mark.parametrize("file", ["streams/__init__.py", "streams/worker.py", "streams.py", "schemas/a.json"])
def test_another_distribution_in_the_same_folder_is_named(site, file):
    install(site, "something_else", "something_else.py", file)
    done = started(site)
    assert done.returncode == 2
    name = file.partition("/")[0].removesuffix(".py")
    assert f"  {site / name}, of something_else-1.0 too\n" in done.stderr


def test_a_checkout_is_not_foreign_to_itself():
    assert tocsin.foreign_packages(["", *sys.path]) == []


def test_another_checkout_is_not_foreign(site, tmp_path):
    other = tmp_path / "other"
    (other / "streams").mkdir(parents=True)
    (other / "streams" / "__init__.py").touch()
    assert tocsin.foreign_packages([str(site), str(other)]) == [str(other / "streams" / "__init__.py")]
    (other / "tocsin.py").touch()
    assert tocsin.foreign_packages([str(site), str(other)]) == []


def test_a_folder_of_data_named_schemas_is_not_a_package(site, tmp_path):
    (tmp_path / "work" / "schemas").mkdir(parents=True)
    assert started(site, tmp_path / "work").returncode == 0


@pytest.mark.nightly
def test_the_program_of_the_wheel_looks_first(release, tmp_path):
    """With pip, a real wheel of somebody else, and the program that pip makes."""
    (tmp_path / "schemas-1.0-py3-none-any.whl").touch()
    with zipfile.ZipFile(tmp_path / "schemas-1.0-py3-none-any.whl", "w") as made:
        info = "schemas-1.0.dist-info"
        made.writestr("schemas/__init__.py", "")
        made.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: schemas\nVersion: 1.0\n")
        made.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        made.writestr(
            f"{info}/RECORD",
            f"schemas/__init__.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n",
        )
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    wheels = [release / f"tocsin-{__version__}-py3-none-any.whl", tmp_path / "schemas-1.0-py3-none-any.whl"]
    pip = [tmp_path / "venv" / "bin" / "pip", "install", "--quiet", "--no-index", "--no-deps", *wheels]
    subprocess.run(pip, check=True)
    done = subprocess.run(
        [tmp_path / "venv" / "bin" / "tocsin", "worker"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "site-packages/schemas/__init__.py\n" in done.stderr
    assert "site-packages/schemas, of schemas-1.0 too\n" in done.stderr
